package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"sluice/bench"
)

// loaded are the services that get a load of plain requests.
var loaded = []string{"rolled", "moved", "mirrored", "dying", "faulty"}

// tally is what clients and actors have seen since the start.
type tally struct {
	mu        sync.Mutex
	efforts   map[string]effort            // by service: the latest round
	requests  map[string]uint64            // by service
	failed    map[string]map[string]uint64 // by service: status or error of failures
	answers   map[string]map[string]uint64 // by service: X-Backend
	repeated  uint64                       // sent anew by clients, as an idle connection had been closed
	first     map[string]string            // by service: the first failure that nobody ordered
	lines     uint64                       // of the access log
	reloads   uint64
	refused   uint64 // bad configurations
	moves     uint64
	rollouts  uint64
	deaths    uint64
	tunnels   uint64
	echoes    uint64
	garbled   uint64 // echoes that were not what had been sent, or broken tunnels
	suffered  uint64 // experiments
	switching uint64 // behaviours of the mirror's target
}

func newTally() tally {
	return tally{efforts: map[string]effort{}, requests: map[string]uint64{}, failed: map[string]map[string]uint64{}, answers: map[string]map[string]uint64{}, first: map[string]string{}}
}

func (t *tally) count(n *uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	*n++
}

func (t *tally) add(service string, e effort, r *bench.Report) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.efforts[service] = e
	if t.failed[service] == nil {
		t.failed[service], t.answers[service] = map[string]uint64{}, map[string]uint64{}
	}
	t.requests[service] += r.Requests
	t.repeated += r.Retried
	for status, n := range r.Status {
		if status != 200 {
			t.failed[service][fmt.Sprint(status)] += n
		}
	}
	for kind, n := range r.Errors {
		t.failed[service][kind] += n
	}
	for label, n := range r.Labels {
		t.answers[service][label] += n
	}
}

// failure keeps the first that nobody ordered.
func (t *tally) failure(service string, r bench.Result) {
	if !r.Failed() || service == "faulty" && r.Status >= 500 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.first[service] == "" {
		t.first[service] = fmt.Sprintf("%d %v after %v at %s", r.Status, r.Err, r.Done.Sub(r.Sent).Round(time.Millisecond), r.Done.Format("15:04:05.000"))
	}
}

// round is load with trouble for a while, and then a count.
func (w *world) round(ctx context.Context, n int, length time.Duration) error {
	before := w.seen.troubles()
	trouble, stop := context.WithCancel(ctx)
	defer stop()
	errs := make(chan error, 16)
	var actors, loads sync.WaitGroup
	for _, act := range []func(context.Context) error{w.reload, w.move, w.roll, w.hurtMirror, w.kill, w.experiment, w.tunnel, w.watchMemory} {
		actors.Go(func() {
			if err := act(trouble); err != nil {
				errs <- err
				stop()
			}
		})
	}
	for _, service := range loaded {
		loads.Go(func() {
			report, err := bench.Run(trouble, bench.LoadOptions{
				Address: w.sluice.Listen, Host: service, Target: "/" + service, Connections: 12, Rate: w.rate,
				Duration: length, CountHeader: "X-Backend",
				Observer: func(r bench.Result) { w.seen.failure(service, r) },
			})
			if err != nil {
				errs <- err
			}
			w.seen.add(service, newEffort(w.rate, length, &report), &report)
		})
	}
	loads.Wait()
	stop()
	actors.Wait()
	select {
	case err := <-errs:
		return err
	default:
	}
	judgeTroubles(&w.table, before, w.seen.troubles())
	return w.rest(ctx, n)
}

// every calls f again and again with a pause between, until ctx ends or f fails. What began is ended.
func every(ctx context.Context, pause time.Duration, f func(n int) error) error {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if ctx.Err() != nil {
				return nil
			}
			if err := f(n); err != nil {
				return err
			}
		}
	}
}
