package peers

import "math"

// LindonMalek is the sequential test of multinomial counts: among failures, the
// share of the canary's should be its share of the traffic. The Bayes factor against
// that, with a Dirichlet(100ρ) mixture, is an e-process under exactly equal rates; any real
// difference is rejected in the end, however small. Where the split changes, factors
// multiply.
//
// Source: Lindon, Malek, Anytime-Valid Inference for Multinomial Count Data, NeurIPS
// 2022, arXiv:2011.03567; Netflix technology blog, Sequential A/B Testing Keeps the World Streaming Netflix, part 2.
type LindonMalek struct {
	bound          float64 // natural logarithm
	weight         float64 // of the stage
	before         float64 // logarithm of the factors of earlier stages
	current        float64
	canary, stable float64 // failures in the stage
	prior          float64 // ln B of the mixture
}

const concentration = 100

// NewLindonMalek tests at level alpha.
func NewLindonMalek(alpha float64) *LindonMalek { return &LindonMalek{bound: math.Log(1 / alpha)} }

// Add takes in a second and reports whether the test rejects with the canary as the
// worse arm.
func (l *LindonMalek) Add(s *Second) bool {
	if s.Weight <= 0 || s.Weight >= 1 {
		return false
	}
	if s.Weight != l.weight {
		l.before += l.current
		l.current, l.canary, l.stable, l.weight = 0, 0, 0, s.Weight
		l.prior = logBeta(concentration*s.Weight, concentration*(1-s.Weight))
	}
	if s.Canary.Failed+s.Stable.Failed == 0 {
		return false
	}
	l.canary += float64(s.Canary.Failed)
	l.stable += float64(s.Stable.Failed)
	w := l.weight
	l.current = logBeta(concentration*w+l.canary, concentration*(1-w)+l.stable) - l.prior -
		l.canary*math.Log(w) - l.stable*math.Log(1-w)
	return l.before+l.current >= l.bound && l.canary > w*(l.canary+l.stable)
}

func logBeta(a, b float64) float64 {
	x, _ := math.Lgamma(a)
	y, _ := math.Lgamma(b)
	z, _ := math.Lgamma(a + b)
	return x + y - z
}
