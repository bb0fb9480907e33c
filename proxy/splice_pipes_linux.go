package proxy

import (
	"sync"

	"golang.org/x/sys/unix"
)

// What is spent on pipes. A stalled client holds one with up to pipeSize bytes in it, so
// their number is bounded: beyond it bytes are copied.
const (
	pipeSize  = 256 << 10 // bytes in one
	maxPipes  = 128       // open at a time: 256 descriptors
	idlePipes = 8         // kept for the next
)

// pipe is a kernel pipe: its ends' descriptors.
type pipe struct{ in, out int }

// pipes are those of a Server. The zero value is ready; safe for concurrent use.
type pipes struct {
	mu   sync.Mutex
	idle []pipe
	open int
}

// take returns an empty pipe; false if there are too many, or no descriptors left.
func (ps *pipes) take() (pipe, bool) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if n := len(ps.idle); n > 0 {
		p := ps.idle[n-1]
		ps.idle = ps.idle[:n-1]
		return p, true
	}
	if ps.open == maxPipes {
		return pipe{}, false
	}
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return pipe{}, false // copying needs none
	}
	p := pipe{in: ends[1], out: ends[0]}
	_, _ = unix.FcntlInt(uintptr(p.in), unix.F_SETPIPE_SZ, pipeSize) // a smaller one takes more calls
	ps.open++
	return p, true
}

// put takes a pipe back; it is kept if it is empty and not too many are.
func (ps *pipes) put(p pipe, empty bool) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if empty && len(ps.idle) < idlePipes {
		ps.idle = append(ps.idle, p)
		return
	}
	ps.open--
	p.close()
}

// close closes those that are idle.
func (ps *pipes) close() {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	for _, p := range ps.idle {
		p.close()
	}
	ps.open -= len(ps.idle)
	ps.idle = nil
}

func (p pipe) close() {
	_ = unix.Close(p.in) // nothing is left to do about it
	_ = unix.Close(p.out)
}
