package comparison

import "math"

// Verdict says what a difference's rate is beside the noise.
type Verdict string

// Verdicts. Only Reported speaks against a shadow; Unclear asks for more requests.
const (
	Noise    Verdict = "noise"    // no more than stable differs from itself, or none at all
	Unclear  Verdict = "unclear"  // more, but so few answers of stable were compared with stable that it may be chance
	Reported Verdict = "reported" // more, beyond chance
)

// Margins by which a difference must exceed the noise: relative and absolute, both.
const (
	relativeMargin = 0.20
	absoluteMargin = 0.0003
)

// confidence is the z of the bounds: 99 % two-sided.
const confidence = 2.576

// share is k of n.
type share struct{ k, n uint64 }

func (s share) rate() float64 {
	if s.n == 0 {
		return 0
	}
	return float64(s.k) / float64(s.n)
}

// bounds are Wilson's score interval (Wilson 1927); 0 to 1 without any trial.
func (s share) bounds() (low, high float64) {
	if s.n == 0 {
		return 0, 1
	}
	p, n, z2 := s.rate(), float64(s.n), float64(confidence*confidence)
	centre := (p + z2/(2*n)) / (1 + z2/n)
	half := confidence / (1 + z2/n) * math.Sqrt(p*(1-p)/n+z2/(4*n*n))
	low, high = max(0, centre-half), min(1, centre+half)
	// Rounding must not leave the rate outside of its own bounds.
	return min(low, p), max(high, p)
}

// beyond bounds s − factor × noise from both sides, by combining the two
// shares' own intervals (Newcombe 1998, method 10; Zou and Donner 2008 for the factor).
func beyond(s, noise share, factor float64) (low, high float64) {
	ls, us := s.bounds()
	ln, un := noise.bounds()
	ps, pn := s.rate(), noise.rate()
	d := ps - factor*pn
	return d - math.Hypot(ps-ls, factor*(un-pn)), d + math.Hypot(us-ps, factor*(pn-ln))
}

// judge applies both margins, first to the rates and then to what chance leaves of them.
func judge(s, noise share) Verdict {
	ps, pn := s.rate(), noise.rate()
	if s.k == 0 || ps <= (1+relativeMargin)*pn || ps <= pn+absoluteMargin {
		return Noise
	}
	relative, _ := beyond(s, noise, 1+relativeMargin)
	absolute, _ := beyond(s, noise, 1)
	if relative <= 0 || absolute <= absoluteMargin {
		return Unclear
	}
	return Reported
}

// excess is how much of s is not noise, with its bounds; 0..1.
func excess(s, noise share) (at, low, high float64) {
	low, high = beyond(s, noise, 1)
	return max(0, s.rate()-noise.rate()), max(0, low), min(1, max(0, high))
}
