package notify

import (
	"context"
	"sync"
	"time"
)

// Run sends what is told until ctx ends; then it gives what is queued Options.Grace to get
// through, drops the rest, and returns nil. It is called once.
func (s *Sender) Run(ctx context.Context) error {
	sending, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	var workers sync.WaitGroup
	running := map[*target]struct{}{}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		s.reconcile(running, func(t *target) {
			workers.Go(func() { t.work(sending, s.o.Client, s.o.Logger) })
		})
		if next := s.sumUp(false); !next.IsZero() {
			timer.Reset(time.Until(next))
		}
		select {
		case <-ctx.Done():
			s.finish(running)
			grace := time.AfterFunc(s.o.Grace, cancel)
			workers.Wait()
			grace.Stop()
			return nil
		case <-s.changed:
		case <-timer.C:
		}
	}
}

// reconcile starts the workers of new targets and retires those of targets that left: they end with their queues.
func (s *Sender) reconcile(running map[*target]struct{}, start func(*target)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for t := range running {
		if s.targets[t.address] != t {
			close(t.retired)
			delete(running, t)
		}
	}
	for _, t := range s.targets {
		if _, runs := running[t]; !runs {
			running[t] = struct{}{}
			start(t)
		}
	}
}

// sumUp tells the sums of what was held back that are due, or all, and when the next is.
func (s *Sender) sumUp(all bool) (next time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sums, next := s.flood.due(time.Now(), all)
	for _, n := range sums {
		s.offer(s.who(n), n)
		if at := time.Now().Add(s.o.Quiet); next.IsZero() || at.Before(next) {
			next = at
		}
	}
	return next
}

// finish lets nothing more be queued.
func (s *Sender) finish(running map[*target]struct{}) {
	s.sumUp(true)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	for t := range running {
		close(t.retired)
	}
	for _, t := range s.targets {
		if _, ran := running[t]; !ran {
			t.counts.dropped.Add(uint64(len(t.queue)))
		}
	}
}
