package proxy

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// splice moves bytes in the kernel for as long as they come in bulk. It waits with no pipe.
func (s *tunnelSide) splice() error {
	var b splicer
	b.init(s.tunnel.pipes, s.from.bare, s.to.bare)
	defer b.release()
	for piece := bulk; piece >= bulk; {
		if err := b.fill(pipeSize); err == errCannotSplice {
			return nil
		} else if err != nil {
			return err
		}
		piece = b.held
		for b.held > 0 {
			before := b.held
			err := b.drain()
			s.moved(before - b.held)
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// unsentTo is how many bytes that were written to a socket its peer has not taken yet
// (SIOCOUTQ, tcp(7)). A write that waits does not show what a slow reader takes.
func unsentTo(socket any) (n int) {
	sc, ok := socket.(syscall.Conn)
	if !ok {
		return 0
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return 0
	}
	_ = raw.Control(func(fd uintptr) { n, _ = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) }) // 0 of one that is closed
	return n
}
