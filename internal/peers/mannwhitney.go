package peers

import "math"

// shift is the question by how much x lies above y, both sorted.
type shift struct{ x, y []float64 }

// statistic is the standardised rank sum of x−mu among both, with average ranks,
// the correction for ties and that for continuity. It falls as mu rises. Not ok: all
// observations are tied.
//
// Source: Mann, Whitney, On a Test of Whether one of Two Random Variables is
// Stochastically Larger than the Other (1947); Hollander, Wolfe, Nonparametric Statistical Methods, 4.1.
func (s shift) statistic(mu float64) (z float64, ok bool) {
	n1, n2 := float64(len(s.x)), float64(len(s.y))
	n := n1 + n2
	ranks, ties := 0.0, 0.0
	for i, j := 0, 0; i < len(s.x) || j < len(s.y); {
		v := math.Inf(1)
		if i < len(s.x) {
			v = s.x[i] - mu
		}
		if j < len(s.y) {
			v = min(v, s.y[j])
		}
		first := float64(i + j + 1)
		fromX := 0.0
		for ; i < len(s.x) && s.x[i]-mu == v; i++ {
			fromX++
		}
		for ; j < len(s.y) && s.y[j] == v; j++ {
		}
		last := float64(i + j)
		tied := last - first + 1
		ranks += fromX * (first + last) / 2
		ties += tied*tied*tied - tied
	}
	u := ranks - n1*(n1+1)/2 - n1*n2/2
	variance := n1 * n2 / 12 * (n + 1 - ties/(n*(n-1)))
	if !(variance > 0) {
		return 0, false
	}
	switch {
	case u > 0:
		u -= 0.5
	case u < 0:
		u += 0.5
	}
	return u / math.Sqrt(variance), true
}

// at is the shift at which the statistic is z: 0 gives the Hodges–Lehmann
// estimate, a quantile of the normal law an end of the confidence interval. With ends, a
// statistic that never gets there leads to the end of what is possible.
func (s shift) at(z float64, ends bool) (mu float64, ok bool) {
	low, high := s.x[0]-s.y[len(s.y)-1], s.x[len(s.x)-1]-s.y[0]
	atLow, ok := s.statistic(low)
	if !ok {
		return 0, false
	}
	atHigh, ok := s.statistic(high)
	if !ok {
		return 0, false
	}
	if ends && atLow <= z {
		return low, true
	}
	if ends && atHigh >= z {
		return high, true
	}
	return zero(low, high, atLow-z, atHigh-z, func(m float64) (float64, bool) {
		v, ok := s.statistic(m)
		return v - z, ok
	})
}
