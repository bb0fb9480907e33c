package upstream

import (
	"container/list"
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// A request that found no idle connection dials one, and takes what comes first: its own,
// or one that another request gives back. What comes second is kept for others. Without that, 1,000 clients
// after a start are 1,000 connections, most of which nobody needs again, and one
// lost SYN (a full backlog) holds a request up for a second while others go by.
//
// For the same reason not all dial at once: while dialsAtOnce dials of an endpoint are under way, a
// request waits for one to end or for a connection given back, looking every dialStep, dialSteps times at most.
const (
	dialsAtOnce = 64
	dialStep    = 5 * time.Millisecond
	dialSteps   = 20
)

// Detached is implemented by contexts that end with a request, to say what a dial
// lives under that goes on without the request. Under any other context it is broken off.
type Detached interface {
	// Detached is the context that holds for more than this request. ended is called
	// once, when nothing runs under it any more. Neither is nil.
	Detached() (ctx context.Context, ended func())
}

// racers are the requests that dial an endpoint, first come, first served. The zero value is ready.
//
// As with places: whoever gives a connection back pushes it first and looks at n
// afterwards; whoever races raises n first and then looks for an idle one.
type racers struct {
	n       atomic.Int64 // length of queue
	dialing atomic.Int64 // by those who raced
	mu      sync.Mutex
	queue   list.List // of *racer
}

type racer struct {
	got   chan *link // buffered
	entry *list.Element
}

// race returns a connection for a caller that holds a place to dial in. If that is
// not used, or the dial fails, the place is given back. Where this machine has nothing left to dial with, a connection that
// another request gives back may still come: it is waited for, for the connect timeout.
func (p *Pool) race(ctx context.Context, e *Endpoint) (*link, error) {
	r := &racer{got: make(chan *link, 1)}
	if l := p.hold(ctx, r, e); l != nil {
		p.version.places.free()
		return l, nil
	}
	d := e.dialApart(ctx, p.o.ConnectTimeout)
	done, late := d.done, (<-chan time.Time)(nil)
	for {
		select {
		case <-done:
			if !Exhausted(d.err) || !e.lends() {
				return p.dialWon(d, e, r)
			}
			timer := time.NewTimer(p.o.ConnectTimeout)
			defer timer.Stop()
			done, late = nil, timer.C
		case <-late:
			return p.dialWon(d, e, r)
		case l := <-r.got:
			if l = p.given(l, r, e); l != nil {
				d.leave()
				return l, nil
			}
		case <-ctx.Done():
			d.leave()
			if l := e.racers.leave(r); l != nil {
				l.putBack()
			}
			return nil, fmt.Errorf("%s: %w", e.URL(), context.Cause(ctx))
		}
	}
}

// dialWon ends a race by the caller's own dial, well or not. If it was given
// another connection at the same moment, that helps out for a dial that failed.
func (p *Pool) dialWon(d *dialing, e *Endpoint, r *racer) (*link, error) {
	given := e.racers.leave(r)
	if d.err == nil {
		if given != nil {
			given.putBack()
		}
		return d.link, nil
	}
	p.version.places.free()
	if given = p.alive(given); given != nil {
		return given, nil
	}
	return nil, fmt.Errorf("%s: %w", e.URL(), d.err)
}

// hold enters the race, and lets the dials of many requests begin one after another. It
// returns a connection if one came meanwhile, so that there is nothing to dial.
func (p *Pool) hold(ctx context.Context, r *racer, e *Endpoint) *link {
	e.racers.enter(r, e)
	select {
	case l := <-r.got:
		if l = p.given(l, r, e); l != nil {
			return l
		}
	default:
	}
	if e.racers.mayDial() {
		return nil
	}
	step := time.NewTicker(p.dialStep)
	defer step.Stop()
	for range dialSteps {
		select {
		case l := <-r.got:
			if l = p.given(l, r, e); l != nil {
				return l
			}
		case <-step.C:
			if e.racers.mayDial() {
				return nil
			}
		case <-ctx.Done(): // the dial will find out
			e.racers.dialing.Add(1)
			return nil
		}
	}
	e.racers.dialing.Add(1)
	return nil
}

// mayDial takes one of the places to dial at once, if one is free.
func (q *racers) mayDial() bool {
	for n := q.dialing.Load(); n < dialsAtOnce; n = q.dialing.Load() {
		if q.dialing.CompareAndSwap(n, n+1) {
			return true
		}
	}
	return false
}

// given is l if it can carry an exchange; else r, which it was given to, waits for another.
func (p *Pool) given(l *link, r *racer, e *Endpoint) *link {
	if l = p.alive(l); l == nil {
		e.racers.enter(r, e)
	}
	return l
}

// alive is l if it can carry an exchange; else l is closed. l may be nil.
func (p *Pool) alive(l *link) *link {
	if l == nil || l.fresh(clock(), p.o.IdleTimeout) {
		return l
	}
	l.end()
	return nil
}

// enter queues r, and gives it an idle connection if there is one after all.
func (q *racers) enter(r *racer, e *Endpoint) {
	q.mu.Lock()
	defer q.mu.Unlock()
	r.entry = q.queue.PushBack(r)
	q.n.Add(1)
	q.serveLocked(e)
}

// leave takes r out. It returns what r had been given before, or nil.
func (q *racers) leave(r *racer) *link {
	q.mu.Lock()
	defer q.mu.Unlock()
	if r.entry != nil {
		q.remove(r)
		return nil
	}
	select {
	case l := <-r.got:
		return l
	default:
		return nil // taken before
	}
}

// serve hands e's idle connections to those who race.
func (q *racers) serve(e *Endpoint) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.serveLocked(e)
}

