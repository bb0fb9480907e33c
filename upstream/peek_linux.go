package upstream

import (
	"net"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// peek looks whether a socket has anything to say, without reading it and
// without waiting. Made once per connection, because its pieces would be
// allocated by each use. The system call is made raw, since it can't block and the
// scheduler need not hear of it: recv(2) so is a third of poll(2), and its
// wrapper would allocate. Control rather than Read: a deadline that passed while
// the connection idled says nothing about it.
type peek struct {
	raw   syscall.RawConn
	look  func(fd uintptr)
	buf   [1]byte
	quiet bool
}

func (p *peek) init(c *net.TCPConn) {
	raw, err := c.SyscallConn()
	if err != nil {
		return
	}
	p.raw = raw
	p.look = func(fd uintptr) {
		_, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(&p.buf)), 1,
			unix.MSG_PEEK|unix.MSG_DONTWAIT, 0, 0)
		p.quiet = errno == unix.EAGAIN
	}
}

// silent reports whether an idle connection is open and has nothing to read. One
// that was closed, or on which the server spoke unasked (408, a TLS alert), is not.
func (p *peek) silent() bool {
	p.quiet = false
	return p.raw != nil && p.raw.Control(p.look) == nil && p.quiet
}
