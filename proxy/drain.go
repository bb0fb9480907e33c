package proxy

import (
	"context"
	"math/rand/v2"
	"time"

	"sluice/analysis"
)

// drainWindow is a shutdown in progress, by analysis.Now.
type drainWindow struct {
	begin, end int64
}

const (
	drainDefault = 25 * time.Second // where ctx has no deadline
	drainPoll    = 20 * time.Millisecond
	// A connection that has idled so long may be closed: the chance that a
	// request is on its way just then is small, and clients have to retry those.
	drainIdle = time.Second
)

// Drain stops accepting, tells clients to close with jitter over the time that
// ctx leaves, closes idle connections once they have idled for a second (or a
// quarter of the time), and returns nil when nothing is in flight, tunnels
// included, else ctx's error when ctx ends. Run goes on until its own ctx ends.
func (s *Server) Drain(ctx context.Context) error { return s.DrainWithin(ctx, 0) }

// DrainWithin is Drain, but tells clients to close over spread, if ctx leaves as much; 0: over all
// of it. It is for a process with a successor at the same address, where they need not find another proxy.
func (s *Server) DrainWithin(ctx context.Context, spread time.Duration) error {
	now := analysis.Now()
	window := drainDefault
	if d, ok := ctx.Deadline(); ok {
		window = max(time.Until(d), 1)
	}
	if spread > 0 {
		window = min(window, spread)
	}
	end := now + int64(window)
	s.drain.Store(&drainWindow{begin: now, end: end})
	s.mu.Lock()
	for _, k := range s.sockets {
		k.close()
	}
	s.mu.Unlock()
	poll := time.NewTicker(drainPoll)
	defer poll.Stop()
	for {
		// What was accepted is counted before its loop ends, so the loops are asked first.
		accepting := s.accepting.Load()
		left := s.conns.each(func(c *clientConn) {
			if s.closesIdle(c) {
				c.wake()
			}
		})
		if left == 0 && accepting == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-poll.C:
		}
	}
}

// closesIdle reports whether a drain wants c closed: it waits for a request
// and has done so for a while.
func (s *Server) closesIdle(c *clientConn) bool {
	w, since := s.drain.Load(), c.idleSince.Load()
	if w == nil || since == 0 {
		return false
	}
	patience := min(int64(drainIdle), (w.end-w.begin)/4)
	return analysis.Now()-max(since, w.begin) >= patience
}

// keeps reports whether a connection may live on after its answer. While
// draining that is less and less likely, so that clients come back to another
// proxy one by one and not all at once (envoy#35085).
func (s *Server) keeps(now int64) bool {
	if s.stopping.Load() {
		return false
	}
	w := s.drain.Load()
	if w == nil {
		return true
	}
	passed := float64(now-w.begin) / (0.8 * float64(w.end-w.begin))
	return rand.Float64() > passed
}
