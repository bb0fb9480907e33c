package analysis

import (
	"math"
	"slices"
	"testing"
	"time"
)

// The design's figures for threshold 200, which leaves half of alpha to the criterion.
func TestPlanForetells(t *testing.T) {
	o := PlanOptions{Share: 0.5, Guard: 1}
	for _, tt := range []struct {
		name        string
		rps, w      float64
		base, rate  float64
		from, until float64 // seconds
	}{
		{"+1 %, 1000 rps", 1000, 0.05, 0.001, 0.011, 13, 15},
		{"5x, 1000 rps", 1000, 0.05, 0.001, 0.005, 60, 70},
		{"+1 %, 100 rps", 100, 0.05, 0.001, 0.011, 130, 145},
		{"dead, 10 rps", 10, 0.05, 0.001, 1, 4.5, 7.5},
	} {
		d, ok := NewPlan(tt.rps, tt.w, tt.base, o).Delay(tt.rate)
		if s := d.Seconds(); !ok || s < tt.from || s > tt.until {
			t.Errorf("%s: %v, want %g to %g s", tt.name, d, tt.from, tt.until)
		}
	}
}

// What a plan says is what the judge does.
func TestPlanAgreesWithTheJudge(t *testing.T) {
	for _, tt := range []struct {
		name     string
		o        PlanOptions
		j        JudgeOptions
		rps      int
		pc, pb   float64
		tolerate float64 // factor
	}{
		{"+1 %", PlanOptions{}, rollout, 1000, 0.011, 0.001, 1.5},
		{"dead", PlanOptions{}, rollout, 1000, 1, 0.001, 1.5},
		{"twice the errors", PlanOptions{}, rollout, 1000, 0.02, 0.01, 1.6},
		{"over a limit", PlanOptions{Limit: 0.01}, JudgeOptions{Breach: limits(0.01), Alpha: 0.01}, 1000, 0.03, 0.001, 1.6},
	} {
		want, ok := NewPlan(float64(tt.rps), 0.1, tt.pb, tt.o).Delay(tt.pc)
		var all []int
		for seed := range uint64(31) {
			all = append(all, breachAfter(NewJudge(tt.j), seeded(seed, tt.rps, 0.1), 0, 3600, tt.pc, tt.pb))
		}
		slices.Sort(all)
		if r := float64(all[15]) / want.Seconds(); !ok || r > tt.tolerate || r < 1/tt.tolerate {
			t.Errorf("%s: planned %v, took %d s", tt.name, want, all[15])
		}
	}
}

func TestPlanSaysNever(t *testing.T) {
	p := NewPlan(1000, 0.05, 0.01, PlanOptions{})
	for _, rate := range []float64{0, 0.01, 0.0105, math.NaN()} {
		if d, ok := p.Delay(rate); ok {
			t.Errorf("%g is within what is healthy, and yet found in %v", rate, d)
		}
	}
	for _, p := range []Plan{NewPlan(0, 0.05, 0.01, PlanOptions{}), NewPlan(1000, 0, 0.01, PlanOptions{}), NewPlan(1000, 1, 0.01, PlanOptions{})} {
		if d, ok := p.Delay(1); ok {
			t.Errorf("%+v: found in %v", p, d)
		}
		if rate, ok := p.Smallest(time.Hour); ok {
			t.Errorf("%+v: %g is visible", p, rate)
		}
	}
	if n, ok := p.Requests(0.03); ok {
		t.Errorf("three times the errors pass after %d requests", n)
	}
}

func TestPlanSmallest(t *testing.T) {
	p := NewPlan(1000, 0.05, 0.001, PlanOptions{})
	short, ok := p.Smallest(time.Minute)
	long, ok2 := p.Smallest(time.Hour)
	if !ok || !ok2 || !(long < short) || long < 0.0015 || short > 0.01 {
		t.Errorf("in a minute %g, in an hour %g", short, long)
	}
	if d, ok := p.Delay(short); !ok || math.Abs(d.Seconds()-60) > 1 {
		t.Errorf("%g takes %v, want a minute", short, d)
	}
	late, ok := NewPlan(1000, 0.05, 0.001, PlanOptions{Late: true}).Delay(short)
	if !ok || late <= time.Minute || late > 3*time.Minute {
		t.Errorf("late it takes %v", late)
	}
}

func TestPlanRequests(t *testing.T) {
	for _, tt := range []struct {
		name  string
		o     PlanOptions
		least uint64
		most  uint64
	}{
		{"1.5x, 0.5 %", PlanOptions{}, 700, 1700}, {"2x, 1 %", PlanOptions{Ratio: 2, Delta: 0.01}, 300, 800},
		{"under 1 %", PlanOptions{Limit: 0.01}, 400, 900},
	} {
		if n, ok := NewPlan(100, 0.25, 0.001, tt.o).Requests(0.001); !ok || n < tt.least || n > tt.most {
			t.Errorf("%s: %d requests, want %d to %d", tt.name, n, tt.least, tt.most)
		}
	}
}
