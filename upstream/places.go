package upstream

import (
	"container/list"
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// places counts a version's open connections and queues the requests that wait
// for one, first come, first served.
//
// Whoever makes a connection or a place available does so first and looks at
// waiting afterwards; whoever waits raises waiting first and then looks for one. So
// one of the two always sees the other, without a lock on the way of a
// request that need not wait.
type places struct {
	open    atomic.Int64
	waiting atomic.Int64 // length of queue
	mu      sync.Mutex
	queue   list.List // of *waiter
}

type waiter struct {
	pool  *Pool
	e     *Endpoint
	fresh bool
	got   chan *link // buffered; nil: a place to dial in
	entry *list.Element
}

// take occupies a place to dial in, if nobody waits.
func (p *places) take(limit int) bool {
	return p.waiting.Load() == 0 && p.occupy(limit)
}

func (p *places) occupy(limit int) bool {
	for {
		n := p.open.Load()
		if limit > 0 && n >= int64(limit) {
			return false
		}
		if p.open.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// free gives a place back.
func (p *places) free() {
	p.open.Add(-1)
	if p.waiting.Load() > 0 {
		p.serve()
	}
}

// serve hands what is available to those who wait.
func (p *places) serve() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.serveLocked()
}

func (p *places) serveLocked() {
	for front := p.queue.Front(); front != nil; front = p.queue.Front() {
		w := front.Value.(*waiter)
		var l *link
		if !w.fresh {
			l = w.e.idle.pop()
		}
		if l == nil && !p.occupy(w.pool.o.MaxConnections) {
			spare := w.pool.spare()
			if spare == nil {
				return
			}
			spare.shut() // its place passes to w
		}
		p.remove(w)
		w.got <- l
	}
}

func (p *places) remove(w *waiter) {
	p.queue.Remove(w.entry)
	w.entry = nil
	p.waiting.Add(-1)
}

// wait queues for a connection to w.e, or for a place to dial one (nil link).
// It gives up when ctx or the pool's connect timeout ends.
func (p *places) wait(ctx context.Context, w *waiter) (*link, error) {
	if !p.enter(w) {
		return nil, fmt.Errorf("%s: %w", w.e.URL(), ErrOverLimit)
	}
	patience := time.NewTimer(w.pool.o.ConnectTimeout)
	defer patience.Stop()
	var cause error
	select {
	case l := <-w.got:
		return l, nil
	case <-patience.C:
		cause = context.DeadlineExceeded
	case <-ctx.Done():
		cause = context.Cause(ctx)
	}
	if !p.leave(w) {
		// Served at the same moment.
		l := <-w.got
		if ctx.Err() == nil {
			return l, nil
		}
		p.handOn(l)
	}
	return nil, fmt.Errorf("%s: %w while waiting: %w", w.e.URL(), ErrOverLimit, cause)
}

// enter queues w, unless too many already wait and nothing is available.
func (p *places) enter(w *waiter) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting.Add(1)
	w.entry = p.queue.PushBack(w)
	p.serveLocked()
	limit := w.pool.o.MaxPending
	refused := w.entry != nil && limit != 0 && p.queue.Len() > max(limit, 0)
	if refused {
		p.remove(w)
	}
	return !refused
}

// leave takes w out of the queue; false if it was served before.
func (p *places) leave(w *waiter) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if w.entry == nil {
		return false
	}
	p.remove(w)
	return true
}

// handOn passes on what w was given but does not want any more.
func (p *places) handOn(l *link) {
	if l == nil {
		p.free()
		return
	}
	l.putBack()
}
