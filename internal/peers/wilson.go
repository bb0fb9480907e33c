package peers

import "math"

// Wilson rolls back when the lower bound of the canary's error rate over the last minute is above
// a fixed limit. The bound has 99.9 % each time that it is looked at, which is
// every five seconds: nothing corrects for the looks.
//
// Source: E. B. Wilson, Probable Inference, the Law of Succession, and Statistical Inference, JASA 22 (1927).
type Wilson struct {
	limit float64
	clock clock
	last  window
}

const (
	wilsonZ     = 3.09 // one-sided 99.9 %
	wilsonLeast = 30
)

// NewWilson is the rule for a limit on the error rate (0…1).
func NewWilson(limit float64) *Wilson {
	return &Wilson{limit: limit, clock: clock{every: 5}, last: newWindow(60)}
}

// Add takes in a second and reports whether the rule rolls back.
func (w *Wilson) Add(s *Second) bool {
	w.last.add(s)
	c := w.last.sum.canary
	return w.clock.tick() && c.Requests >= wilsonLeast && c.Failed > 0 && wilsonLower(c, wilsonZ) > w.limit
}

func wilsonLower(c Counts, z float64) float64 {
	n, p, zz := float64(c.Requests), c.rate(), z*z
	return (p + zz/(2*n) - z*math.Sqrt(p*(1-p)/n+zz/(4*n*n))) / (1 + zz/n)
}
