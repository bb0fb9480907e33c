package simulation

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"sluice/internal/peers"
)

func play1(t *testing.T, runs int, seed uint64, workers int, scenarios, detectors []string) []Result {
	t.Helper()
	o := Options{Runs: runs, Seed: seed, Workers: workers}
	for _, name := range scenarios {
		s, ok := Find(name)
		if !ok {
			t.Fatalf("no scenario %q", name)
		}
		o.Scenarios = append(o.Scenarios, s)
	}
	var err error
	if o.Detectors, err = Select(detectors); err != nil {
		t.Fatal(err)
	}
	results, err := Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return results
}

func TestResultsDependOnTheSeedAlone(t *testing.T) {
	names := []string{"x5_10", "hosts_3"}
	all := play1(t, 3, 7, 1, names, []string{"all"})
	if got := play1(t, 3, 7, 3, names, []string{"all"}); !reflect.DeepEqual(got, all) {
		t.Error("three workers find something else than one")
	}
	if got := play1(t, 3, 8, 1, names, []string{"all"}); reflect.DeepEqual(got, all) {
		t.Error("another seed finds the same")
	}
	for _, r := range play1(t, 3, 7, 1, []string{"x5_10"}, []string{"trip", "flagger-x1"}) {
		found := false
		for _, a := range all {
			found = found || reflect.DeepEqual(a, r)
		}
		if !found {
			t.Errorf("%s finds something else when it is alone: %+v", r.Detector, r)
		}
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	s, _ := Find("null")
	d, _ := Select([]string{"sluice"})
	o := Options{Scenarios: []Scenario{s}, Detectors: d, Runs: 1_000_000, Seed: 1}
	o.Progress = func(done, all int) {
		if all != 1_000_000 {
			t.Errorf("%d runs in all", all)
		}
		if done == 2 {
			cancel()
		}
	}
	if _, err := Run(ctx, o); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestNothingToSimulateIsAnError(t *testing.T) {
	s, _ := Find("null")
	d, _ := Select([]string{"envoy"})
	for name, o := range map[string]Options{
		"zero":            {},
		"no runs":         {Scenarios: []Scenario{s}, Detectors: Detectors()},
		"no detector":     {Scenarios: []Scenario{s}, Runs: 1},
		"none applies":    {Scenarios: []Scenario{s}, Detectors: d, Runs: 1},
		"negative number": {Scenarios: []Scenario{s}, Detectors: Detectors(), Runs: -1},
	} {
		if r, err := Run(context.Background(), o); err == nil {
			t.Errorf("%s: %+v", name, r)
		}
	}
	if _, err := Select([]string{"nobody"}); err == nil {
		t.Error("an unknown detector is an error")
	}
}

// What is drawn must be what the scenario says, bursts included.
func TestTrafficIsWhatTheScenarioSays(t *testing.T) {
	for _, name := range []string{"null", "common", "hosts_3", "ramp", "plus1_late", "down_1"} {
		s, _ := Find(name)
		var canary, stable, first, last peers.Counts
		const runs = 40
		for run := range runs {
			tr := newTraffic(&s, nil, 1, run)
			for n := range Length {
				now := tr.second(n)
				canary, stable = sum(canary, now.Canary), sum(stable, now.Stable)
				if n < 300 {
					first = sum(first, now.Canary)
				} else if n >= 3300 {
					last = sum(last, now.Canary)
				}
				var pieces piece
				for _, p := range now.pieces {
					pieces.canary, pieces.stable = sum(pieces.canary, p.canary), sum(pieces.stable, p.stable)
				}
				if pieces.canary != now.Canary || pieces.stable != now.Stable {
					t.Fatalf("%s: the pieces of second %d do not make the whole", name, n)
				}
			}
		}
		weight := 0.0
		for n := range Length {
			weight += s.Weight(n) / Length
		}
		near(t, name+": requests", float64(canary.Requests+stable.Requests), runs*Length*s.Rate, 0.01)
		near(t, name+": weight", float64(canary.Requests)/float64(canary.Requests+stable.Requests), weight, 0.01)
		burst := 0.0
		if b := s.Bursts; b.Every > 0 {
			burst = b.Rate * b.Length / (b.Every + b.Length)
		}
		near(t, name+": stable", float64(stable.Failed)/float64(stable.Requests), either(s.Stable.Low, burst), 0.2)
		near(t, name+": canary at first", float64(first.Failed)/float64(first.Requests), either(s.Canary.at(0), burst), 0.35)
		near(t, name+": canary at last", float64(last.Failed)/float64(last.Requests), either(s.Canary.at(3500), burst), 0.35)
	}
}

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if got < want*(1-tolerance) || got > want*(1+tolerance) {
		t.Errorf("%s: %g, want %g", what, got, want)
	}
}
