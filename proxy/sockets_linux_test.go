package proxy

import (
	"net"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// delivered waits until the peer's kernel has all that was written to nc.
func delivered(t testing.TB, nc net.Conn) {
	raw, err := nc.(syscall.Conn).SyscallConn()
	if err != nil {
		t.Error(err)
		return
	}
	await(t, "what was written has arrived", func() bool {
		left := 0
		if err := raw.Control(func(fd uintptr) { left, err = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) }); err != nil {
			return true // closed: nothing will arrive any more
		}
		return left == 0 || err != nil
	})
}
