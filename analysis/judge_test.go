package analysis

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestZeroJudgeLooksForNothing(t *testing.T) {
	j := NewJudge(JudgeOptions{})
	for range 100 {
		if v := j.Add(Block{At: day, Canary: Counts{100, 100}, CanaryAll: Counts{100, 100}, Stable: Counts{100, 0}}); v.Standing != Inconclusive {
			t.Fatalf("%+v", v)
		}
	}
}

func TestLimitsThatMeanNothingAreLeftOut(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	j := NewJudge(JudgeOptions{Breach: append(ratios(-1, nan, inf, 1.5), limits(1, -0.1, nan, inf, 2, 0)...)})
	var kept []string
	for _, c := range j.charges {
		kept = append(kept, c.threshold)
	}
	if want := []string{"> 1.5x stable", "> 0%"}; !slices.Equal(kept, want) {
		t.Errorf("kept %q, want %q", kept, want)
	}
	b := Block{At: day, Canary: Counts{100, 0}, CanaryAll: Counts{100, 0}, Stable: Counts{100, 0}}
	if v := j.Add(b); v.Standing != Inconclusive {
		t.Errorf("%+v", v)
	}
}

func TestDeadCanaryIsCondemned(t *testing.T) {
	for _, tt := range []struct {
		name  string
		o     JudgeOptions
		onset int
		most  int // blocks; see burstGuard for why late ones take longer
	}{
		{"standing, from the start", standing, 0, 5},
		{"two criteria, from the start", both, 0, 5},
		{"rollout, from the start", rollout, 0, 5},
		{"standing, after ten minutes", standing, 600, 21},
		{"rollout, after ten minutes", rollout, 600, 15},
	} {
		for seed := range uint64(20) {
			got := breachAfter(NewJudge(tt.o), seeded(seed, 1000, 0.05), tt.onset, 30, 1, 0.001)
			if got < 5 || got > tt.most {
				t.Errorf("%s, seed %d: condemned after %d s, want 5 to %d", tt.name, seed, got, tt.most)
			}
		}
	}
}

func TestOnePercentMoreErrors(t *testing.T) {
	for _, tt := range []struct {
		name   string
		o      JudgeOptions
		onset  int
		median int
	}{
		{"rollout, from the start", rollout, 0, 20},
		{"standing, from the start", standing, 0, 20},
		{"standing, after ten minutes", standing, 600, 60},
	} {
		var all []int
		for seed := range uint64(60) {
			got := breachAfter(NewJudge(tt.o), seeded(seed, 1000, 0.05), tt.onset, 300, 0.011, 0.001)
			if got < 1 {
				t.Fatalf("%s, seed %d: %d", tt.name, seed, got)
			}
			all = append(all, got)
		}
		slices.Sort(all)
		median, p95 := all[30], all[57]
		t.Logf("%s: median %d s, p95 %d s", tt.name, median, p95)
		if median > tt.median || p95 > 3*tt.median {
			t.Errorf("%s: median %d s, p95 %d s, want at most %d and %d", tt.name, median, p95, tt.median, 3*tt.median)
		}
	}
}

func TestOneRequestASecondIsNotBlind(t *testing.T) {
	for _, o := range []JudgeOptions{standing, rollout} {
		var all []int
		for seed := range uint64(30) {
			got := breachAfter(NewJudge(o), seeded(seed, 1, 0.05), 0, 3600, 1, 0.001)
			if got < 1 {
				t.Fatalf("seed %d: a dead canary at 1 rps was not found in an hour", seed)
			}
			all = append(all, got)
		}
		slices.Sort(all)
		t.Logf("alpha %g: median %d s, worst %d s", o.Alpha, all[15], all[29])
		if all[15] > 240 {
			t.Errorf("alpha %g: median %d s, want at most 240", o.Alpha, all[15])
		}
	}
}

