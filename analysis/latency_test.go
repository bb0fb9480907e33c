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
