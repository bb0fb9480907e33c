package analysis

import (
	"math"
	"slices"
	"testing"
	"time"
)

// lognormal is the law of latencies of the design's simulation: median 50 ms, p99 321 ms.
// A part of the requests (tail) may be late by half a second more.
type lognormal struct{ scale, tail float64 }

func (l lognormal) above(x float64) float64 {
	tail := func(x float64) float64 {
		if x <= 0 {
			return 1
		}
		return math.Erfc(math.Log(x/(0.05*l.scale))/0.8/math.Sqrt2) / 2
	}
	return (1-l.tail)*tail(x) + l.tail*tail(x-0.5)
}

// sampler draws whole histograms: a binomial for each cell, so that the cost is the number of
// requests, and little of that.
type sampler struct{ p [Buckets]float64 } // chance of a cell, given that it is not a lower one

func newSampler(l lognormal) *sampler {
	s := new(sampler)
	rest := 1.0
	for i := range Buckets {
		here := rest
		if i < Buckets-1 {
			here = rest - l.above(UpperBound(i))
		}
		if rest > 1e-14 {
			s.p[i] = min(1, here/rest)
		}
		rest -= here
	}
	return s
}

func (s *sampler) draw(tr traffic, n uint64) *Latency {
	l := new(Latency)
	for i := 0; i < Buckets && n > 0; i++ {
		if s.p[i] > 0 {
			k := tr.binomial(int(n), s.p[i])
			l.OK[i] = uint32(k)
			n -= k
		}
	}
	return l
}

func (tr traffic) timed(t int, canary, stable *sampler) Block {
	b := tr.block(t, 0.001, 0.001)
	b.CanaryLatency = canary.draw(tr, b.Canary.good())
	b.CanaryAllLatency = b.CanaryLatency
	b.StableLatency = stable.draw(tr, b.Stable.good())
	return b
}

func slower(ratio float64) []Criterion {
	return []Criterion{{Metric: P50Latency, Ratio: ratio}, {Metric: P90Latency, Ratio: ratio}, {Metric: P99Latency, Ratio: ratio}}
}

// condemnedAfter is breachAfter for latencies; 0: not within n.
func condemnedAfter(j *Judge, tr traffic, onset, n int, law lognormal) (int, Verdict) {
	healthy, bad := newSampler(lognormal{1, 0}), newSampler(law)
	var v Verdict
	for t := range onset {
		if v = j.Add(tr.timed(t, healthy, healthy)); v.Standing == Breach {
			return -1, v
		}
	}
	for t := range n {
		if v = j.Add(tr.timed(onset+t, bad, healthy)); v.Standing == Breach {
			return t + 1, v
		}
	}
	return 0, v
}

func TestSlowCanaries(t *testing.T) {
	errorsToo := append(slower(2), Criterion{Metric: ErrorRate, Ratio: 1.5})
	for _, tt := range []struct {
		name   string
		breach []Criterion
		law    lognormal
		rps    int
		onset  int
		median int
	}{
		{"twice as slow", slower(2), lognormal{2, 0}, 1000, 0, 13},
		{"twice as slow, beside errors", errorsToo, lognormal{2, 0}, 1000, 0, 15},
		{"three times as slow", slower(2), lognormal{3, 0}, 1000, 0, 8},
		{"the tail only", slower(2), lognormal{1, 0.03}, 1000, 0, 22},
		{"the tail only, p99", []Criterion{{Metric: P99Latency, Ratio: 2}}, lognormal{1, 0.03}, 1000, 0, 20},
		{"twice as slow, 100 rps", slower(2), lognormal{2, 0}, 100, 0, 90},
		{"twice as slow, late", slower(2), lognormal{2, 0}, 1000, 300, 24},
		{"over an absolute limit", []Criterion{{Metric: P99Latency, Latency: time.Second}}, lognormal{5, 0}, 1000, 0, 12},
	} {
		var all []int
		for seed := range uint64(11) {
			o := JudgeOptions{Breach: tt.breach, Alpha: 0.01, WarmUp: -1}
			got, v := condemnedAfter(NewJudge(o), seeded(seed, tt.rps, 0.05), tt.onset, 40*tt.median, tt.law)
			if got < 1 {
				t.Fatalf("%s, seed %d: %d; %+v", tt.name, seed, got, v)
			}
			all = append(all, got)
		}
		slices.Sort(all)
		t.Logf("%s: median %d s, worst %d s", tt.name, all[5], all[10])
		if all[5] > tt.median || all[10] > 4*tt.median {
			t.Errorf("%s: median %d s, worst %d s, want at most %d and %d", tt.name, all[5], all[10], tt.median, 4*tt.median)
		}
	}
}