// Healthy canaries: none is condemned in the hours simulated here. The bound is a
// theorem (startmass.go); this guards against mistakes in carrying it out.
func TestHealthyCanaryIsNotCondemned(t *testing.T) {
	for _, tt := range []struct {
		name   string
		rps    int
		weight float64
		pb, pc float64
		runs   int
	}{
		{"0.1 %, 1000 rps", 1000, 0.05, 0.001, 0.001, 6},
		{"0.5 %, 100 rps", 100, 0.25, 0.005, 0.005, 10},
		{"0.5 %, 10 rps", 10, 0.25, 0.005, 0.005, 10},
		{"0.5 %, 1 rps", 1, 0.5, 0.005, 0.005, 20},
		{"both 2 %", 1000, 0.1, 0.02, 0.02, 2},
		{"on the bound", 1000, 0.25, 0.005, 0.0055, 2},
		{"no errors", 1000, 0.05, 0, 0, 1},
		{"little stable", 100, 0.95, 0.005, 0.005, 6},
	} {
		for _, o := range []JudgeOptions{both, rollout} {
			for seed := range uint64(tt.runs) {
				if got := breachAfter(NewJudge(o), seeded(seed, tt.rps, tt.weight), 0, 3600, tt.pc, tt.pb); got != 0 {
					t.Errorf("%s, alpha %g, seed %d: condemned after %d s", tt.name, o.Alpha, seed, got)
				}
			}
		}
	}
}

// A large budget, on the very bound and without the burst guard, shows mistakes that
// a small one hides: breaches must stay within it.
func TestFalseBreachesStayWithinTheBudget(t *testing.T) {
	const runs, alpha = 300, 0.2
	o := JudgeOptions{Breach: append(ratios(1.5), limits(0.02)...), MinEffect: 0.01, Alpha: alpha, Horizon: 3 * time.Minute, Guard: 1}
	condemned := 0
	for seed := range uint64(runs) {
		if breachAfter(NewJudge(o), seeded(seed, 100, 0.3), 0, 180, 0.02, 0.015) > 0 {
			condemned++
		}
	}
	t.Logf("%d of %d condemned, budget %g", condemned, runs, runs*alpha)
	if condemned > runs*alpha || condemned == 0 {
		t.Errorf("%d of %d condemned on the bound, want 1 to %g", condemned, runs, runs*alpha)
	}
}

// Half an hour at 1 % errors on both sides, 1000 rps, through trip and judge.
func TestHalfAnHourOfHealthyTraffic(t *testing.T) {
	var canary, stable Recorder
	var trip Trip
	trip.Against(&stable)
	j := NewJudge(both)
	rng := rand.New(rand.NewPCG(41, 42))
	var seenCanary, seenStable Counts
	worst := Inconclusive
	for s := range 1800 {
		for range 1000 {
			if rng.Float64() >= 0.1 {
				attempts(rng, new(Trip), &stable, 1, 0.01, 1)
			} else if attempts(rng, &trip, &canary, 1, 0.01, trip.Baseline()) > 0 {
				t.Fatalf("tripped in second %d: %+v", s, trip.Evidence())
			}
		}
		c, b := canary.Counts(), stable.Counts()
		block := Block{At: day.Add(time.Duration(s) * time.Second), Canary: c.Sub(seenCanary), Stable: b.Sub(seenStable)}
		block.CanaryAll = block.Canary
		seenCanary, seenStable = c, b
		v := j.Add(block)
		trip.SetBaseline(j.Baseline())
		worst = max(worst, v.Standing)
		if v.Standing == Breach || v.Standing == Environment {
			t.Fatalf("second %d: %s", s, v.Summary)
		}
	}
	if seenCanary.Failed < 1500 || seenCanary.Failed > 2100 {
		t.Errorf("the canary failed %d times, want about 1,800", seenCanary.Failed)
	}
}

