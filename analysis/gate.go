package analysis

import "math"

const (
	// boundChance is what a bound on stable from earlier may add to Beta, relative to it.
	boundChance = 0.01
	// prior is how many requests like stable's are added to those seen, to foretell how
	// many it still takes.
	prior = 100
)

// gate is one criterion of success with the evidence for it: an e-process against
// "the canary is worse than that" (judgement 2.6). It begins with a stage and looks at no
// change times: what was so at the stage's beginning must still weigh.
type gate struct {
	measure
	threshold string
	bets      bets
	limit     float64 // absolute: the rate to stay under

	Evidence detector `json:"evidence,omitzero"`
	Canary   Counts   `json:"canary,omitzero"` // in this stage
	Stable   Counts   `json:"stable,omitzero"`
}

func gates(p PromotionOptions, o JudgeOptions) []gate {
	var gs []gate
	for _, k := range p.Success {
		if k.meaningful() {
			gs = append(gs, newGate(k, p, o))
		}
	}
	return gs
}

func newGate(k Criterion, p PromotionOptions, o JudgeOptions) gate {
	g := gate{measure: newMeasure(k, o, true), threshold: k.success()}
	switch {
	case k.latency() && k.Ratio != 0: // the margin is in the bound on latency
	case k.Metric == SuccessRate && k.Ratio != 0:
		g.r0, g.d0 = k.Ratio, 1-k.Ratio
	case k.Ratio != 0:
		g.r0, g.d0 = k.Ratio, p.Delta
	case k.Metric == Hangs:
		g.limit = k.Limit / blocksAMinute
	case k.latency():
		g.limit = k.tail()
	case k.Metric == SuccessRate:
		g.limit = 1 - k.Limit
	default:
		g.limit = k.Limit
	}
	g.bets = absoluteBets{p0: g.limit, less: true}
	if k.Ratio != 0 {
		b := &relativeBets{r0: g.r0, d0: g.d0}
		for j, f := range fractions {
			b.ratios[j] = g.r0 * f
		}
		g.ratios, g.bets = b.ratios, b
	}
	if k.latency() && k.Ratio != 0 {
		g.bets = &tailBets{pb: k.tail(), ratios: fractions}
	}
	g.Evidence.start(1)
	return g
}

// add weighs one block. beta is the chance of passing a bad version.
func (g *gate) add(s *step, beta float64) {
	p, ok := g.read(s, &g.Evidence.Pending)
	if !ok {
		return
	}
	g.Canary, g.Stable = g.Canary.Add(p.canary), g.Stable.Add(p.stable)
	b, alone := g.bets, !g.relative()
	if s.thin && g.relative() {
		// As good as stable was when it had traffic; as nothing is known of how it
		// is now, it is taken to have been no worse than it must have been.
		b, alone = absoluteBets{p0: g.r0*p.lower(boundChance*beta) + g.d0, less: true}, true
	}
	g.Evidence.add(b, s.At, p.canary, p.stable, alone, unguarded(), mostEvidence/10)
}

// missing foretells how many requests of the canary it takes to bring the evidence to
// bound at the rates of this stage; 0 if it is there, or never would be.
func (g *gate) missing(bound float64) uint64 {
	have := g.Evidence.evidence()
	if have >= bound || g.Canary.Requests == 0 {
		return 0
	}
	pb := g.Stable.Rate()
	n := float64(g.Canary.Requests)
	pc := (float64(g.Canary.Failed) + prior*math.Min(pb, g.limitOr(pb))) / (n + prior)
	per := g.gain(n, float64(g.Stable.Requests), pc, pb)
	if !(per > 0) {
		return 0
	}
	need := math.Log(bound*grid) - math.Log(math.Max(have, 1e-6))
	return uint64(math.Ceil(need / per))
}

func (g *gate) limitOr(pb float64) float64 {
	if g.relative() {
		return pb
	}
	return g.limit / 2
}

// gain is what a request of the canary adds to the logarithm of the best alternative.
func (g *gate) gain(nc, nb, pc, pb float64) float64 {
	best := 0.0
	for j, f := range fractions {
		x := pc*math.Log(f) + g.limit*(1-f)
		if g.relative() {
			if nb == 0 {
				return 0
			}
			x = information(g.r0, g.d0, g.ratios[j], nc/(nc+nb), pc, pb) * (nc + nb) / nc
		}
		best = math.Max(best, x)
	}
	return best
}
