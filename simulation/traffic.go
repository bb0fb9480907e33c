package simulation

import (
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"time"

	"sluice/internal/peers"
)

// second is what happened in one second: the sums that most detectors look at, and
// the pieces between the beginnings and ends of bursts, in their order.
type second struct {
	peers.Second
	at      time.Time
	pieces  []piece
	latency *latency // nil: not measured
}

// piece is a part of a second in which nothing changes.
type piece struct{ canary, stable peers.Counts }

// traffic draws the seconds of one run. What it draws depends on seed, scenario and
// run alone, never on who looks. Reused from second to second: what it returns is valid
// until the next one.
type traffic struct {
	scenario *Scenario
	laws     *laws
	rng      *rand.Rand
	bursts   [][]span // by source: all together, or by host
	next     []int    // by source: the first burst that has not ended
	now      second
	marks    []float64
}

// laws are the dice of a scenario, shared by its runs; nil: latency is not simulated.
type laws struct{ stable, canary *dice }

// span is a burst, in seconds.
type span struct{ from, to float64 }

// began is when every simulated hour begins.
func began() time.Time { return time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC) }

// source makes the random numbers of one run; kind tells several of a run apart.
func source(scenario string, seed uint64, run int, kind uint64) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(scenario))
	return rand.New(rand.NewPCG(seed^h.Sum64(), uint64(run)<<8|kind))
}

func newLaws(s *Scenario) *laws {
	if s.StableLatency == nil {
		return nil
	}
	return &laws{newDice(s.StableLatency), newDice(s.CanaryLatency)}
}

func newTraffic(s *Scenario, l *laws, seed uint64, run int) *traffic {
	t := &traffic{scenario: s, laws: l, rng: source(s.Name, seed, run, 0)}
	sources := 1
	if s.Bursts.ByHost {
		sources = s.Hosts
	}
	if s.Bursts.Every > 0 {
		for range sources {
			t.bursts = append(t.bursts, t.schedule(s.Bursts))
		}
	}
	t.next = make([]int, len(t.bursts))
	t.now.Hosts = make([]peers.Counts, s.Hosts)
	if l != nil {
		t.now.latency = new(latency)
		t.now.CanaryLatency, t.now.StableLatency = t.now.latency.canary.OK[:], t.now.latency.stable.OK[:]
	}
	return t
}

// schedule of bursts of one source. They begin at any time.
func (t *traffic) schedule(b Bursts) (all []span) {
	for at := 0.0; ; {
		at += t.rng.ExpFloat64() * b.Every
		if at >= Length {
			return all
		}
		all = append(all, span{at, at + b.Length})
	}
}

// second draws second number n; they must be asked for in order.
func (t *traffic) second(n int) *second {
	s, now := t.scenario, &t.now
	now.at = began().Add(time.Duration(n) * time.Second)
	now.Canary, now.Stable, now.Weight = peers.Counts{}, peers.Counts{}, s.Weight(n)
	now.pieces = now.pieces[:0]
	clear(now.Hosts)
	marks := t.cut(float64(n))
	for i := 1; i < len(marks); i++ {
		t.piece(n, marks[i-1], marks[i])
	}
	if t.laws != nil {
		t.latencies(n)
	}
	return now
}

// cut returns where the second begins and ends, and where bursts do meanwhile.
func (t *traffic) cut(from float64) []float64 {
	t.marks = append(t.marks[:0], from, from+1)
	for i, all := range t.bursts {
		for t.next[i] < len(all) && all[t.next[i]].to <= from {
			t.next[i]++
		}
		for _, b := range all[t.next[i]:] {
			if b.from >= from+1 {
				break
			}
			if b.from > from {
				t.marks = append(t.marks, b.from)
			}
			if b.to < from+1 {
				t.marks = append(t.marks, b.to)
			}
		}
	}
	slices.Sort(t.marks)
	return t.marks
}

func (t *traffic) piece(n int, from, to float64) {
	s, now := t.scenario, &t.now
	var p piece
	arrivals := s.Rate * (to - from)
	if s.Hosts == 0 {
		burst := t.burst(0, from, to)
		p.canary = t.arm(arrivals*now.Weight, either(s.Canary.at(n), burst))
		p.stable = t.arm(arrivals*(1-now.Weight), either(s.Stable.at(n), burst))
	}
	for h := range s.Hosts {
		rate := s.Stable.at(n)
		if h == 0 {
			rate = s.Canary.at(n)
		}
		c := t.arm(arrivals/float64(s.Hosts), either(rate, t.burst(h, from, to)))
		now.Hosts[h] = sum(now.Hosts[h], c)
		if h == 0 {
			p.canary = c
		} else {
			p.stable = sum(p.stable, c)
		}
	}
	now.pieces = append(now.pieces, p)
	now.Canary, now.Stable = sum(now.Canary, p.canary), sum(now.Stable, p.stable)
}

// burst is the rate of failures that a host's burst adds between two marks.
func (t *traffic) burst(host int, from, to float64) float64 {
	if len(t.bursts) == 0 {
		return 0
	}
	if !t.scenario.Bursts.ByHost {
		host = 0
	}
	for _, b := range t.bursts[host][t.next[host]:] {
		if b.from <= from && to <= b.to {
			return t.scenario.Bursts.Rate
		}
		if b.from >= to {
			break
		}
	}
	return 0
}

// arm draws requests, and failures among them. Split by chance, a Poisson process is
// two independent ones.
func (t *traffic) arm(mean, failing float64) peers.Counts {
	failed := poisson(t.rng, mean*failing)
	return peers.Counts{Requests: failed + poisson(t.rng, mean*(1-failing)), Failed: failed}
}

func (t *traffic) latencies(n int) {
	now := &t.now
	*now.latency = latency{}
	canary := t.laws.stable
	if n >= t.scenario.Onset {
		canary = t.laws.canary
	}
	canary.roll(t.rng, now.Canary.Requests-now.Canary.Failed, &now.latency.canary.OK)
	t.laws.stable.roll(t.rng, now.Stable.Requests-now.Stable.Failed, &now.latency.stable.OK)
}

func sum(a, b peers.Counts) peers.Counts {
	return peers.Counts{Requests: a.Requests + b.Requests, Failed: a.Failed + b.Failed}
}

// either of two independent failures.
func either(p, q float64) float64 { return p + q - p*q }
