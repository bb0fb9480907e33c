//go:build unix

package upstream

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// peek looks whether a socket has anything to say, without reading it and
// without waiting. Made once per connection, because the pieces would be
// allocated by each use. Control instead of Read: a deadline that passed while
// the connection idled says nothing about it.
type peek struct {
	raw  syscall.RawConn
	look func(fd uintptr)
	buf  [1]byte
	ok   bool
}

func (p *peek) init(c *net.TCPConn) {
	raw, err := c.SyscallConn()
	if err != nil {
		return
	}
	p.raw = raw
	p.look = func(fd uintptr) {
		for {
			_, _, err := unix.Recvfrom(int(fd), p.buf[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
			if err != unix.EINTR {
				p.ok = err == unix.EAGAIN
				return
			}
		}
	}
}

// quiet reports whether an idle connection is open and silent. One that was
// closed, or on which the server spoke unasked (408, a TLS alert), is not.
func (p *peek) quiet() bool {
	p.ok = false
	return p.raw != nil && p.raw.Control(p.look) == nil && p.ok
}