func (q *racers) serveLocked(e *Endpoint) {
	for front := q.queue.Front(); front != nil; front = q.queue.Front() {
		l := e.idle.pop()
		if l == nil {
			return
		}
		r := front.Value.(*racer)
		q.remove(r)
		r.got <- l
	}
}

func (q *racers) remove(r *racer) {
	q.queue.Remove(r.entry)
	r.entry = nil
	q.n.Add(-1)
}

// dialing is a dial on a goroutine of its own.
type dialing struct {
	decided atomic.Bool   // whoever sets it first: the dial, to be taken, or the request, to leave it
	done    chan struct{} // closed if the dial was first; then link or err is set
	link    *link
	err     error
	places  *places
	cancel  context.CancelFunc // nil: it goes on without the request
	over    chan struct{}      // closed when the goroutine ends, if it can be cancelled
}

// dialApart dials within timeout. The place is the caller's until leave.
func (e *Endpoint) dialApart(ctx context.Context, timeout time.Duration) *dialing {
	d := &dialing{done: make(chan struct{}), places: &e.target.version.places}
	var ended func()
	if longer, ok := ctx.(Detached); ok {
		ctx, ended = longer.Detached()
	} else {
		ctx, d.cancel = context.WithCancel(ctx)
		d.over = make(chan struct{})
		ended = func() { d.cancel(); close(d.over) }
	}
	go func() {
		defer ended()
		d.link, d.err = e.dial(ctx, timeout, Client{})
		e.racers.dialing.Add(-1)
		if d.link != nil {
			d.link.shard = rand.Uint32()
		}
		if d.decided.CompareAndSwap(false, true) {
			close(d.done)
		} else {
			d.keep()
		}
	}()
	return d
}

// leave gives up the dial; its place goes with it. One that can be cancelled has ended then.
func (d *dialing) leave() {
	if !d.decided.CompareAndSwap(false, true) {
		<-d.done
		d.keep()
	} else if d.cancel != nil {
		d.cancel()
		<-d.over
	}
}

// keep puts a connection that nobody waits for among the idle ones.
func (d *dialing) keep() {
	if d.err != nil {
		d.places.free()
		return
	}
	d.link.used, d.link.since = true, clock() // it may have died while idle, like one that was used
	d.link.putBack()
}