func TestHealthyLatencyIsNotCondemned(t *testing.T) {
	absolute := append(slower(2), Criterion{Metric: P99Latency, Latency: 500 * time.Millisecond}, Criterion{Metric: Hangs, Limit: 0})
	for _, tt := range []struct {
		name  string
		scale float64
		rps   int
		runs  uint64
	}{{"1000 rps", 1, 1000, 3}, {"100 rps", 1, 100, 6}, {"10 rps", 1, 10, 10}, {"1 rps", 1, 1, 10}, {"a quarter slower", 1.25, 1000, 3}} {
		for seed := range tt.runs {
			o := JudgeOptions{Breach: absolute, Alpha: 0.01, WarmUp: -1}
			if got, v := condemnedAfter(NewJudge(o), seeded(seed, tt.rps, 0.25), 0, 1800, lognormal{tt.scale, 0}); got != 0 {
				t.Errorf("%s, seed %d: condemned after %d: %s", tt.name, seed, got, v.Summary)
			}
		}
	}
}

// A large budget, on the very bound of the test and without the burst guard: breaches
// must stay within it.
func TestFalseLatencyBreachesStayWithinTheBudget(t *testing.T) {
	const runs, alpha = 200, 0.2
	k := newMeasure(Criterion{Metric: P90Latency, Ratio: 2}, JudgeOptions{}, false).shift
	law, healthy := newSampler(lognormal{math.Exp2(float64(k) / perOctave), 0}), newSampler(lognormal{1, 0})
	condemned := 0
	for seed := range uint64(runs) {
		j := NewJudge(JudgeOptions{Breach: slower(2), Alpha: alpha, Horizon: 3 * time.Minute, Guard: 1, WarmUp: -1})
		tr := seeded(seed, 60, 0.4)
		for t0 := range 180 {
			if j.Add(tr.timed(t0, law, healthy)).Standing == Breach {
				condemned++
				break
			}
		}
	}
	t.Logf("%d of %d condemned, budget %g", condemned, runs, runs*alpha)
	if condemned > runs*alpha || condemned == 0 {
		t.Errorf("%d of %d condemned on the bound, want 1 to %g", condemned, runs, runs*alpha)
	}
}

func TestFirstTrafficMayBeSlow(t *testing.T) {
	for _, tt := range []struct {
		name string
		o    JudgeOptions
		cold float64 // how many times slower the first 25 s are
		want bool
	}{
		{"three times slower", JudgeOptions{}, 3, false},
		{"three times slower, no warm-up", JudgeOptions{WarmUp: -1}, 3, true},
		{"ten times slower", JudgeOptions{}, 10, true},
	} {
		tt.o.Breach, tt.o.Alpha = append(slower(2), Criterion{Metric: P99Latency, Latency: 500 * time.Millisecond}), 0.01
		j := NewJudge(tt.o)
		tr := seeded(1, 500, 0.2)
		cold, healthy := newSampler(lognormal{tt.cold, 0}), newSampler(lognormal{1, 0})
		got := false
		for t0 := range 300 {
			law := healthy
			if t0 < 25 {
				law = cold
			}
			got = got || j.Add(tr.timed(t0, law, healthy)).Standing == Breach
		}
		if got != tt.want {
			t.Errorf("%s: condemned: %v", tt.name, got)
		}
	}
}

