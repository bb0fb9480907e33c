package analysis

import "math"

// burstGuard caps what one block can add to the evidence, so that a burst of
// failures on one side that touches at most m blocks can't condemn by itself: its
// requests are not independent (judgement 2.7). The cap is a share of the way from the
// lowest evidence of the last m+1 blocks to the bound, ln C = ln(bound/lowest)/(m+½). It
// is known before the block, and only lowers L, so the evidence stays valid. A fault that
// adds the same in each block is never held up: the cap lags behind by m+1 such steps.
// Blocks are those that the criterion has weighed: while it waits for a request of the
// other side, the cap waits too.
type burstGuard struct {
	Recent []float64 `json:"recent"` // the judge's evidence after the last m+1 blocks, oldest first
}

func newBurstGuard(m int, evidence float64) burstGuard {
	g := burstGuard{Recent: make([]float64, m+1)}
	for i := range g.Recent {
		g.Recent[i] = evidence
	}
	return g
}

// limit is ln C for the coming block, w being what starts in one.
func (g *burstGuard) limit(bound, w float64) float64 {
	lowest := math.Inf(1)
	for _, m := range g.Recent {
		lowest = math.Min(lowest, m)
	}
	lowest = math.Max(lowest, w)
	return math.Max(0, math.Log(bound/lowest)) / (float64(len(g.Recent)) - 0.5)
}

func (g *burstGuard) note(evidence float64) {
	copy(g.Recent, g.Recent[1:])
	g.Recent[len(g.Recent)-1] = evidence
}
