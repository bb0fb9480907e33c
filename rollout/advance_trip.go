package rollout

import (
	"fmt"
	"time"
)

// What a canary that trips may cost a run. One trip is a burst, which a healthy version may have as well; a
// version that trips as soon as it is back, or never comes back, fails.
const (
	mostTrips = 3               // without quietPeriod between them, each but the first after ten good probes
	mostTrip  = 5 * time.Minute // tripped, where the plan does not say
)

// trip counts a cut that comes back by itself, and fails the run at the third. Before the canary has users
// there is none to count, and a paused run is somebody's.
func (m *move) trip(text string) {
	if m.Paused || m.WeightBP == 0 {
		return
	}
	m.Trips, m.Quiet, m.Tripped = m.Trips+1, 0, text
	if m.Trips < mostTrips {
		return
	}
	m.failInForce(fmt.Sprintf("%s came back and was tripped again and again, %d times without %v of quiet, at %s; the last time: %s",
		m.Plan.Canary, m.Trips, quietPeriod, m.where(), m.Tripped))
}

// held counts the time for which the canary is tripped; true: that was too much, and the run has failed.
func (m *move) held(seen sight, passed time.Duration) bool {
	if !seen.tripped {
		if m.Quiet += passed; m.Quiet >= quietPeriod {
			m.forgive()
		}
		return false
	}
	m.Quiet = 0
	if m.WeightBP == 0 {
		return false
	}
	if m.Held += passed; m.Held < m.maxTrip() {
		return false
	}
	m.failInForce(fmt.Sprintf("%s was held at zero for %v (max_tripped) at %s: %s", m.Plan.Canary, m.Held.Round(time.Second), m.where(), m.tripsText()))
	return true
}

func (m *move) tripsText() string {
	if m.Tripped == "" {
		return "neither its probes nor its checks let it back"
	}
	return fmt.Sprintf("trips %d, failed probes %d; the last trip: %s", m.Trips, m.Probes, m.Tripped)
}

// failInForce is fail for what the weight in force has shown, not the stage that is about to begin.
func (m *move) failInForce(reason string) {
	if !m.Plan.Pauses {
		m.end(PhaseRolledBack, reason)
		return
	}
	m.holdAt(m.Entered, reason)
}

// forgive starts the count of trips anew.
func (m *move) forgive() { m.Held, m.Quiet, m.Trips, m.Probes, m.Tripped = 0, 0, 0, 0, "" }

// maxTrip is how long the canary may be tripped.
func (r *run) maxTrip() time.Duration {
	if r.Plan.MaxTrip <= 0 {
		return mostTrip
	}
	return r.Plan.MaxTrip
}