// When stable answers slowly too, an absolute limit condemns nobody, and a relative one
// compares with what stable does now.
func TestSlowForBothIsEnvironment(t *testing.T) {
	j := NewJudge(JudgeOptions{Breach: append(slower(2), Criterion{Metric: P99Latency, Latency: time.Second}), Alpha: 0.01, WarmUp: -1})
	tr := seeded(7, 500, 0.3)
	seen := false
	for t0 := range 600 {
		law := newSampler(lognormal{1, 0})
		if t0 >= 300 && t0 < 400 {
			law = newSampler(lognormal{6, 0})
		}
		v := j.Add(tr.timed(t0, law, law))
		if v.Standing == Breach {
			t.Fatalf("condemned at %d: %s", t0, v.Summary)
		}
		if v.Standing == Environment {
			seen = true
			if v.Metric != P99Latency || v.Threshold != "> 1s" || v.Slow < time.Second || v.Slow > 1100*time.Millisecond {
				t.Fatalf("%+v", v)
			}
		}
	}
	if !seen {
		t.Error("the environment was never named")
	}
}

// With next to no stable left, what it answered before is compared with.
func TestLittleStableLatency(t *testing.T) {
	for _, tt := range []struct {
		name string
		law  lognormal
		want bool
	}{{"as quick", lognormal{1, 0}, false}, {"three times as slow", lognormal{3, 0}, true}} {
		j := NewJudge(JudgeOptions{Breach: slower(2)})
		tr := seeded(3, 200, 0.5)
		healthy, law := newSampler(lognormal{1, 0}), newSampler(tt.law)
		for t0 := range 900 {
			j.Add(tr.timed(t0, healthy, healthy))
		}
		tr.weight = 1
		got := 0
		for t0 := 900; t0 < 1500 && got == 0; t0++ {
			l := healthy
			if t0 >= 1200 {
				l = law
			}
			if v := j.Add(tr.timed(t0, l, healthy)); v.Standing == Breach {
				got = t0
			}
		}
		if (got >= 1200) != tt.want || got > 0 && got < 1200 {
			t.Errorf("%s: condemned at %d", tt.name, got)
		}
	}
}

// Limits at the ends of what is counted work as well, warm-up included.
func TestExtremeLatencyLimits(t *testing.T) {
	slow := new(Latency)
	slow.ObserveN(63*time.Second, true, 40)
	fast := new(Latency)
	fast.ObserveN(time.Millisecond, false, 400)
	for _, tt := range []struct {
		limit time.Duration
		want  bool
	}{{time.Nanosecond, false}, {30 * time.Second, true}, {60 * time.Second, true}, {time.Hour, false}} {
		j := NewJudge(JudgeOptions{Breach: []Criterion{{Metric: P99Latency, Latency: tt.limit}}, Alpha: 0.01})
		got := false
		for s := range 90 {
			b := Block{At: day.Add(time.Duration(s) * time.Second), Canary: Counts{40, 40}, CanaryAll: Counts{40, 40}, Stable: Counts{400, 0}}
			b.CanaryLatency, b.CanaryAllLatency, b.StableLatency = slow, slow, fast
			got = got || j.Add(b).Standing == Breach
		}
		if got != tt.want { // stable takes more than a nanosecond too
			t.Errorf("%v: condemned: %v", tt.limit, got)
		}
	}
}

func TestSharesOfTheBudget(t *testing.T) {
	all := append(slower(2), Criterion{Metric: ErrorRate, Ratio: 1.5}, Criterion{Metric: ErrorRate, Limit: 0.05},
		Criterion{Metric: SuccessRate, Limit: 0.9}, Criterion{Metric: P99Latency, Latency: time.Second}, Criterion{Metric: Hangs, Limit: 5})
	want := []float64{0.2 / 3, 0.2 / 3, 0.2 / 3, 0.5, 0.05, 0.05, 0.1, 0.1}
	sum := 0.0
	for i, c := range charges(JudgeOptions{Breach: all}.withDefaults()) {
		sum += c.share
		if math.Abs(c.share-want[i]) > 1e-12 {
			t.Errorf("%s %s has %g, want %g", c.of.Metric, c.threshold, c.share, want[i])
		}
	}
	if math.Abs(sum-1) > 1e-12 {
		t.Errorf("together %g", sum)
	}
	if j := NewJudge(JudgeOptions{Breach: all, Alpha: 0.01, Canaries: 4}); math.Abs(j.bound-400) > 1e-9 {
		t.Errorf("one of four canaries: bound %g, want 400", j.bound)
	}
}

