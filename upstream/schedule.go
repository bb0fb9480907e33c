package upstream

import (
	"container/heap"
	"context"
	"fmt"
	"net/netip"
	"sync"
	"time"
)

const (
	checksAtOnce  = 256
	lookupsAtOnce = 16
	sweepLongest  = 5 * time.Second
	sweepShortest = 50 * time.Millisecond
	scheduleSpan  = time.Minute // longest sleep of the scheduler
)

// schedule is the state of one Prober.Run. All of it belongs to that goroutine.
type schedule struct {
	ctx      context.Context
	onChange func(Change)
	wg       sync.WaitGroup
	done     chan func() // outcomes of jobs

	checks, lookups, sweeps queue
	checked                 map[*Endpoint]*check
	names                   map[string]*name
	sweeper                 *job
	pools                   []*Pool
}

// check is the active checking of one endpoint.
type check struct {
	job
	pool       *Pool // newest generation
	e          *Endpoint
	good, poor int // rounds in a row
}

// name is the looking up of one host name for all pools that have it.
type name struct {
	job
	host  string
	pools []*Pool
}

func newSchedule(ctx context.Context, onChange func(Change)) *schedule {
	s := &schedule{
		ctx: ctx, onChange: onChange, done: make(chan func()),
		checks: queue{limit: checksAtOnce}, lookups: queue{limit: lookupsAtOnce}, sweeps: queue{limit: 1},
		checked: map[*Endpoint]*check{}, names: map[string]*name{},
	}
	s.sweeper = &job{due: clock(), begin: s.sweep, next: func() int64 { return clock() + int64(s.sweepEvery()) }}
	s.sweeps.add(s.sweeper)
	return s
}

// stop waits for what still runs; its outcomes are dropped.
func (s *schedule) stop() { s.wg.Wait() }

// start starts all jobs that are due.
func (s *schedule) start(now int64) {
	for _, q := range []*queue{&s.checks, &s.lookups, &s.sweeps} {
		for j := q.pop(now); j != nil; j = q.pop(now) {
			work := j.begin()
			s.wg.Go(func() {
				apply := work()
				select {
				case s.done <- func() { s.finish(q, j, apply) }:
				case <-s.ctx.Done():
				}
			})
		}
	}
}

func (s *schedule) finish(q *queue, j *job, apply func()) {
	if !j.gone {
		apply()
	}
	q.ended(j)
}

// pause is how long nothing will come due.
func (s *schedule) pause(now int64) time.Duration {
	at := now + int64(scheduleSpan)
	for _, q := range []*queue{&s.checks, &s.lookups, &s.sweeps} {
		at = q.soonest(at)
	}
	return time.Duration(max(at-now, 0))
}

// watch makes the jobs those of pools, keeping what goes on.
func (s *schedule) watch(pools []*Pool) {
	s.pools = pools
	wanted := map[string]*name{}
	for _, p := range pools {
		if !p.named {
			continue
		}
		for _, t := range p.targets {
			if !t.literal {
				s.wantName(wanted, p, t.Host)
			}
		}
	}
	for host, n := range s.names {
		if wanted[host] == nil {
			s.lookups.drop(&n.job)
			delete(s.names, host)
		}
	}
	s.rewire()
	if due := clock() + int64(s.sweepEvery()); s.sweeper.index >= 0 && due < s.sweeper.due {
		s.sweeper.due = due
		heap.Fix(&s.sweeps.jobs, s.sweeper.index)
	}
}

