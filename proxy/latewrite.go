package proxy

import (
	"sync"
	"time"

	"sluice/analysis"
)

// watchFrom is how much a write to the client must be to be watched, in bytes: less fits the
// socket's buffer.
const watchFrom = 4 << 10

// lateWrite settles an answer whose body takes longer than lateSuccess while a write of it
// waits for the client. Without it a client that stops reading, or reads slowly, would make its
// version look as if it hung. The timer is set once an answer, if at all. The zero value is
// ready; look runs on a goroutine of the timer's, only while the exchange's own is in a write.
type lateWrite struct {
	mu      sync.Mutex
	x       *exchange   // whose write is under way; nil: none is
	timer   *time.Timer // kept from one answer to the next; nil: none was needed
	running bool        // the timer is set for the answer at hand; of the exchange's goroutine
}

// begin is called before a write of an answer that is not settled, and end after it.
func (l *lateWrite) begin(x *exchange) {
	now := analysis.Now()
	if x.settleLate(now); x.try.finished {
		return
	}
	l.mu.Lock()
	l.x = x
	l.mu.Unlock()
	if l.running {
		return
	}
	l.running = true
	wait := time.Duration(x.try.headAt + lateSuccess - now)
	if l.timer == nil {
		l.timer = time.AfterFunc(wait, l.look)
	} else {
		l.timer.Reset(wait)
	}
}

// end waits for a look that is under way.
func (l *lateWrite) end() {
	l.mu.Lock()
	l.x = nil
	l.mu.Unlock()
}

// look may be one for an earlier answer that came late: settleLate asks how old the answer is.
func (l *lateWrite) look() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.x != nil {
		l.x.settleLate(analysis.Now())
	}
}

// stop ends the watch over an answer.
func (l *lateWrite) stop() {
	if l.running {
		l.running = false
		l.timer.Stop() // a look that runs finds no write
	}
}

// toClient writes a part of the answer to the client.
func (x *exchange) toClient(p []byte) error {
	if x.try.finished || len(p) < watchFrom {
		return x.c.out.write(p, x.now)
	}
	x.c.late.begin(x)
	defer x.c.late.end()
	return x.c.out.write(p, x.now)
}
