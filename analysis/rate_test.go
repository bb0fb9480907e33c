package analysis

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestRateForgetsAndIgnoresTheOddFailure(t *testing.T) {
	var r Rate
	if r.Value() != 0 {
		t.Error("not zero at first")
	}
	r.Add(Counts{Requests: 2, Failed: 1})
	if got := r.Value(); got > 0.09 {
		t.Errorf("one failure of two reads %g", got)
	}
	for range 60 {
		r.Add(Counts{Requests: 100, Failed: 30})
	}
	if got := r.Value(); math.Abs(got-0.3) > 0.01 {
		t.Errorf("30 %% failing reads %g", got)
	}
	for range 40 {
		r.Add(Counts{Requests: 100})
	}
	if got := r.Value(); got > 0.01 {
		t.Errorf("40 s after recovery it reads %g", got)
	}
	var trip Trip
	if trip.Baseline() != 0.01 {
		t.Errorf("baseline %g, want 0.01", trip.Baseline())
	}
	trip.SetBaseline(0.3)
	if trip.Baseline() != 0.3 {
		t.Errorf("baseline %g, want 0.3", trip.Baseline())
	}
}

func TestUpperRateHolds(t *testing.T) {
	if UpperRate(Counts{}, 0.01) != 1 {
		t.Error("nothing known must read 1")
	}
	rng := rand.New(rand.NewPCG(31, 32))
	const runs, alpha = 400, 0.05
	for _, p := range []float64{0.001, 0.02, 0.3} {
		broken := 0
		for range runs {
			var c Counts
			for range 3000 {
				c.Requests++
				if rng.Float64() < p {
					c.Failed++
				}
				if UpperRate(c, alpha) < p {
					broken++
					break
				}
			}
		}
		if broken > runs*alpha {
			t.Errorf("p=%g: bound broken in %d of %d runs", p, broken, runs)
		}
		if u := UpperRate(Counts{1_000_000, uint64(p * 1e6)}, alpha); u < p || u > 1.4*p+0.0001 {
			t.Errorf("p=%g: bound %g after a million", p, u)
		}
	}
}
