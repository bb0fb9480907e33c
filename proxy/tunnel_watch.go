package proxy

import (
	"sync"
	"time"

	"sluice/analysis"
)

// tunnelWatch breaks a tunnel in which nothing moves. Its timer is set ahead, and the
// clock looked at when it fires, so that a message costs a store. What was written counts as moved, and so does
// what a slow reader takes of it: between idle and twice as long may pass before one that stopped reading is found out.
type tunnelWatch struct {
	tunnel *tunnel
	ended  chan struct{} // closed when look is called no more, unless the timer was stopped

	mu     sync.Mutex
	timer  *time.Timer // nil: there is no limit
	over   bool
	unsent int   // bytes written to either end and not taken, at the last look
	since  int64 // when as many were first seen
}

// watch begins; end must be called.
func watch(t *tunnel) *tunnelWatch {
	w := &tunnelWatch{tunnel: t, ended: make(chan struct{})}
	t.active.Store(analysis.Now())
	if t.idle > 0 {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.timer = time.AfterFunc(time.Duration(t.idle), w.look)
	}
	return w
}

func (w *tunnelWatch) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	wait := int64(0)
	if !w.over {
		wait = w.left(analysis.Now(), unsentTo(w.tunnel.client.socket)+unsentTo(w.tunnel.server.socket))
	}
	switch {
	case wait > 0:
		w.timer.Reset(time.Duration(wait))
		return
	case !w.over:
		w.tunnel.sever()
	}
	close(w.ended)
}

// left is how long the tunnel may still stay as it is, ns. unsent are the bytes that neither peer has taken.
func (w *tunnelWatch) left(now int64, unsent int) int64 {
	t := w.tunnel
	if unsent < w.unsent {
		t.active.Store(now)
	}
	if unsent != w.unsent {
		w.unsent, w.since = unsent, now
	}
	wait := t.active.Load() + t.idle - now
	if unsent > 0 { // a slow reader needs time to show that it is one
		wait = max(wait, w.since+t.idle/2-now)
	}
	return wait
}

// end waits until look is called no more.
func (w *tunnelWatch) end() {
	if w.timer == nil {
		return
	}
	w.mu.Lock()
	w.over = true
	stopped := w.timer.Stop()
	w.mu.Unlock()
	if !stopped {
		<-w.ended
	}
}
