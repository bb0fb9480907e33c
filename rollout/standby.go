package rollout

import (
	"math"

	"sluice/config"
)

// stoodBy reports whether the stable from before the last promotion could take over.
func (g *guard) stoodBy() bool {
	old := g.member(g.standby)
	return old != nil && old.name != g.stable && old.state == config.Active && !old.unhealthy
}

// switchBack condemns stable and makes the version that stands by stable again: the
// one case in which stable is cut. cause is "" for a verdict.
func switchBack(g *guard, m *member, cause string) []action {
	to := g.standby
	g.stable, g.standby = to, ""
	m.state, m.probing, m.cause = config.Quarantined, false, ""
	return []action{{do: doSwitchBack, version: m.name, to: to, cause: cause, state: config.Quarantined}}
}

const (
	leastBad  = 0.01 // failure rate that never switches back by the fast way
	badFactor = 5    // times the tolerated rate is what it is tuned to find, up to badMost
	badMost   = 0.5
)

// switchAlarm is the score that switches back: ln 10⁶, as the trip's.
var switchAlarm = 6 * math.Ln10

// relapse is a CUSUM on the log-likelihood ratio of failed attempts, fed with what
// ended in a tenth of a second. The data plane never trips stable; within the standby this
// looks after it instead. Weighing all good attempts of a tick before its failures would
// call a constant rate an alarm, so a tick counts as a whole. The zero value is ready.
type relapse struct {
	score            float64
	attempts, failed uint64 // since the score last stood at 0
	p0, p1           float64
}

// add feeds a tick, and reports whether the alarm is reached. p0 is the tolerated rate.
func (r *relapse) add(attempts, failed uint64, p0 float64) bool {
	if !(p0 > leastBad) {
		p0 = leastBad
	}
	r.p0, r.p1 = p0, min(badFactor*p0, badMost)
	if r.p0 >= r.p1 {
		*r = relapse{}
		return false
	}
	good := attempts - min(attempts, failed)
	r.score += float64(failed)*math.Log(r.p1/r.p0) - float64(good)*math.Log((1-r.p0)/(1-r.p1))
	r.attempts, r.failed = r.attempts+attempts, r.failed+failed
	if r.score <= 0 {
		*r = relapse{}
		return false
	}
	return r.score >= switchAlarm
}