// A burst of failures on one side that touches four blocks may trip the canary; it does
// not condemn it.
func TestBurstDoesNotCondemn(t *testing.T) {
	for _, o := range []JudgeOptions{standing, both, rollout} {
		for _, p := range []float64{0.3, 1} {
			for seed := range uint64(10) {
				j := NewJudge(o)
				tr := seeded(seed, 1000, 0.1)
				for t0 := range 3000 {
					pc := 0.001
					if t0%600 < 4 {
						pc = p
					}
					if v := j.Add(tr.block(t0, pc, 0.001)); v.Standing == Breach {
						t.Fatalf("%+v, %g failing, seed %d: condemned at %d: %s", o, p, seed, t0, v.Summary)
					}
				}
			}
		}
	}
}

func TestCommonBurstsAreNobodysFault(t *testing.T) {
	for _, o := range []JudgeOptions{standing, rollout} {
		for seed := range uint64(3) {
			j := NewJudge(o)
			tr := seeded(seed, 1000, 0.1)
			for t0 := range 3600 {
				p := 0.001
				if t0%120 < 3 {
					p = 0.3
				}
				if v := j.Add(tr.block(t0, p, p)); v.Standing == Breach {
					t.Fatalf("alpha %g, seed %d: condemned at %d: %s", o.Alpha, seed, t0, v.Summary)
				}
			}
		}
	}
}

func TestStrictMakesTheRatioTheBound(t *testing.T) {
	for _, tt := range []struct {
		name   string
		strict bool
		want   bool
	}{{"default", false, true}, {"strict", true, false}} {
		j := NewJudge(JudgeOptions{Breach: ratios(1.5), Strict: tt.strict, Alpha: 0.01, Horizon: time.Hour})
		got := breachAfter(j, seeded(8, 1000, 0.5), 0, 1800, 0.0148, 0.01) > 0
		if got != tt.want {
			t.Errorf("%s: 1.48 times stable's errors condemned: %v", tt.name, got)
		}
	}
}

// With next to no stable left, what it did before is compared with.
func TestLittleStableTraffic(t *testing.T) {
	for _, tt := range []struct {
		name string
		pc   float64
		want bool
	}{{"healthy", 0.005, false}, {"ten times the errors", 0.05, true}} {
		j := NewJudge(standing)
		for t0 := range 1800 {
			j.Add(seeded(uint64(t0), 100, 0.5).block(t0, 0.005, 0.005))
		}
		if b := j.Baseline(); b > 0.02 {
			t.Errorf("%s: baseline %g with traffic on stable", tt.name, b)
		}
		tr := seeded(77, 100, 0.99)
		for t0 := range 300 {
			if v := j.Add(tr.block(1800+t0, 0.005, 0.005)); v.Standing == Breach {
				t.Fatalf("%s: condemned when stable's share fell: %s", tt.name, v.Summary)
			}
		}
		if b := j.Baseline(); b < 0.005 || b > 0.02 {
			t.Errorf("%s: baseline %g from the bound, want a little over 0.005", tt.name, b)
		}
		got := breachAfter(j, tr, 0, 120, tt.pc, 0.005)
		if (got > 0) != tt.want {
			t.Errorf("%s: condemned after %d", tt.name, got)
		}
	}
}

func TestJudgingAHealthyVersionAllocatesNothing(t *testing.T) {
	j := NewJudge(both)
	k := Block{At: day, Canary: Counts{100, 1}, CanaryAll: Counts{100, 1}, Stable: Counts{900, 9}}
	if n := testing.AllocsPerRun(100, func() { j.Add(k) }); n != 0 {
		t.Errorf("Add allocates %v times", n)
	}
}

func BenchmarkJudgeAdd(b *testing.B) {
	j := NewJudge(both)
	k := Block{At: day, Canary: Counts{100, 1}, CanaryAll: Counts{100, 1}, Stable: Counts{900, 9}}
	b.ReportAllocs()
	for b.Loop() {
		j.Add(k)
	}
}
