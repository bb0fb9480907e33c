package analysis

import (
	"math"
	"testing"
)

// In both directions, whatever stable's rate is and whatever it was taken for.
func TestTailBetsExpectOneAtMost(t *testing.T) {
	worst := 0.0
	for _, n := range arms {
		for _, pb := range []float64{0.5, 0.1, 0.01} {
			detect, promote := &tailBets{pb, latencyRatios}, &tailBets{pb, fractions}
			for _, p := range []float64{0, 0.001, 0.01, 0.1, 0.3, 0.5, 0.8, 1} {
				for _, share := range []float64{1, 0.8, 0.2, 0} {
					for _, e := range expectations(detect, n.nc, n.nb, p*share, p) {
						worst = max(worst, e)
					}
					for _, e := range expectations(promote, n.nc, n.nb, 1-(1-p)*share, p) {
						worst = max(worst, e)
					}
				}
			}
		}
	}
	if worst > 1+1e-9 || worst < 1-1e-9 {
		t.Errorf("max E[L] = %.12g, want 1", worst)
	}
}

func TestTailBetsWithMixedRequests(t *testing.T) {
	b := &tailBets{0.1, latencyRatios}
	const nc, nb = 6, 14
	rates := func(i int) float64 { return []float64{0, 0.3}[i%2] } // of both sides: 0.15 on average
	var e [grid]float64
	for mask := range 1 << (nc + nb) {
		w, ec, eb := 1.0, uint64(0), uint64(0)
		for i := range nc + nb {
			p := rates(i)
			if mask>>i&1 == 0 {
				w *= 1 - p
				continue
			}
			w *= p
			if i < nc {
				ec++
			} else {
				eb++
			}
		}
		if w == 0 {
			continue
		}
		var l [grid]float64
		b.weigh(Counts{nc, ec}, Counts{nb, eb}, &l)
		for j := range l {
			e[j] += w * math.Exp(l[j])
		}
	}
	for j := range e {
		if e[j] > 1+1e-9 {
			t.Errorf("alternative %d: E[L] = %.12g, want at most 1", j, e[j])
		}
	}
}

func TestLimitsFromBelowExpectOneAtMost(t *testing.T) {
	worst := 0.0
	for _, p0 := range []float64{0.001, 0.01, 0.05, 0.06, 0.2, 0.5} {
		for _, more := range []float64{0, 0.01, 0.3} {
			for _, e := range expectations(absoluteBets{p0: p0, less: true}, 60, 0, min(1, p0+more), 0) {
				worst = max(worst, e)
			}
		}
	}
	if worst > 1+1e-9 || worst < 1-1e-9 {
		t.Errorf("max E[L] = %.12g, want 1", worst)
	}
}

func TestHangBetsAreExactlyFair(t *testing.T) {
	const perBlock, blocks = 0.4, 3
	var e [grid]float64
	lnChance := -perBlock * float64(blocks)
	for k := range 400 {
		var l [grid]float64
		poissonBets(perBlock).weigh(Counts{blocks, uint64(k)}, Counts{}, &l)
		for j := range l {
			e[j] += math.Exp(lnChance + l[j])
		}
		lnChance += math.Log(perBlock * blocks / float64(k+1))
	}
	for j := range e {
		if math.Abs(e[j]-1) > 1e-9 {
			t.Errorf("alternative %d: E[L] = %.12g, want 1", j, e[j])
		}
	}
}

// A lower bound that is looked at after each of many blocks is too high for hardly
// one run in 1/alpha.
func TestLowerRateHoldsAtAllTimes(t *testing.T) {
	const alpha, p, runs = 0.1, 0.02, 300
	missed, last := 0, 0.0
	for seed := range uint64(runs) {
		tr := seeded(seed, 100, 0)
		var c Counts
		for range 200 {
			c = c.Add(Counts{100, tr.binomial(100, p)})
			if last = LowerRate(c, alpha); last > p {
				missed++
				break
			}
		}
	}
	t.Logf("too high in %d of %d runs; after 20,000 requests %g", missed, runs, last)
	if missed > runs*alpha {
		t.Errorf("too high in %d of %d runs, want at most %g", missed, runs, runs*alpha)
	}
	if got := LowerRate(Counts{20000, 400}, alpha); got < 0.016 {
		t.Errorf("400 of 20,000 give %g, want a little under 0.02", got)
	}
	if got := LowerRate(Counts{}, alpha); got != 0 {
		t.Errorf("nothing gives %g", got)
	}
}
