package upstream

import (
	"context"
	"fmt"
	"math/rand/v2"
)

// Conn returns a connection: an idle one (if a non-blocking peek finds it
// open and silent) unless fresh is set, else a new one within the limits and the
// connect timeout, or one that is given back before that. ctx cancels waiting and dialling
// (see Detached). Errors wrap ErrOverLimit
// or the dial's cause. The caller ends the Conn by Release or Discard.
//
// At the limit, idle connections to the version's other endpoints are closed
// to make room, before a request has to wait.
func (p *Pool) Conn(ctx context.Context, e *Endpoint, fresh bool) (*Conn, error) {
	if !fresh && p.version.places.waiting.Load() == 0 {
		if l := e.reuse(p); l != nil {
			return l.lend(), nil
		}
	}
	return p.open(ctx, e, fresh)
}

// reuse pops idle connections until one is alive. The others are closed; as a rule
// all below are as stale, so that this ends with an empty stack.
func (e *Endpoint) reuse(p *Pool) *link {
	l := e.idle.pop()
	if l == nil {
		return nil
	}
	for now := clock(); l != nil; l = e.idle.pop() {
		if l.fresh(now, p.o.IdleTimeout) {
			return l
		}
		l.end()
	}
	return nil
}

// open dials, after waiting for a place if there is a limit.
func (p *Pool) open(ctx context.Context, e *Endpoint, fresh bool) (*Conn, error) {
	places := &p.version.places
	if !places.take(p.o.MaxConnections) {
		l, err := places.wait(ctx, &waiter{pool: p, e: e, fresh: fresh, got: make(chan *link, 1)})
		if err != nil {
			return nil, err
		}
		if l != nil {
			if l.fresh(clock(), p.o.IdleTimeout) {
				return l.lend(), nil
			}
			l.shut() // its place is ours
		}
	}
	if !fresh {
		l, err := p.race(ctx, e)
		if err != nil {
			return nil, err
		}
		return l.lend(), nil
	}
	l, err := e.dial(ctx, p.o.ConnectTimeout, Client{})
	if err != nil {
		places.free()
		return nil, fmt.Errorf("%s: %w", e.URL(), err)
	}
	l.shard = rand.Uint32()
	return l.lend(), nil
}

// spare takes an idle connection of the endpoint that has the most, of the
// newest generation: endpoints that are no longer in it keep none.
func (p *Pool) spare() *link {
	var rich *Endpoint
	most := 0
	for _, e := range p.version.latest.Load().Endpoints() {
		if n := e.idle.len(); n > most {
			rich, most = e, n
		}
	}
	if rich == nil {
		return nil
	}
	return rich.idle.pop()
}

// sweep closes connections that have idled too long.
func (p *Pool) sweep(now int64) {
	for _, e := range p.Endpoints() {
		for _, l := range e.idle.older(now - int64(p.o.IdleTimeout)) {
			l.end()
		}
	}
}
