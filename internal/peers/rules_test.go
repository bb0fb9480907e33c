package peers

import (
	"math"
	"testing"
)

type rule interface{ Add(*Second) bool }

// stream makes a second from its number, 0 the first.
type stream func(t int) Second

// at feeds n seconds and returns how many it took the rule, 0 if it never fired.
func at(r rule, n int, s stream) int {
	for t := range n {
		second := s(t)
		if r.Add(&second) {
			return t + 1
		}
	}
	return 0
}

// steady has so many requests and failures each second.
func steady(nc, ec, nb, eb uint64) stream {
	return func(int) Second {
		return Second{Canary: Counts{nc, ec}, Stable: Counts{nb, eb}, Weight: float64(nc) / float64(nc+nb)}
	}
}

// from is one stream until second t, another from then on.
func from(t int, first, then stream) stream {
	return func(i int) Second {
		if i < t {
			return first(i)
		}
		return then(i)
	}
}

// every lets n requests of the canary fail in one second of so many.
func every(k int, n uint64) stream {
	return func(t int) Second {
		s := Second{Canary: Counts{100, 0}, Stable: Counts{900, 0}, Weight: 0.1}
		if t%k == 0 {
			s.Canary.Failed = n
		}
		return s
	}
}

func TestRulesOnHandMadeStreams(t *testing.T) {
	good, dead, none := steady(100, 0, 900, 0), steady(100, 100, 900, 0), steady(0, 0, 900, 0)
	twoPercent, both := steady(100, 2, 900, 0), steady(100, 2, 900, 18)
	badMinute := func(minutes ...int) stream {
		return func(t int) Second {
			for _, m := range minutes {
				if t/60 == m {
					return twoPercent(t)
				}
			}
			return good(t)
		}
	}
	for _, tt := range []struct {
		name   string
		rule   rule
		stream stream
		want   int // seconds; 0: never in an hour
	}{
		{"flagger x1: first bad minute", NewFlagger(0.01, 1), badMinute(3), 240},
		{"flagger x5: failed checks add up over good ones", NewFlagger(0.01, 5), badMinute(1, 5, 9, 20, 40), 41 * 60},
		{"flagger x5: four are not enough", NewFlagger(0.01, 5), badMinute(1, 5, 9, 20), 0},
		{"flagger x5: silence fails", NewFlagger(0.01, 5), none, 300},
		{"flagger x1: exactly the limit passes", NewFlagger(0.02, 1), twoPercent, 0},
		{"flagger x1: blames the canary for what both have", NewFlagger(0.01, 1), both, 60},

		{"argo 1m limit 0: first bad minute", NewArgo(0.01, 60, 0), badMinute(3), 240},
		{"argo 1m limit 0: silence passes", NewArgo(0.01, 60, 0), none, 0},
		{"argo 5m limit 3: the fourth aborts", NewArgo(0.05, 300, 3), dead, 1200},
		{"argo 5m limit 3: one bad minute is thinned", NewArgo(0.05, 300, 0), badMinute(3), 0},

		{"ratio: over the line", NewRatio(1.5, 100), steady(100, 2, 900, 9), 5},
		{"ratio: on the line", NewRatio(1.5, 100), steady(200, 3, 900, 9), 0},
		{"ratio: one failure where stable has none", NewRatio(1.5, 100), from(60, good, every(100, 1)), 105},
		{"ratio: waits for requests", NewRatio(1.5, 100), steady(10, 10, 90, 0), 10},
		{"ratio: forgets after a minute", NewRatio(1.5, 100), func(t int) Second {
			switch {
			case t < 3:
				return steady(9, 9, 90, 0)(t) // too few to judge by
			case t < 63:
				return steady(0, 0, 90, 0)(t)
			}
			return steady(100, 0, 900, 1)(t)
		}, 0},
		{"ratio: no stable, no answer", NewRatio(1.5, 100), steady(100, 100, 0, 0), 0},

		{"burn: dead", NewBurn(0.999), dead, 15},
		{"burn: 2 % late waits for the hour", NewBurn(0.999), from(900, good, twoPercent), 3225},
		{"burn: 1 % never", NewBurn(0.999), steady(100, 1, 900, 0), 0},

		{"wilson: dead", NewWilson(0.01), dead, 5},
		{"wilson: too few requests", NewWilson(0.01), steady(1, 1, 9, 0), 30},
		{"wilson: 1 % is not above 1 %", NewWilson(0.01), steady(100, 1, 900, 0), 0},

		{"z: dead", NewZTest(), dead, 10},
		{"z: both alike", NewZTest(), both, 0},
		{"z: better is not worse", NewZTest(), steady(100, 0, 900, 9), 0},
		{"z: waits for a hundred", NewZTest(), steady(1, 1, 9, 0), 100},

		{"msprt: dead", NewMSPRT(0.01, 0.005), dead, 1},
		{"msprt: both alike", NewMSPRT(0.01, 0.005), both, 0},
		{"msprt: better is not worse", NewMSPRT(0.01, 0.005), steady(100, 0, 900, 9), 0},

		{"lindon-malek: dead", NewLindonMalek(0.01), dead, 1},
		{"lindon-malek: both alike", NewLindonMalek(0.01), both, 0},
		{"lindon-malek: better is not worse", NewLindonMalek(0.01), steady(100, 0, 900, 9), 0},

		{"kayenta: 2 % more at the fifth minute", NewKayenta(5), from(0, good, jitter(100, 2, 900, 0)), 300},
		{"kayenta: both alike", NewKayenta(5), both, 0},
		{"kayenta: once an hour", NewKayenta(60), jitter(100, 2, 900, 0), 3600},
		{"kayenta: fewer failures are no fault", NewKayenta(5), jitter(100, 0, 900, 18), 0},
		{"kayenta: no data, no verdict", NewKayenta(5), none, 0},
	} {
		if got := at(tt.rule, 3600, tt.stream); got != tt.want {
			t.Errorf("%s: fired at %d s, want %d", tt.name, got, tt.want)
		}
	}
}

