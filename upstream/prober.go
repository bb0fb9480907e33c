package upstream

import (
	"context"
	"sync"
	"time"
)

// Prober runs active checks and name resolution for the pools in force, and
// closes connections that idled too long. One goroutine schedules; checks and
// lookups run in a bounded number of others. Pools of IP literals without
// checks cost a look at their counts every few seconds, and nothing else.
type Prober struct {
	onChange func(Change)
	changes  chan Change // from requests: ejections

	mu     sync.Mutex
	pools  []*Pool // guarded by mu
	rewire chan struct{}
}

// Change is a change of an endpoint's health.
type Change struct {
	Service, Version, Endpoint string // Endpoint as declared
	Healthy                    bool
	Ejected                    bool
	Reason                     string // names the address
	Last                       bool   // no endpoint of the version is usable any more
}

// pendingChanges bounds what requests may report before it is read.
const pendingChanges = 1024

// NewProber makes a Prober; logf-like reporting goes through onChange (may be
// nil), called after an endpoint's health changed (never concurrently).
func NewProber(onChange func(Change)) *Prober {
	if onChange == nil {
		onChange = func(Change) {}
	}
	return &Prober{
		onChange: onChange,
		changes:  make(chan Change, pendingChanges),
		rewire:   make(chan struct{}, 1),
	}
}

// Watch replaces the set of pools looked after. Safe while Run runs. Checks of
// endpoints that stay keep their pace and their counts.
func (p *Prober) Watch(pools []*Pool) {
	for _, pool := range pools {
		pool.version.prober.Store(p)
		pool.version.latest.Store(pool)
		if pool.named {
			pool.rebuild() // addresses learnt since the pool was made
		}
	}
	p.mu.Lock()
	p.pools = append([]*Pool(nil), pools...)
	p.mu.Unlock()
	select {
	case p.rewire <- struct{}{}:
	default:
	}
}

// Run looks after the watched pools until ctx ends and returns nil, once its
// goroutines have ended. It runs once at a time.
func (p *Prober) Run(ctx context.Context) error {
	s := newSchedule(ctx, p.onChange)
	defer s.stop()
	p.mu.Lock()
	s.watch(p.pools)
	p.mu.Unlock()
	for {
		s.start(clock())
		timer := time.NewTimer(s.pause(clock()))
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-p.rewire:
			p.mu.Lock()
			pools := p.pools
			p.mu.Unlock()
			s.watch(pools)
		case c := <-p.changes:
			p.onChange(c)
		case done := <-s.done:
			done()
		case <-timer.C:
		}
		timer.Stop()
	}
}
