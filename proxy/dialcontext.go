package proxy

import (
	"context"
	"sync"
	"time"
)

// dialContext is a context with a timeout that costs nothing until it is
// waited on, which taking an idle connection never does. Once waited on it is
// an ordinary one, and is not used again: others may still hold it.
type dialContext struct {
	context.Context // of Run
	limit           time.Duration
	dials           *sync.WaitGroup // of the server

	mu     sync.Mutex
	inner  context.Context // nil: not waited on yet
	cancel context.CancelFunc
}

// dialContext bounds how long a connection may be waited for, queue and dial
// together. It is pooled with the exchange, because it escapes.
func (x *exchange) dialContext() *dialContext {
	if x.wait == nil {
		x.wait = new(dialContext)
	}
	d := x.wait
	d.Context, d.limit, d.dials = x.c.ctx, 10*time.Second, &x.c.server.dials
	if connect := x.svc.Policy.ConnectTimeout; connect > 0 {
		d.limit = 2 * connect
	}
	return d
}

// dialed ends the use of d.
func (x *exchange) dialed(d *dialContext) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.cancel != nil {
		d.cancel()
		x.wait = nil
	}
}

func (d *dialContext) made() context.Context {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.inner == nil {
		d.inner, d.cancel = context.WithTimeout(d.Context, d.limit)
	}
	return d.inner
}

// Deadline, Done, Err and Value are those of the context with the timeout.
// Value too: it is how package context finds a parent that it knows.
func (d *dialContext) Deadline() (time.Time, bool) { return d.made().Deadline() }
func (d *dialContext) Done() <-chan struct{}       { return d.made().Done() }
func (d *dialContext) Err() error                  { return d.made().Err() }
func (d *dialContext) Value(key any) any           { return d.made().Value(key) }

// Detached implements upstream.Detached: a dial whose request has found another
// connection may go on, as long as the server runs. Run waits for its end.
func (d *dialContext) Detached() (ctx context.Context, ended func()) {
	d.dials.Add(1)
	return d.Context, d.dials.Done
}
