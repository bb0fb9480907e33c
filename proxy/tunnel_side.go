package proxy

import (
	"io"
	"os"
	"sync"

	"sluice/analysis"

	"golang.org/x/sys/unix"
)

const (
	tunnelBuffer = 32 << 10 // bytes read at a time
	tlsBuffer    = 4 << 10  // bytes with which TLS is waited for
	bulk         = 16 << 10 // bytes, from which on splicing a piece is cheaper than copying it
	bulkAfter    = 4        // pieces of bulk in a row after which the kernel moves them
)

// tunnelBuffers are for what is being moved: who waits for bare TCP holds none.
var tunnelBuffers = sync.Pool{New: func() any { return new([tunnelBuffer]byte) }}

// tunnelSide is one direction of a tunnel. It belongs to one goroutine.
type tunnelSide struct {
	from, to *tunnelEnd
	tunnel   *tunnel
	bytes    int64
	held     *[tunnelBuffer]byte // nil: none
	read     int                 // by receive, into held
	err      error
}

// run copies until the end of from, which it passes on, or an error, which breaks the tunnel.
func (s *tunnelSide) run() {
	var err error
	if s.from.bare != nil {
		err = s.carry()
	} else {
		err = s.carryPlain()
	}
	s.letGo()
	if err != io.EOF {
		s.tunnel.sever()
		return
	}
	closeWrite(s.to.Conn)
}

// carry copies from bare TCP.
func (s *tunnelSide) carry() error {
	receive := s.receive // once: a method value is an allocation
	for large := 0; ; {
		if err := s.from.bare.Read(receive); err != nil {
			return err
		}
		if s.err != nil {
			return s.err
		}
		if err := s.send(s.held[:s.read]); err != nil {
			return err
		}
		if large++; s.read < bulk {
			large = 0
		}
		if large >= bulkAfter && s.to.bare != nil {
			large = 0
			s.letGo()
			if err := s.splice(); err != nil {
				return err
			}
		}
	}
}

// receive reads what is there. It returns false, and holds no buffer, in order to be
// called again when the socket is readable.
func (s *tunnelSide) receive(fd uintptr) bool {
	if s.held == nil {
		s.held = tunnelBuffers.Get().(*[tunnelBuffer]byte)
	}
	for {
		n, err := unix.Read(int(fd), s.held[:])
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EAGAIN:
			s.letGo()
			return false
		case err != nil:
			s.err = os.NewSyscallError("read", err)
		case n == 0:
			s.err = io.EOF
		}
		s.read = n
		return true
	}
}

func (s *tunnelSide) letGo() {
	if s.held != nil {
		tunnelBuffers.Put(s.held)
		s.held = nil
	}
}

// carryPlain copies from what can't be waited for without a buffer: TLS may have read
// ahead. It waits with a small one.
func (s *tunnelSide) carryPlain() error {
	small := make([]byte, tlsBuffer)
	for p := small; ; {
		n, err := s.from.Read(p)
		if n > 0 {
			if err := s.send(p[:n]); err != nil {
				return err
			}
		}
		switch {
		case err != nil:
			return err
		case n < len(p):
			s.letGo()
			p = small
		case s.held == nil:
			s.held = tunnelBuffers.Get().(*[tunnelBuffer]byte)
			p = s.held[:]
		}
	}
}

func (s *tunnelSide) send(p []byte) error {
	n, err := s.to.Write(p)
	s.moved(n)
	return err
}

func (s *tunnelSide) moved(n int) {
	s.bytes += int64(n)
	s.tunnel.active.Store(analysis.Now())
}