// jitter is steady with minutes that differ, so that ranks are not all tied.
func jitter(nc, ec, nb, eb uint64) stream {
	return func(t int) Second {
		s := steady(nc, ec, nb, eb)(t)
		if t%60 < t/60%7 {
			s.Canary.Failed++
			s.Stable.Failed += 9
		}
		return s
	}
}

func TestLindonMalekIsTheBayesFactor(t *testing.T) {
	// Two failures, both of the canary at 10 %: B(12, 90)/B(10, 90)/0.1² = (10·11)/(100·101)/0.01.
	l := NewLindonMalek(0.01)
	l.Add(&Second{Canary: Counts{10, 2}, Stable: Counts{90, 0}, Weight: 0.1})
	if want := math.Log(10 * 11 / (100. * 101) / 0.01); math.Abs(l.current-want) > 1e-9 {
		t.Errorf("factor %g, want %g", l.current, want)
	}
	// In the next stage the factors multiply.
	l.Add(&Second{Canary: Counts{50, 1}, Stable: Counts{50, 0}, Weight: 0.5})
	if l.current != 0 && math.Abs(l.current) > 1e-9 {
		t.Errorf("one failure at half the traffic says nothing, got %g", l.current)
	}
	if want := math.Log(10 * 11 / (100. * 101) / 0.01); math.Abs(l.before-want) > 1e-9 {
		t.Errorf("carried %g, want %g", l.before, want)
	}
}

func TestWilsonLowerBound(t *testing.T) {
	for _, tt := range []struct {
		c       Counts
		z, want float64
	}{
		{Counts{10, 10}, 1.96, 0.7225}, {Counts{100, 10}, 1.96, 0.0552}, {Counts{1000, 0}, 1.96, 0},
	} {
		if got := wilsonLower(tt.c, tt.z); math.Abs(got-tt.want) > 5e-4 {
			t.Errorf("%v: %.4f, want %.4f", tt.c, got, tt.want)
		}
	}
}

func TestEnvoy(t *testing.T) {
	hosts := func(n int, canary, others uint64) stream {
		return func(int) Second {
			s := Second{Hosts: make([]Counts, n)}
			for i := range s.Hosts {
				s.Hosts[i] = Counts{100, others}
			}
			s.Hosts[0].Failed = canary
			return s
		}
	}
	for _, tt := range []struct {
		name   string
		stream stream
		want   int
	}{
		{"the only one with a failure is an outlier", hosts(10, 1, 0), 10},
		{"all alike", hosts(10, 2, 2), 0},
		{"better than the others", hosts(10, 0, 2), 0},
		{"four hosts are too few", hosts(4, 100, 0), 0},
		{"five hosts: the farthest is 2 deviations away", hosts(5, 100, 0), 10},
		{"hosts not told apart", hosts(1, 100, 0), 0},
	} {
		if got := at(NewEnvoy(), 600, tt.stream); got != tt.want {
			t.Errorf("%s: ejected at %d s, want %d", tt.name, got, tt.want)
		}
	}
}
