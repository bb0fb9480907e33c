package analysis

import (
	"math"
	"time"
)

// endpoints are the counts of the canary's endpoints since what looks like the change.
type endpoints struct {
	since  time.Time
	counts []EndpointCounts
	stable Counts
}

// add takes in a block. since is when the change that the evidence speaks of most
// likely was: when it moves, the counts begin anew.
func (e *endpoints) add(b *Block, since time.Time) {
	if len(b.Endpoints) == 0 {
		return
	}
	if len(e.counts) != len(b.Endpoints) || !e.since.Equal(since) {
		e.since, e.stable = since, Counts{}
		e.counts = append(e.counts[:0], b.Endpoints...)
		for i := range e.counts {
			e.counts[i].Counts = Counts{}
		}
	}
	for i, k := range b.Endpoints {
		e.counts[i].Endpoint = k.Endpoint
		e.counts[i].Counts = e.counts[i].Add(k.Counts)
	}
	e.stable = e.stable.Add(b.Stable)
}

const (
	leastInnocent = 2   // other endpoints that must be shown to be well
	proofGuilty   = 100 // evidence against the one, on its own counts
	proofInnocent = 20  // likelihood that another is like stable, over that it is like the one
)

// JudgeEndpoints looks for the one endpoint that is bad where the version is not: it
// alone carries evidence against stable, and two others at least would have failed far more
// often, were they like it. canary are counts since the change, stable those of the same
// time. ok is false if it is the version, or can't be told yet.
func JudgeEndpoints(canary []EndpointCounts, stable Counts) (endpoint string, ok bool) {
	usual := math.Max(stable.Rate(), 1/(float64(stable.Requests)+1))
	worst, excess := -1, 0.0
	for i, k := range canary {
		if x := float64(k.Failed) - float64(k.Requests)*usual; x > excess {
			worst, excess = i, x
		}
	}
	if worst < 0 || endpointEvidence(canary[worst].Counts, stable) < proofGuilty {
		return "", false
	}
	bad := math.Min(canary[worst].Rate(), 0.999)
	innocent := 0
	for i, k := range canary {
		switch {
		case i == worst:
		case endpointEvidence(k.Counts, stable) >= suspicion:
			return "", false
		case likeStable(k.Counts, usual, bad) >= math.Log(proofInnocent):
			innocent++
		}
	}
	if innocent < leastInnocent {
		return "", false
	}
	return canary[worst].Endpoint, true
}

// endpointEvidence against p ≤ p_stable + 0.05 %, over all alternatives.
func endpointEvidence(c, stable Counts) float64 {
	if c.Requests == 0 || stable.Requests == 0 {
		return 0
	}
	var l [grid]float64
	newRelativeBets(1.5, 0.001, false).weigh(c, stable, &l)
	sum := 0.0
	for _, x := range l {
		sum += math.Exp(math.Min(x, 100))
	}
	return sum / grid
}

// likeStable is the log-likelihood ratio of the two rates.
func likeStable(c Counts, usual, bad float64) float64 {
	if usual >= bad {
		return 0
	}
	return float64(c.Failed)*math.Log(usual/bad) + float64(c.good())*math.Log((1-usual)/(1-bad))
}
