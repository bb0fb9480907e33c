package analysis

import (
	"math"
	"time"
)

// burstGuard limits what a burst of failures can add to the logarithm of the evidence:
// a burst on one side is not made of independent requests, so m blocks of it must
// not lead from 1 to the bound (judgement 2.7). It is a bucket: room is what can be added
// at once, refill what comes back with each second. As both are fixed, and when
// blocks come depends on arrivals alone, it only lowers L, which keeps the evidence valid.
// The zero value lets nothing through.
type burstGuard struct{ room, refill float64 }

// mostGain of one block keeps the arithmetic finite where nothing is guarded.
const mostGain = 100

// unguarded is for evidence that nobody is condemned by.
func unguarded() burstGuard { return burstGuard{room: math.Inf(1)} }

// guardRefill is the refill in parts of ln bound / m, which would be a cap of its own on each
// block. A cap cuts a block with two failures just as one of a burst; the bucket saves
// up what quiet blocks leave. Of 1,000 hours each, m = 4: 5x from minute 20 is condemned after
// 33 s instead of 39, 5x after 56 instead of 68, +1 % after 16 instead of 19, what is dead at 10
// requests/s after 5 bad answers instead of 6; 3 s pod bursts (30 % of requests, one in ten minutes on
// each of ten pods, one of them the canary) condemn 0.5 % of healthy canaries as before, 5 s
// bursts 6 % instead of 12 %. The price: what dies late is condemned after 14 s (standing
// budget: 20) instead of 11 (16). The trip has cut it long before. A lower refill costs more
// of that and gains little.
const guardRefill = 0.75

// newBurstGuard lets m whole blocks, a second each, of nothing but failures add ln bound.
func newBurstGuard(bound float64, m int) burstGuard {
	refill := guardRefill * math.Log(bound) / float64(m)
	return burstGuard{room: math.Log(bound) - float64(m-1)*refill, refill: refill}
}

// spent is how much of the room is taken, for each alternative. The zero value: none.
type spent struct {
	Of [grid]float64 `json:"of,omitzero"`
	At time.Time     `json:"at,omitzero"`
}

// rest brings s to the time of a block. A clock set back refills nothing.
func (s *spent) rest(g burstGuard, at time.Time) {
	if back := at.Sub(s.At).Seconds() * g.refill; !s.At.IsZero() && back > 0 {
		for j := range s.Of {
			s.Of[j] = math.Max(0, s.Of[j]-back)
		}
	}
	s.At = at
}

// allow is how much of x may be added to alternative j.
func (s *spent) allow(g burstGuard, j int, x float64) float64 {
	if math.IsInf(g.room, 1) {
		return math.Min(x, mostGain)
	}
	x = math.Min(x, g.room-s.Of[j])
	s.Of[j] += math.Max(0, x)
	return x
}
