package peers

// Flagger rolls back when the number of failed checks reaches a threshold. The
// number only grows: good checks do not reset it. An interval without traffic is a
// failed check, as its query returns no value.
//
// Source: docs.flagger.app "Canary analysis" (interval, threshold, metrics), and the
// scheduler of fluxcd/flagger, which counts status.failedChecks.
type Flagger struct {
	limit     float64
	threshold int
	clock     clock
	interval  Counts
	failed    int
}

// NewFlagger checks each minute that the success rate is 1−limit at least and rolls
// back at so many failed checks; 1 is what an unset threshold means.
func NewFlagger(limit float64, threshold int) *Flagger {
	return &Flagger{limit: limit, threshold: threshold, clock: clock{every: 60}}
}

// Add takes in a second and reports whether the rule rolls back.
func (f *Flagger) Add(s *Second) bool {
	f.interval = f.interval.add(s.Canary)
	if f.clock.tick() {
		if f.interval.Requests == 0 || f.interval.rate() > f.limit {
			f.failed++
		}
		f.interval = Counts{}
	}
	return f.failed >= f.threshold
}
