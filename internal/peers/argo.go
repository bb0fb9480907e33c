package peers

// Argo aborts a rollout when more measurements failed than failureLimit allows, 0
// if it is not set: then the first bad one aborts. A measurement without traffic is
// not a failed one here; what it is depends on the query.
//
// Source: argo-rollouts docs/features/analysis.md (failureLimit, interval, the success-rate example).
type Argo struct {
	limit        float64
	failureLimit int
	clock        clock
	interval     Counts
	failed       int
}

// NewArgo measures every so many seconds, over as many, that the success rate is
// 1−limit at least.
func NewArgo(limit float64, seconds, failureLimit int) *Argo {
	return &Argo{limit: limit, failureLimit: failureLimit, clock: clock{every: seconds}}
}

// Add takes in a second and reports whether the rule aborts.
func (a *Argo) Add(s *Second) bool {
	a.interval = a.interval.add(s.Canary)
	if a.clock.tick() {
		if a.interval.rate() > a.limit {
			a.failed++
		}
		a.interval = Counts{}
	}
	return a.failed > a.failureLimit
}
