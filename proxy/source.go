package proxy

import (
	"bufio"
	"errors"
	"os"
	"time"

	"sluice/analysis"
)

// Errors of reading that are not the peer's doing.
var (
	errTimedOut = errors.New("timed out")
	errStopping = errors.New("the server is stopping")
)

// Ticks bound how long a read may sleep before it looks around.
const (
	firstTick  = int64(100 * time.Millisecond)
	answerTick = int64(200 * time.Millisecond) // while an upstream is waited for
	idleTick   = int64(time.Hour)              // while nothing has to be looked at
	slowTick   = int64(time.Second)            // the longest that a long wait makes of the others
)

// nap is how long a read that has waited for so long sleeps before its next look, after a
// sleep of last. Beyond tick it grows to an eighth of the wait: looks at
// thousands of slow uploads five times a second cost more than their bytes.
func nap(last, tick, waited int64) int64 {
	return min(2*last, max(tick, min(waited/8, slowTick)))
}

// watcher is asked at every tick of a waiting read whether to wait on.
type watcher interface {
	look(now int64) error
}

// source reads one connection through its buffer. Instead of a deadline per
// phase, which would touch the runtime's timers several times a request, it
// arms one some way ahead and, when that fires, sees whether the phase is over:
// under load a connection arms a few times a second (golang/go#25729).
type source struct {
	br    *bufio.Reader
	conn  readDeadliner
	armed int64 // when the deadline on conn fires, by analysis.Now; 0: unknown
	limit int64 // when the phase ends; 0: never
	from  int64 // when the phase began
	tick  int64 // longest sleep between two looks
	watch watcher
}

type readDeadliner interface {
	SetReadDeadline(t time.Time) error
}

// begin starts a phase that ends at limit (0: never). watch may be nil.
func (s *source) begin(now, limit, tick int64, watch watcher) {
	s.from, s.limit, s.tick, s.watch = now, limit, tick, watch
	want := limited(now+firstTick, limit)
	if s.armed <= now || s.armed > want {
		s.arm(now, want)
	}
}

// limited is at, or limit (0: none) if that comes first.
func limited(at, limit int64) int64 {
	if limit != 0 {
		return min(at, limit)
	}
	return at
}

func (s *source) arm(now, at int64) {
	s.armed = at
	// An error means that the connection is closed, which the read will tell.
	_ = s.conn.SetReadDeadline(time.Now().Add(time.Duration(at - now)))
}

// more waits until at least one more byte is buffered.
func (s *source) more() error { return s.wait(s.peek) }

func (s *source) peek() error {
	_, err := s.br.Peek(s.br.Buffered() + 1)
	return err
}

// wait repeats read, which waits on the connection, for as long as only the deadline ended it.
func (s *source) wait(read func() error) error {
	sleep := firstTick
	for {
		err := read()
		if err == nil {
			return nil
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		now := analysis.Now()
		if s.limit != 0 && now >= s.limit {
			s.armed = 0
			return errTimedOut
		}
		if first := s.from + firstTick; s.armed != 0 && s.armed <= now && now < first {
			s.arm(now, limited(first, s.limit)) // it had been armed for an earlier phase
			continue
		}
		if s.watch != nil {
			if err := s.watch.look(now); err != nil {
				s.armed = 0
				return err
			}
		}
		sleep = nap(sleep, s.tick, now-s.from)
		s.arm(now, limited(now+sleep, s.limit))
	}
}

// buffered is what has been read and not consumed. It holds until more.
func (s *source) buffered() []byte {
	b, _ := s.br.Peek(s.br.Buffered()) // never more than is there: no error
	return b
}

// skip consumes n buffered bytes.
func (s *source) skip(n int) {
	_, _ = s.br.Discard(n) // n bytes are buffered: no error
}

// headEnd waits for a whole head and returns it, still in the buffer. full is
// returned when it doesn't fit; a line end that is not CRLF is refused at
// once, as no end of head would ever be found after it.
func (s *source) headEnd() ([]byte, error) {
	seen := 0
	for {
		b := s.buffered()
		n, ok := findHeadEnd(b, seen)
		if !ok {
			return nil, refuseBareLF
		}
		if n > 0 {
			return b[:n], nil
		}
		seen = max(0, len(b)-3)
		if err := s.more(); err != nil {
			return nil, err
		}
	}
}

// findHeadEnd returns the length of the head in b, 0 if its end is not there
// yet. The first seen bytes hold no end. ok is false on a bare LF.
func findHeadEnd(b []byte, seen int) (n int, ok bool) {
	if i := indexEnd(b[seen:]); i >= 0 {
		return seen + i + 4, true
	}
	return 0, !hasBareLF(b, seen)
}
