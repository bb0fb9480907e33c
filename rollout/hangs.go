package rollout

import (
	"time"

	"sluice/analysis"
	"sluice/config"
)

const (
	leastHang   = time.Second // no request is overdue earlier
	mostHang    = time.Minute // how far back requests in flight are known
	hangFactor  = 3           // times the p99
	leastSample = 20          // answers in the last minute that a p99 needs
)

// findHangs feeds requests in flight for far too long to the trips, so that a
// version that answers nothing is cut before its timeouts.
func (c *Controller) findHangs(s *service, now time.Time) {
	if s.guard.tripOff {
		return
	}
	stable := s.stable()
	ns := analysis.Now()
	for _, w := range s.versions {
		if w == stable && !s.guard.stoodBy() || w.allEnded(ns) {
			continue
		}
		m := s.guard.member(w.arm.Version)
		if m == nil || m.state != config.Active && m.state != config.Draining {
			continue
		}
		age, known := overdueAfter(stable, w)
		age = c.pauses.stretch(ns, age) // over mostHang after a long pause: then Hanging finds nothing
		if !known || !w.arm.Trip.Hanging(w.arm.Split, ns, age, w.arm.Trip.Baseline()) {
			continue
		}
		in := input{at: now, what: overdueTrip, version: m.name, environment: w != stable && (s.stableAsBad(w) || hangsToo(stable, w, ns, age))}
		c.step(s, in, facts{trip: w.arm.Trip.Evidence(), age: age})
		if s.guard.member(m.name).state != config.Tripped {
			w.arm.Trip.Excuse(w.arm.Split) // an alarm that cuts nothing must not be the last
		}
	}
}

// allEnded reports whether nothing is in flight for leastHang. What is that old, by whole seconds, can
// only end until the next second begins, so a look that found nothing holds until then.
func (w *watched) allEnded(ns int64) bool {
	second := ns/int64(time.Second) + 1 // 0 stands for none
	if w.calm != second && w.arm.Split.InFlightOlder(ns, leastHang) == 0 {
		w.calm = second
	}
	return w.calm == second
}

// overdueAfter is the age at which a request counts as hanging: three times
// the p99 of the good answers of the last minute, stable's or the version's own,
// whichever is longer. It is unknown where neither has answered enough.
func overdueAfter(stable, w *watched) (age time.Duration, known bool) {
	for _, v := range []*watched{stable, w} {
		if v == nil {
			continue
		}
		if p99, n := v.p99(); n >= leastSample {
			age, known = max(age, hangFactor*p99), true
		}
	}
	return min(max(age, leastHang), mostHang), known
}

// hangsToo reports whether stable has as large a share of its requests hanging.
func hangsToo(stable, w *watched, ns int64, age time.Duration) bool {
	if stable == nil {
		return false
	}
	part := func(v *watched) float64 {
		old := float64(v.arm.Split.InFlightOlder(ns, age))
		return old / max(old+float64(v.lately().Requests), 1)
	}
	is := part(stable)
	return is >= stableAlarm && is >= part(w)/2
}
