package proxy

import "sync"

// registry is the client connections that are open. It is touched when one
// opens or closes, never per request.
type registry struct {
	mu     sync.Mutex
	open   map[*clientConn]struct{}
	closed bool // no more are let in: Run is ending
	empty  *sync.Cond
}

// add lets c in unless limit (0: none) is reached.
func (r *registry) add(c *clientConn, limit int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || limit > 0 && len(r.open) >= limit {
		return false
	}
	r.open[c] = struct{}{}
	return true
}

func (r *registry) remove(c *clientConn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.open, c)
	if len(r.open) == 0 && r.empty != nil {
		r.empty.Broadcast()
	}
}

// each calls f for every open connection, under the lock.
func (r *registry) each(f func(*clientConn)) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.open {
		f(c)
	}
	return len(r.open)
}

// closeAll breaks every connection and lets no further one in.
func (r *registry) closeAll() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.each(func(c *clientConn) { c.sever() })
}

// reopen lets connections in again.
func (r *registry) reopen() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = false
}

// wait returns when no connection is open.
func (r *registry) wait() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.empty == nil {
		r.empty = sync.NewCond(&r.mu)
	}
	for len(r.open) > 0 {
		r.empty.Wait()
	}
}
