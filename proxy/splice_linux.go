package proxy

import (
	"errors"
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// errCannotSplice says that bytes have to be copied: there is no pipe to be had, or
// the kernel can't splice these sockets. Nothing was moved.
var errCannotSplice = errors.New("cannot splice")

// splicer moves bytes from one socket to another through a pipe. The kernel passes
// their pages on instead of copying them (splice(2)). Whoever waits for the source
// holds no pipe. It belongs to one goroutine; release must be called at the end.
type splicer struct {
	pipes    *pipes
	from, to syscall.RawConn
	pipe     pipe
	has      bool // a pipe
	held     int  // bytes in the pipe
	limit    int  // of a fill, in bytes
	err      error
	in, out  func(fd uintptr) bool // made once: a method value is an allocation
}

func (s *splicer) init(ps *pipes, from, to syscall.RawConn) {
	*s = splicer{pipes: ps, from: from, to: to}
	s.in, s.out = s.intoPipe, s.outOfPipe
}

// fill waits for the source, within its read deadline, and moves up to limit bytes
// into the pipe, which is empty. It gives io.EOF at the source's end.
func (s *splicer) fill(limit int64) error {
	s.limit, s.err = int(min(limit, pipeSize)), nil
	if err := s.from.Read(s.in); err != nil {
		return err
	}
	return s.err
}

// intoPipe returns false in order to be called again when the source is readable.
func (s *splicer) intoPipe(fd uintptr) bool {
	if !s.has {
		if s.pipe, s.has = s.pipes.take(); !s.has {
			s.err = errCannotSplice
			return true
		}
	}
	n, err := splice(int(fd), s.pipe.in, s.limit)
	switch {
	case err == unix.EAGAIN: // the pipe is empty: it is the source that has nothing
		s.release()
		return false
	case err == unix.EINVAL:
		s.err = errCannotSplice
	case err != nil:
		s.err = os.NewSyscallError("splice", err)
	case n == 0:
		s.err = io.EOF
	default:
		s.held, s.err = n, nil
	}
	return true
}

// drain waits until the target takes something, within its write deadline, and gives
// it what it takes of the bytes in the pipe.
func (s *splicer) drain() error {
	s.err = nil
	if err := s.to.Write(s.out); err != nil {
		return err
	}
	return s.err
}

func (s *splicer) outOfPipe(fd uintptr) bool {
	for before := s.held; s.held > 0; {
		n, err := splice(s.pipe.out, int(fd), s.held)
		switch {
		case err == unix.EAGAIN:
			return s.held < before
		case err != nil:
			s.err = os.NewSyscallError("splice", err)
			return true
		case n == 0: // never, or this would spin
			s.err = io.ErrNoProgress
			return true
		}
		s.held -= n
	}
	return true
}

// release gives the pipe back, if there is one.
func (s *splicer) release() {
	if s.has {
		s.pipes.put(s.pipe, s.held == 0)
		s.has, s.held = false, 0
	}
}

// splice moves up to n bytes. It never waits.
func splice(from, to, n int) (int, error) {
	for {
		moved, err := unix.Splice(from, nil, to, nil, n, unix.SPLICE_F_MOVE|unix.SPLICE_F_NONBLOCK)
		if err != unix.EINTR {
			return int(moved), err
		}
	}
}
