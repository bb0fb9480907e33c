package analysis

import (
	"encoding/json"
	"math"
	"os"
	"testing"
	"time"
)

// binomials are the probabilities of 0…n.
func binomials(n int, p float64) []float64 {
	out := make([]float64, n+1)
	for k := range out {
		lc, _ := math.Lgamma(float64(n + 1))
		la, _ := math.Lgamma(float64(k + 1))
		lb, _ := math.Lgamma(float64(n - k + 1))
		switch {
		case p == 0:
			out[k] = 0
		case p == 1:
			out[k] = 0
		default:
			out[k] = math.Exp(lc - la - lb + float64(k)*math.Log(p) + float64(n-k)*math.Log1p(-p))
		}
	}
	if p == 0 {
		out[0] = 1
	}
	if p == 1 {
		out[n] = 1
	}
	return out
}

// expectations is E[L] of every alternative, by enumeration of all outcomes.
func expectations(b bets, nc, nb int, pc, pb float64) (e [grid]float64) {
	for ec, wc := range binomials(nc, pc) {
		for eb, wb := range binomials(nb, pb) {
			var l [grid]float64
			b.weigh(Counts{uint64(nc), uint64(ec)}, Counts{uint64(nb), uint64(eb)}, &l)
			for j := range l {
				e[j] += wc * wb * math.Exp(l[j])
			}
		}
	}
	return e
}

var arms = []struct{ nc, nb int }{{1, 19}, {5, 95}, {50, 50}, {90, 10}, {3, 1}}

func TestExpectationUnderTheNullIsOneAtMost(t *testing.T) {
	worst := 0.0
	for _, n := range arms {
		for _, pb := range []float64{0, 0.0005, 0.01, 0.1, 0.4} {
			for _, r0 := range []float64{1, 1.5, 2} {
				for _, d0 := range []float64{0, 0.0005, 0.01} {
					detect := &relativeBets{r0: r0, d0: d0, ratios: [grid]float64{1.05 * r0, 2 * r0, 4 * r0, 10 * r0, 50 * r0, 300 * r0, 2000 * r0}}
					promote := &relativeBets{r0: r0, d0: d0, ratios: [grid]float64{0.002 * r0, 0.1 * r0, 0.3 * r0, 0.6 * r0, 0.8 * r0, 0.9 * r0, 0.99 * r0}}
					for _, share := range []float64{1, 0.7, 0.2} {
						for _, e := range expectations(detect, n.nc, n.nb, min(1, (r0*pb+d0)*share), pb) {
							worst = max(worst, e)
						}
					}
					for _, more := range []float64{0, 0.01, 0.2} {
						for _, e := range expectations(promote, n.nc, n.nb, min(1, r0*pb+d0+more), pb) {
							worst = max(worst, e)
						}
					}
				}
			}
		}
	}
	for _, p0 := range []float64{0.001, 0.01, 0.05, 0.06, 0.2, 0.5, 0.9} {
		for _, share := range []float64{1, 0.5, 0} {
			for _, e := range expectations(absoluteBets{p0: p0}, 60, 0, p0*share, 0) {
				worst = max(worst, e)
			}
		}
	}
	if worst > 1+1e-9 || worst < 1-1e-9 {
		t.Errorf("max E[L] = %.12g, want 1", worst)
	}
}

// With Poisson counts, the limit of many rare failures, E[L] is exactly 1 on the
// boundary p_c = r0·p_b + d0: no evidence is given away.
func TestEqualityOnTheBoundary(t *testing.T) {
	for _, n := range arms {
		for _, strict := range []bool{false, true} {
			b := newRelativeBets(1.5, 0.001, strict)
			var none, canary, stable [grid]float64
			c, s := Counts{Requests: uint64(n.nc)}, Counts{Requests: uint64(n.nb)}
			b.weigh(c, s, &none)
			b.weigh(Counts{c.Requests, 1}, s, &canary)
			b.weigh(c, Counts{s.Requests, 1}, &stable)
			pb := 0.02
			pc := b.r0*pb + b.d0
			for j := range none {
				up, down := math.Exp(canary[j]-none[j]), math.Exp(stable[j]-none[j])
				ln := none[j] + float64(n.nc)*pc*(up-1) + float64(n.nb)*pb*(down-1)
				if math.Abs(ln) > 1e-9*math.Abs(none[j])+1e-12 {
					t.Errorf("%d:%d, alternative %d: ln E[L] = %g, want 0", n.nc, n.nb, j, ln)
				}
			}
		}
	}
}

