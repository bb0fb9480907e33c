package analysis

import (
	"math"
	"math/rand/v2"
	"time"
)

// PointRule is the literal rule "the rate in the window is over the limit", taken at its
// word: without a bound for chance. Zero values: no limit is met.
type PointRule struct {
	PerSecond   float64       // requests of the service
	Share       float64       // the canary's part, 0…1
	Base        float64       // failure rate of stable and of a healthy canary, 0…1
	Ratio       float64       // over so many times stable's; 0: over Limit
	Limit       float64       // absolute, 0…1
	Window      time.Duration // at least 1 s
	Every       time.Duration // between two looks; default 1 s
	MinRequests uint64        // of the canary in the window, for a look to count
}

// pointRuns of an hour are simulated: good to about ±2.5 points.
const pointRuns = 400

// FalseRate is the chance (0…1) that the rule condemns a healthy canary within an hour, to
// warn of it. It is simulated with a seed of its own, so it is the same each time, and
// takes some tens of milliseconds.
func (r PointRule) FalseRate() float64 {
	if !(r.PerSecond > 0 && r.Share > 0 && r.Share <= 1) {
		return 0
	}
	every := math.Max(math.Max(r.Every.Seconds(), 1), r.Window.Seconds()/20)
	slots := int(math.Max(1, math.Round(r.Window.Seconds()/every)))
	looks := int(time.Hour.Seconds() / every)
	rng := rand.New(rand.NewPCG(1, 2))
	condemned := 0
	for range pointRuns {
		if r.hour(rng, every, slots, looks) {
			condemned++
		}
	}
	return float64(condemned) / pointRuns
}

func (r PointRule) hour(rng *rand.Rand, every float64, slots, looks int) bool {
	type counts struct{ nc, ec, nb, eb float64 }
	ring := make([]counts, slots)
	var sum counts
	for t := range looks {
		old := &ring[t%slots]
		nc, nb := poisson(rng, r.PerSecond*r.Share*every), poisson(rng, r.PerSecond*(1-r.Share)*every)
		now := counts{nc, math.Min(nc, poisson(rng, nc*r.Base)), nb, math.Min(nb, poisson(rng, nb*r.Base))}
		sum = counts{sum.nc + now.nc - old.nc, sum.ec + now.ec - old.ec, sum.nb + now.nb - old.nb, sum.eb + now.eb - old.eb}
		*old = now
		if t+1 < slots || sum.nc < math.Max(1, float64(r.MinRequests)) {
			continue
		}
		limit := r.Limit
		if r.Ratio > 0 {
			if sum.nb == 0 {
				continue
			}
			limit = r.Ratio * sum.eb / sum.nb
		}
		if sum.ec/sum.nc > limit {
			return true
		}
	}
	return false
}

// poisson draws a count; beyond 60 the normal law will do.
func poisson(rng *rand.Rand, mean float64) float64 {
	if mean <= 0 {
		return 0
	}
	if mean > 60 {
		return math.Max(0, math.Round(mean+math.Sqrt(mean)*rng.NormFloat64()))
	}
	k, p, limit := 0.0, rng.Float64(), math.Exp(-mean)
	for p > limit {
		k++
		p *= rng.Float64()
	}
	return k
}
