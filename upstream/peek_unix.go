//go:build unix && !linux

package upstream

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// peek looks whether a socket has anything to say, without reading it and
// without waiting. Made once per connection, because its pieces would be
// allocated by each use; poll(2) rather than recv(2) with MSG_PEEK, because it
// tells the same and the latter's wrapper allocates. Control rather than Read: a
// deadline that passed while the connection idled says nothing about it.
type peek struct {
	raw   syscall.RawConn
	look  func(fd uintptr)
	fds   [1]unix.PollFd
	quiet bool
}

func (p *peek) init(c *net.TCPConn) {
	raw, err := c.SyscallConn()
	if err != nil {
		return
	}
	p.raw = raw
	p.look = func(fd uintptr) {
		p.fds[0] = unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}
		n, err := unix.Poll(p.fds[:], 0)
		p.quiet = n == 0 && err == nil
	}
}

// silent reports whether an idle connection is open and has nothing to read. One
// that was closed, or on which the server spoke unasked (408, a TLS alert), is not.
func (p *peek) silent() bool {
	p.quiet = false
	return p.raw != nil && p.raw.Control(p.look) == nil && p.quiet
}
