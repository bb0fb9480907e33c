package analysis

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestTailProbabilities(t *testing.T) {
	binomialTail := func(n, k int, p float64) (sum float64) {
		for i, w := range binomials(n, p) {
			if i >= k {
				sum += w
			}
		}
		return sum
	}
	for _, n := range []int{1, 10, 300} {
		for k := 1; k <= n; k += 1 + n/7 {
			for _, p := range []float64{0.001, 0.05, 0.5, 0.95} {
				if got, want := betaTail(float64(k), float64(n-k+1), p), binomialTail(n, k, p); math.Abs(got-want) > 1e-10+1e-8*want {
					t.Errorf("P(≥ %d of %d at %g) = %g, want %g", k, n, p, got, want)
				}
			}
		}
	}
	// Large counts, against the normal law with its third moment neglected.
	if got := betaTail(50400, 1e6-50400+1, 0.05); math.Abs(got-0.0333) > 0.001 {
		t.Errorf("P(≥ 50,400 of 10⁶ at 5 %%) = %g, want about 0.0333", got)
	}
	for _, tt := range []struct{ k, mean, want float64 }{{0, 3, 1}, {1, 0, 0}, {1, 2, 1 - math.Exp(-2)}, {3, 1, 1 - 2.5*math.Exp(-1)}, {900, 1000, 0.99934}} {
		if got := poissonTail(uint64(tt.k), tt.mean); math.Abs(got-tt.want) > 1e-4 {
			t.Errorf("P(≥ %g where %g are expected) = %g, want %g", tt.k, tt.mean, got, tt.want)
		}
	}
}

func TestLowerBoundIsClopperPearsons(t *testing.T) {
	for _, tt := range []struct {
		c     Counts
		alpha float64
		want  float64
	}{
		{Counts{100, 0}, 0.05, 0}, {Counts{}, 0.05, 0},
		{Counts{100, 10}, 0.025, 0.0490}, {Counts{20, 20}, 0.05, math.Pow(0.05, 1.0/20)}, {Counts{1000, 1}, 0.05, 1 - math.Pow(0.95, 1.0/1000)},
	} {
		if got := LowerBound(tt.c, tt.alpha); math.Abs(got-tt.want) > 1e-4 {
			t.Errorf("%+v at %g: %g, want %g", tt.c, tt.alpha, got, tt.want)
		}
	}
}

func TestWindowMode(t *testing.T) {
	window := func(breach []Criterion, least uint64) JudgeOptions {
		return JudgeOptions{Breach: breach, Alpha: 0.01, Window: 30 * time.Second, MinRequests: least}
	}
	for _, tt := range []struct {
		name string
		o    JudgeOptions
		pc   float64
		most int // blocks; 0: never
	}{
		{"over the limit", window(limits(0.05), 50), 0.10, 30},
		{"at the limit", window(limits(0.05), 50), 0.05, 0},
		{"over the ratio", window(ratios(1.5), 50), 0.08, 15},
		{"at the ratio", window(ratios(1.5), 50), 0.015, 0},
		{"both, over one", window(append(ratios(1.5), limits(0.5)...), 50), 0.08, 15},
		{"success too low", window([]Criterion{{Metric: SuccessRate, Limit: 0.95}}, 50), 0.10, 30},
		{"over a standing limit", JudgeOptions{Breach: limits(0.05), Window: time.Minute}, 0.10, 60},
		{"too few requests", window(limits(0.05), 5000), 1, 0},
	} {
		for seed := range uint64(5) {
			j := NewJudge(tt.o)
			got := breachAfter(j, seeded(seed, 500, 0.1), 0, 600, tt.pc, 0.01)
			if (got > 0) != (tt.most > 0) || got > tt.most {
				t.Errorf("%s, seed %d: condemned after %d, want at most %d (0: never)", tt.name, seed, got, tt.most)
			}
			v := j.Verdict()
			if got > 0 && (v.Canary.Requests > 70*50 || !strings.Contains(v.Summary, "is proved")) {
				t.Errorf("%s: %+v", tt.name, v)
			}
		}
	}
}

func TestWindowModeForgets(t *testing.T) {
	j := NewJudge(JudgeOptions{Breach: limits(0.05), Alpha: 0.01, Window: 20 * time.Second})
	good, bad := Block{At: day, Canary: Counts{10, 0}, Stable: Counts{90, 0}}, Block{At: day, Canary: Counts{10, 5}, Stable: Counts{90, 0}}
	good.CanaryAll, bad.CanaryAll = good.Canary, bad.Canary
	for range 4 {
		j.Add(bad)
	}
	if v := j.Verdict(); v.Standing != Breach || v.Canary != (Counts{40, 20}) {
		t.Fatalf("%+v", v)
	}
	for range 20 {
		j.Add(good)
	}
	if v := j.Verdict(); v.Standing != Inconclusive {
		t.Errorf("the window has passed, and yet: %+v", v)
	}
}

func TestWindowModeKnowsTheEnvironment(t *testing.T) {
	j := NewJudge(JudgeOptions{Breach: limits(0.05), Alpha: 0.01, Window: 20 * time.Second})
	tr := seeded(4, 1000, 0.1)
	seen := false
	for t0 := range 60 {
		v := j.Add(tr.block(t0, 0.2, 0.2))
		if v.Standing == Breach {
			t.Fatalf("condemned: %s", v.Summary)
		}
		seen = seen || v.Standing == Environment
	}
	if !seen {
		t.Error("the environment was never named")
	}
}

// The design's table: the plain rule rolls back every healthy canary.
func TestPointRuleIsWarnedOf(t *testing.T) {
	ratio := PointRule{PerSecond: 1000, Share: 0.05, Base: 0.001, Ratio: 1.5, Window: time.Minute, Every: 5 * time.Second, MinRequests: 100}
	for _, tt := range []struct {
		name     string
		change   func(*PointRule)
		from, to float64
	}{
		{"1000 rps at 0.1 %", func(*PointRule) {}, 0.99, 1},
		{"both at 2 %", func(r *PointRule) { r.Base = 0.02 }, 0.05, 0.3},
		{"1 rps: never enough requests", func(r *PointRule) { r.PerSecond = 1 }, 0, 0},
		{"far from the limit", func(r *PointRule) { r.Ratio, r.Limit = 0, 0.05 }, 0, 0},
		{"over the limit", func(r *PointRule) { r.Ratio, r.Limit, r.Base = 0, 0.001, 0.01 }, 1, 1},
		{"no traffic", func(r *PointRule) { r.PerSecond = 0 }, 0, 0},
		{"at a quarter of the limit", func(r *PointRule) { r.Ratio, r.Limit, r.PerSecond, r.Base = 0, 0.02, 100, 0.005 }, 0.05, 0.6},
	} {
		r := ratio
		tt.change(&r)
		if got := r.FalseRate(); got < tt.from || got > tt.to {
			t.Errorf("%s: %g, want %g to %g", tt.name, got, tt.from, tt.to)
		}
		if a, b := r.FalseRate(), r.FalseRate(); a != b {
			t.Errorf("%s: %g, then %g", tt.name, a, b)
		}
	}
}
