package rollout

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"sluice/analysis"
	"sluice/config"
)

// shop is a service of two versions with the guard that stands in for a missing block.
func shop(v1, v2 int) config.Service {
	return config.Service{Name: "shop", Stable: "v1",
		Versions: []config.Version{{Name: "v1", WeightBP: v1}, {Name: "v2", WeightBP: v2}},
		Guard: config.Guard{Trip: config.Trip{Cooldown: 5 * time.Second}, Action: "quarantine", Effect: 0.001,
			Breach: config.Criteria{"error_rate": {{Text: "> 1.5x stable", Op: ">", Ratio: 1.5}}}}}
}

func configOf(services ...config.Service) *config.Config { return &config.Config{Services: services} }

// bench is a controller with its lab.
type bench struct {
	*Controller
	lab *lab
	t   testing.TB
}

func newBench(t testing.TB, o Options, services ...config.Service) *bench {
	t.Helper()
	l, _ := o.Traffic.(*lab)
	if l == nil {
		l = newLab()
		o.Traffic = l
	}
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{Controller: c, lab: l, t: t}
	b.load(services...)
	return b
}

func (b *bench) load(services ...config.Service) {
	b.t.Helper()
	cfg := configOf(services...)
	if err := b.Reload(cfg, b.lab.table(cfg)); err != nil {
		b.t.Fatal(err)
	}
}

// today moves a bubble's clock, which begins in the year 2000, to an hour after
// the process began: the hot path's clock counts from there and is never negative.
func today() { time.Sleep(time.Hour - time.Duration(analysis.Now())) }

// running runs f beside the controller in a bubble of its own time, and waits for the end.
func running(t *testing.T, o Options, services []config.Service, f func(b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		today()
		b := newBench(t, o, services...)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- b.Run(ctx) }()
		f(b)
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// settle waits until the controller has dealt with all that was put to it.
func settle() { synctest.Wait() }

func (b *bench) events(kind string) []Event {
	all, _ := b.Journal().Since(0)
	var out []Event
	for _, e := range all {
		if e.Type == kind {
			out = append(out, e)
		}
	}
	return out
}

func (b *bench) wantState(version string, want config.State) {
	b.t.Helper()
	if got := b.lab.state("shop", version); got != want {
		b.t.Fatalf("%s is %v, want %v", version, got, want)
	}
}

func (b *bench) wantWeights(v1, v2 int) {
	b.t.Helper()
	w, _ := b.lab.Weights("shop")
	if w.BP["v1"] != v1 || w.BP["v2"] != v2 {
		b.t.Fatalf("weights are %v, want v1 %d, v2 %d", w.BP, v1, v2)
	}
}
