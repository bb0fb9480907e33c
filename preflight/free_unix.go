//go:build linux || darwin || freebsd

package preflight

import "syscall"

// freeBytes is what an ordinary user may still write to the file system of dir.
func freeBytes(dir string) (free uint64, known bool) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil || s.Bsize <= 0 {
		return 0, false
	}
	return uint64(s.Bavail) * uint64(s.Bsize), true
}