func TestAbsoluteFactorIsExactlyFairAboveFivePercent(t *testing.T) {
	for _, e := range expectations(absoluteBets{p0: 0.2}, 40, 0, 0.2, 0) {
		if math.Abs(e-1) > 1e-9 {
			t.Errorf("E[L] = %g at the limit, want 1", e)
		}
	}
}

func TestSplittingABlockChangesNothing(t *testing.T) {
	b := newRelativeBets(1.5, 0.001, false)
	var whole, parts detector
	whole.start(1)
	parts.start(1)
	at := time.Unix(0, 0)
	none := unguarded()
	whole.add(b, at, Counts{100, 7}, Counts{300, 5}, false, none, math.Inf(1))
	for _, p := range []struct{ canary, stable Counts }{
		{Counts{40, 7}, Counts{120, 0}}, {Counts{40, 0}, Counts{120, 4}}, {Counts{20, 0}, Counts{60, 1}},
	} {
		parts.add(b, at, p.canary, p.stable, false, none, math.Inf(1))
	}
	for j := range whole.Mass {
		if math.Abs(whole.Mass[j]/parts.Mass[j]-1) > 1e-9 {
			t.Errorf("alternative %d: %g in one block, %g in three", j, whole.Mass[j], parts.Mass[j])
		}
	}
}

func TestBlocksWaitForBothSides(t *testing.T) {
	b := newRelativeBets(1.5, 0.001, false)
	var d detector
	d.start(1)
	at := time.Unix(100, 0)
	none := unguarded()
	if d.add(b, at, Counts{1, 1}, Counts{}, false, none, math.Inf(1)) || d.evidence() != 1 {
		t.Error("weighed a block without stable")
	}
	if d.add(b, at.Add(time.Second), Counts{2, 2}, Counts{}, false, none, math.Inf(1)) {
		t.Error("weighed two blocks without stable")
	}
	if !d.add(b, at.Add(2*time.Second), Counts{}, Counts{20, 0}, false, none, math.Inf(1)) || d.evidence() <= 1 {
		t.Errorf("not weighed: %g", d.evidence())
	}
	if _, r := d.best(); r.Canary != (Counts{3, 3}) || r.Stable != (Counts{20, 0}) || !r.Since.Equal(at) {
		t.Errorf("explained by %+v", r)
	}
}

// golden.json was made by testdata/golden.py, a detector written apart from this one.
func TestAgreesWithTheReference(t *testing.T) {
	data, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Name string
		Args struct {
			R0           *float64
			D0           *float64
			First        *float64
			P0           *float64
			Room, Refill *float64
		}
		Blocks   [][4]uint64
		Evidence []float64
	}
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		var b bets = newRelativeBets(1.5, 0.001, c.Args.R0 != nil)
		if c.Args.P0 != nil {
			b = absoluteBets{p0: *c.Args.P0}
		}
		guard := unguarded()
		if c.Args.Room != nil {
			guard = burstGuard{*c.Args.Room, *c.Args.Refill}
		}
		var d detector
		d.start(0.5)
		rest, w := 0.5, 0.5/3600
		for i, k := range c.Blocks {
			d.start(w)
			rest -= w
			d.add(b, time.Unix(int64(i), 0), Counts{k[0], k[1]}, Counts{k[2], k[3]}, c.Args.P0 != nil, guard, math.Inf(1))
			if got, want := d.evidence()+rest, c.Evidence[i]; math.Abs(got/want-1) > 1e-9 {
				t.Fatalf("%s: block %d: evidence %g, want %g", c.Name, i, got, want)
			}
		}
	}
	if len(cases) != 6 {
		t.Errorf("%d cases, want 6", len(cases))
	}
}

func TestStartMassKeepsToItsBudget(t *testing.T) {
	m := rolloutMass(time.Hour)
	sum := m.first
	for n := range int64(3600 * 1000) {
		sum += m.at(n)
	}
	if sum > 1+1e-9 || sum < 0.999 {
		t.Errorf("a rollout of an hour, 1,000 hours on: %g, want just under 1", sum)
	}
	s := standingMass()
	if got := (s.first + s.at(12345)*hundredMonths) * standingAlpha; math.Abs(got-1) > 1e-9 {
		t.Errorf("%g false breaches in a hundred months, want 1", got)
	}
}
