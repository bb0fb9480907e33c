package simulation

import (
	"context"
	"errors"
	"runtime"
	"sync"
)

// Options say what to simulate. Zero values are refused where no default is named.
type Options struct {
	Scenarios []Scenario
	Detectors []Detector
	Runs      int    // of each scenario
	Seed      uint64 // the same one gives the same results
	Workers   int    // default: one a processor
	// Progress is called after each run with how many of all are done, from one
	// goroutine at a time; nil: not.
	Progress func(done, all int)
}

// Run plays all runs and returns one Result a scenario and detector that applies to it,
// in their order. It stops at the next second when ctx ends, and returns its error.
func Run(ctx context.Context, o Options) ([]Result, error) {
	if o.Runs <= 0 {
		return nil, errors.New("nothing to simulate: no runs")
	}
	if err := Applicable(&o); err != nil {
		return nil, err
	}
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	var plays []*play
	for i := range o.Scenarios {
		if p := newPlay(&o, &o.Scenarios[i]); len(p.detectors) > 0 {
			plays = append(plays, p)
		}
	}
	if err := work(ctx, &o, plays); err != nil {
		return nil, err
	}
	var results []Result
	for _, p := range plays {
		for i := range p.detectors {
			results = append(results, summarise(p.scenario, &p.detectors[i], p.outcomes[i]))
		}
	}
	return results, nil
}

// Applicable says what is wrong if no detector of o applies to any of its scenarios.
func Applicable(o *Options) error {
	for i := range o.Scenarios {
		for k := range o.Detectors {
			if o.Detectors[k].applies(&o.Scenarios[i]) {
				return nil
			}
		}
	}
	return errors.New("nothing to simulate: none of the detectors applies to any of the scenarios")
}

// work spreads the runs over the workers. Each writes to places of its own.
func work(ctx context.Context, o *Options, plays []*play) error {
	all := len(plays) * o.Runs
	jobs := make(chan int)
	var workers sync.WaitGroup
	var progress sync.Mutex
	done := 0
	for range o.Workers {
		workers.Go(func() {
			for job := range jobs {
				plays[job/o.Runs].run(ctx, o.Seed, job%o.Runs)
				progress.Lock()
				done++
				if o.Progress != nil {
					o.Progress(done, all)
				}
				progress.Unlock()
			}
		})
	}
	for job := range all {
		select {
		case jobs <- job:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(jobs)
	workers.Wait()
	return ctx.Err()
}

// play is one scenario with the detectors that apply to it.
type play struct {
	scenario  *Scenario
	laws      *laws
	detectors []Detector
	outcomes  [][]outcome // by detector, by run
}

func newPlay(o *Options, s *Scenario) *play {
	p := &play{scenario: s, laws: newLaws(s)}
	for _, d := range o.Detectors {
		if d.applies(s) {
			p.detectors = append(p.detectors, d)
			p.outcomes = append(p.outcomes, make([]outcome, o.Runs))
		}
	}
	return p
}

// run plays one hour, or less if all have decided.
func (p *play) run(ctx context.Context, seed uint64, run int) {
	t := newTraffic(p.scenario, p.laws, seed, run)
	deciding := make([]detector, len(p.detectors))
	for i, d := range p.detectors {
		deciding[i] = d.make(seed, p.scenario, run)
	}
	left := len(deciding)
	var so outcome
	for n := 0; n < Length && left > 0 && ctx.Err() == nil; n++ {
		s := t.second(n)
		if n >= p.scenario.Onset {
			so.requests += s.Canary.Requests
			so.bad += s.Canary.Failed
		}
		for i, d := range deciding {
			if d != nil && d.add(s) {
				deciding[i], left = nil, left-1
				so.at = n + 1
				p.outcomes[i][run] = so
			}
		}
	}
	so.at = 0
	for i, d := range deciding {
		if d != nil {
			p.outcomes[i][run] = so
		}
	}
}
