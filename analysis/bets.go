package analysis

import "math"

// grid is the number of alternatives that a detector bets on.
const grid = 7

// bets turns the counts of one block into the logarithms of grid e-factors: each
// has an expectation of one at most while the version is healthy, whatever the
// rates of single requests are and however they change.
type bets interface {
	weigh(canary, stable Counts, l *[grid]float64)
}

// ratioSteps spread the alternatives of a relative limit over three decades.
var ratioSteps = [grid]float64{1, 1.5, 2.5, 5, 15, 50, 1000}

// relativeBets test p_canary ≤ r0·p_stable + d0 (judgement 2.1, formula 1).
type relativeBets struct {
	r0, d0 float64
	ratios [grid]float64 // R, each > r0
}

// newRelativeBets makes the user's ratio r the indifference point, the healthy bound
// being r0 = 1; strict makes r the healthy bound itself (judgement 2.3).
func newRelativeBets(r, minEffect float64, strict bool) *relativeBets {
	b := &relativeBets{r0: 1, d0: minEffect / 2}
	first := r * r
	if strict {
		b.r0, b.d0 = r, minEffect
		first = 1.4 * r
	}
	first = max(first, 1.05*b.r0) // ratios under 1 look for nothing
	for j, step := range ratioSteps {
		b.ratios[j] = first * step
	}
	return b
}

// weigh needs a request on both sides.
func (b *relativeBets) weigh(canary, stable Counts, l *[grid]float64) {
	nc, nb := float64(canary.Requests), float64(stable.Requests)
	ec, eb := float64(canary.Failed), float64(stable.Failed)
	total := b.r0*nc + nb
	theta := b.r0 * nc / total
	for j, ratio := range b.ratios {
		q := ratio * nc / (ratio*nc + nb)
		x := -b.d0 / b.r0 * total * (q - theta)
		if ec > 0 {
			x += ec * math.Log(q/theta)
		}
		if eb > 0 {
			x += eb * math.Log((1-q)/(1-theta))
		}
		l[j] = x
	}
}

// multiples and fractions are the alternatives of an absolute limit, in units of the limit,
// and those of a ratio that is not to be reached, in units of that (judgement 2.6).
var (
	multiples = [grid]float64{1.5, 2, 3, 5, 10, 30, 100}
	fractions = [grid]float64{0.002, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8}
)

// bernoulliFrom is the limit above which the exact Bernoulli factor, which must keep
// its alternatives under 1, beats the Poisson bound.
const bernoulliFrom = 0.05

// absoluteBets test p_canary ≤ p0, or ≥ p0 for less (judgement 2.1, formula 2). Stable is
// not looked at.
type absoluteBets struct {
	p0   float64
	less bool
}

func (b absoluteBets) weigh(canary, _ Counts, l *[grid]float64) {
	n, e := float64(canary.Requests), float64(canary.Failed)
	rhos := &multiples
	if b.less {
		rhos = &fractions
	}
	for j, rho := range rhos {
		if b.p0 <= bernoulliFrom {
			l[j] = e*math.Log(rho) - n*b.p0*(rho-1)
			continue
		}
		p1 := min(rho*b.p0, b.p0+0.98*(1-b.p0))
		l[j] = e*math.Log(p1/b.p0) + (n-e)*math.Log((1-p1)/(1-b.p0))
	}
}

// tailBets test p_canary ≤ p_stable where stable's rate is about pb, as that of slow answers
// beyond a quantile is: the exact test of a 2x2 table (Turner, Ly, Grünwald), worth twice
// as much as formula 1 at the median. An alternative is p_c = the odds of pb times a ratio.
//
// Valid whatever pb is: with p0 = (n_c·p_c + n_b·pb)/(n_c+n_b), ln E[L] at a common rate p is
// concave in p, 0 and flat at p = p0, so never more; it is concave in single requests'
// rates, so only their average matters; and L rises with failures of the canary and
// falls with stable's, so a better canary only lowers it. With ratios under 1 all of this
// holds the other way round.
type tailBets struct {
	pb     float64
	ratios [grid]float64
}

// weigh needs a request on both sides.
func (b *tailBets) weigh(canary, stable Counts, l *[grid]float64) {
	nc, nb := float64(canary.Requests), float64(stable.Requests)
	ec, eb := float64(canary.Failed), float64(stable.Failed)
	for j, ratio := range b.ratios {
		odds := ratio * b.pb / (1 - b.pb)
		pc := odds / (1 + odds)
		p0 := (nc*pc + nb*b.pb) / (nc + nb)
		l[j] = ec*math.Log(pc/p0) + (nc-ec)*math.Log((1-pc)/(1-p0)) +
			eb*math.Log(b.pb/p0) + (nb-eb)*math.Log((1-b.pb)/(1-p0))
	}
}
