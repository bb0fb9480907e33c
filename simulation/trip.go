package simulation

import (
	"math"
	"math/rand/v2"
	"slices"

	"sluice/analysis"
	"sluice/internal/peers"
)

// trip is the production Trip with recorders of its own, fed failure by failure in
// the order of their times. Successes that can't matter are not recorded: the score stops at
// 0, and it was there already.
type trip struct {
	rng            *rand.Rand
	trip           analysis.Trip
	canary, stable analysis.Recorder
	baseline       *analysis.Judge // looks for nothing, but knows stable's rate
	usual          analysis.Rate   // what stable does now, of all blocks
	room           uint64          // successes of the canary until the score is surely 0
	thorough       bool            // record what can't matter, too
	times          []float64       // of failures, within a piece
}

const (
	// leastFall is the least that a success takes off the score, at p0 = 1 % (ln 0.99/0.95); at
	// higher rates, up to 30 % at least, it takes more.
	leastFall = 0.0412
	// mostExcused is what the controller lets a bound on stable's rate excuse.
	mostExcused = 0.1
)

func newTrip(rng *rand.Rand) *trip {
	t := &trip{rng: rng, baseline: analysis.NewJudge(analysis.JudgeOptions{})}
	t.trip.Against(&t.stable)
	return t
}

// add lets the second's failures come one after the other, then renews the baseline,
// as the controller does.
func (t *trip) add(s *second) bool {
	for i := range s.pieces {
		if t.piece(&s.pieces[i]) {
			return true
		}
	}
	b := s.block()
	t.baseline.Add(b)
	t.usual.Add(b.Stable)
	t.trip.SetBaseline(min(t.baseline.Baseline(), max(mostExcused, t.usual.Value())))
	return false
}

// piece spreads failures evenly over a piece, and the rest evenly between them.
func (t *trip) piece(p *piece) bool {
	t.times = t.times[:0]
	for range p.canary.Failed {
		t.times = append(t.times, t.rng.Float64())
	}
	slices.Sort(t.times)
	good := p.canary.Requests - p.canary.Failed
	stable := p.stable
	last := 0.0
	for _, at := range t.times {
		share := (at - last) / (1 - last)
		n := binomial(t.rng, good, share)
		good -= n
		t.pass(n, t.part(&stable, share))
		last = at
		if t.fail() {
			return true
		}
	}
	t.pass(good, stable)
	return false
}

// part takes a share of what is left of stable's requests.
func (t *trip) part(left *peers.Counts, share float64) peers.Counts {
	failed := binomial(t.rng, left.Failed, share)
	good := binomial(t.rng, left.Requests-left.Failed, share)
	c := peers.Counts{Requests: good + failed, Failed: failed}
	left.Requests -= c.Requests
	left.Failed -= c.Failed
	return c
}

// pass records successes of the canary and what stable did meanwhile, as long as they matter.
func (t *trip) pass(good uint64, stable peers.Counts) {
	if !t.thorough {
		if t.room == 0 {
			return
		}
		good = min(good, t.room)
		t.room -= good
	}
	record(&t.canary, good, analysis.Success)
	record(&t.stable, stable.Requests-stable.Failed, analysis.Success)
	record(&t.stable, stable.Failed, analysis.ServerError)
}

func (t *trip) fail() bool {
	record(&t.canary, 1, analysis.ServerError)
	alarm := t.trip.Failure(&t.canary, t.trip.Baseline())
	t.room = uint64(math.Ceil(t.trip.Evidence().Score/leastFall)) + 1
	return alarm
}

func record(r *analysis.Recorder, n uint64, o analysis.Outcome) {
	for range n {
		r.Start(0, 0)
		r.Record(0, 0, 1, o)
	}
}