func TestSuccessRateMirrorsTheErrorRate(t *testing.T) {
	for _, tt := range []struct {
		name string
		c    Criterion
		pc   float64
		want bool
	}{
		{"under 95 %", Criterion{Metric: SuccessRate, Limit: 0.95}, 0.09, true},
		{"over 95 %", Criterion{Metric: SuccessRate, Limit: 0.95}, 0.04, false},
		{"under 0.98x", Criterion{Metric: SuccessRate, Ratio: 0.98}, 0.05, true},
		{"over 0.98x", Criterion{Metric: SuccessRate, Ratio: 0.98}, 0.015, false},
	} {
		for _, strict := range []bool{false, true} {
			j := NewJudge(JudgeOptions{Breach: []Criterion{tt.c}, Alpha: 0.01, Strict: strict})
			got := breachAfter(j, seeded(2, 1000, 0.2), 0, 600, tt.pc, 0.01)
			if (got > 0) != tt.want {
				t.Errorf("%s, strict %v: condemned after %d", tt.name, strict, got)
			}
			if v := j.Verdict(); got > 0 && (v.Metric != SuccessRate || v.Threshold[0] != '<') {
				t.Errorf("%s: %+v", tt.name, v)
			}
		}
	}
}

func TestJudgingLatenciesAllocatesNothing(t *testing.T) {
	j := NewJudge(JudgeOptions{Breach: everything})
	j.Stage(PromotionOptions{Success: everything})
	k := quiet()
	if n := testing.AllocsPerRun(100, func() { j.Add(k) }); n != 0 {
		t.Errorf("Add allocates %v times", n)
	}
}

// quiet is a block in which both sides are as quick.
func quiet() Block {
	k := Block{At: day, Canary: Counts{100, 1}, CanaryAll: Counts{100, 1}, Stable: Counts{900, 9}}
	k.CanaryLatency, k.StableLatency = new(Latency), new(Latency)
	k.CanaryAllLatency = k.CanaryLatency
	for i := range 99 {
		k.CanaryLatency.Observe(time.Duration(20+i)*time.Millisecond, false)
		k.StableLatency.ObserveN(time.Duration(20+i)*time.Millisecond, false, 9)
	}
	return k
}

var everything = append(slower(2), Criterion{Metric: ErrorRate, Ratio: 1.5}, Criterion{Metric: ErrorRate, Limit: 0.05},
	Criterion{Metric: P99Latency, Latency: time.Second}, Criterion{Metric: Hangs, Limit: 5})

// One tick of 100 services of three versions each; it must stay under 5 ms.
func BenchmarkTick(b *testing.B) {
	var js []*Judge
	for range 300 {
		js = append(js, NewJudge(JudgeOptions{Breach: everything}))
	}
	k := quiet()
	b.ReportAllocs()
	for b.Loop() {
		for _, j := range js {
			j.Add(k)
		}
	}
}

// Where stable answers within a millisecond or two, twice that is nothing that matters, unless
// somebody says so. Ten times that is.
func TestSmallDelaysDoNotMatter(t *testing.T) {
	const fast = 0.003 // p99 of about 1 ms
	for _, tt := range []struct {
		name     string
		times    float64
		minDelay time.Duration
		want     bool
	}{
		{"twice a millisecond", 2, 0, false},
		{"twice a millisecond, and it matters", 2, -1, true},
		{"twenty times a millisecond", 20, 0, true},
	} {
		j := NewJudge(JudgeOptions{Breach: slower(2), Alpha: 0.01, WarmUp: -1, MinDelay: tt.minDelay})
		tr, stable, canary := seeded(1, 1000, 0.1), newSampler(lognormal{fast, 0}), newSampler(lognormal{tt.times * fast, 0})
		condemned := false
		for i := 0; i < 300 && !condemned; i++ {
			condemned = j.Add(tr.timed(i, canary, stable)).Standing == Breach
		}
		if condemned != tt.want {
			t.Errorf("%s slower: condemned %v, want %v", tt.name, condemned, tt.want)
		}
	}
}