func (s *schedule) wantName(wanted map[string]*name, p *Pool, host string) {
	n := s.names[host]
	if n == nil {
		n = &name{host: host}
		n.job = job{due: clock(), begin: func() func() func() { return s.lookUp(n) }, next: func() int64 {
			return clock() + int64(jitter(resolveEvery, 0.2))
		}}
		s.names[host] = n
		s.lookups.add(&n.job)
	}
	if wanted[host] == nil {
		wanted[host] = n
		n.pools = nil
	}
	// Targets come pool by pool, so that a repetition is the last one.
	if len(n.pools) == 0 || n.pools[len(n.pools)-1] != p {
		n.pools = append(n.pools, p)
	}
	// A pool that came later has not seen what was learnt before.
	if len(p.Endpoints()) == 0 && n.index >= 0 && n.due > clock() {
		s.lookups.drop(&n.job)
		n.gone, n.due = false, clock()
		s.lookups.add(&n.job)
	}
}

// rewire makes the checks those of the endpoints in force.
func (s *schedule) rewire() {
	stay := make(map[*Endpoint]bool, len(s.checked))
	for _, p := range s.pools {
		if !p.Checked() {
			p.trust()
			continue
		}
		for _, e := range p.Endpoints() {
			stay[e] = true
			s.wantCheck(p, e)
		}
	}
	for e, c := range s.checked {
		if !stay[e] {
			s.checks.drop(&c.job)
			delete(s.checked, e)
		}
	}
}

// trust forgets what checks said that are no longer made.
func (p *Pool) trust() {
	for _, e := range p.Endpoints() {
		if !e.Healthy() {
			e.down.Store(false)
		}
	}
}

func (s *schedule) wantCheck(p *Pool, e *Endpoint) {
	if c := s.checked[e]; c != nil {
		c.pool = p
		return
	}
	c := &check{pool: p, e: e}
	c.job = job{due: clock(), next: func() int64 {
		return clock() + int64(jitter(c.pool.o.Health.Interval, 0.1))
	}}
	c.begin = func() func() func() { return s.probe(c) }
	s.checked[e] = c
	s.checks.add(&c.job)
}

func (s *schedule) probe(c *check) func() func() {
	h := c.pool.o.Health
	return func() func() {
		err := h.probe(s.ctx, c.e)
		return func() { s.judge(c, err) }
	}
}

// judge counts a round's outcome and reports when a threshold is reached.
func (s *schedule) judge(c *check, err error) {
	h := c.pool.o.Health
	if err != nil {
		c.poor, c.good = c.poor+1, 0
		if c.e.Healthy() && c.poor >= h.UnhealthyThreshold {
			c.e.down.Store(true)
			s.onChange(c.pool.version.change(c.e, fmt.Sprintf("%d checks failed in a row: %v", c.poor, err)))
		}
		return
	}
	c.good, c.poor = c.good+1, 0
	if c.good >= h.HealthyThreshold {
		c.e.proven.Store(true)
	}
	if !c.e.Healthy() && c.good >= h.HealthyThreshold {
		c.e.down.Store(false)
		s.onChange(c.pool.version.change(c.e, fmt.Sprintf("%s: %d checks passed in a row", c.e.Addr(), c.good)))
	}
}

func (s *schedule) lookUp(n *name) func() func() {
	resolver := n.pools[0].o.Resolver
	return func() func() {
		ctx, cancel := context.WithTimeout(s.ctx, resolveTimeout)
		defer cancel()
		found, err := lookUp(ctx, resolver, n.host)
		return func() { s.learn(n, found, err) }
	}
}

func (s *schedule) learn(n *name, found []netip.Addr, err error) {
	moved := false
	for _, p := range n.pools {
		changes, m := p.learn(n.host, found, err)
		moved = moved || m
		for _, c := range changes {
			s.onChange(c)
		}
	}
	if moved {
		s.rewire()
	}
}

func (s *schedule) sweep() func() func() {
	pools := s.pools
	return func() func() {
		now := clock()
		for _, p := range pools {
			p.sweep(now)
		}
		return func() {}
	}
}

// sweepEvery is a quarter of the shortest idle timeout, within bounds.
func (s *schedule) sweepEvery() time.Duration {
	every := sweepLongest
	for _, p := range s.pools {
		every = min(every, p.o.IdleTimeout/4)
	}
	return max(every, sweepShortest)
}
