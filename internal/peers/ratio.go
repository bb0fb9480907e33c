package peers

// Ratio is the rule that most people write down first: the canary's error rate over
// the last minute is more than r times stable's, looked at every five seconds,
// once the canary has enough requests in the window.
//
// Source: the usual wording of canary thresholds in dashboards and alerts.
type Ratio struct {
	ratio float64
	least uint64
	clock clock
	last  window
}

// NewRatio is the rule "ratio > r" over 60 s every 5 s with least requests.
func NewRatio(ratio float64, least uint64) *Ratio {
	return &Ratio{ratio: ratio, least: least, clock: clock{every: 5}, last: newWindow(60)}
}

// Add takes in a second and reports whether the rule rolls back.
func (r *Ratio) Add(s *Second) bool {
	r.last.add(s)
	if !r.clock.tick() {
		return false
	}
	c, b := r.last.sum.canary, r.last.sum.stable
	return c.Requests >= r.least && b.Requests > 0 && c.rate() > r.ratio*b.rate()
}
