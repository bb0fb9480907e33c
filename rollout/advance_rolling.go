package rollout

import "fmt"

// carries is the weight that so many ready endpoints carry: that of the
// highest stage up to index last that needs no more of them. None: 0, and stable
// answers.
func carries(stages []leg, last, endpoints int) int {
	for i := min(last, len(stages)-1); i >= 0; i-- {
		if stages[i].Endpoints <= endpoints {
			return stages[i].WeightBP
		}
	}
	return 0
}

// follow brings a rolling canary's weight down to what its ready endpoints carry.
// The stage it had then waits for them, and rises again as they come back, as far
// as each time they carry. A paused run is not followed: somebody has taken it over.
func (m *move) follow(seen sight) {
	if m.Plan.Strategy != strategyRolling || m.Entered < 0 || m.WeightBP == 0 || m.Full {
		return
	}
	to := carries(m.Plan.Stages, m.Entered, seen.endpoints+seen.unchecked)
	if to >= m.WeightBP {
		return
	}
	m.lower(to)
	m.tell("stage", fmt.Sprintf("%s goes down to %s %%: %d of its endpoints are ready", m.Plan.Canary, share(to), seen.endpoints))
	if m.Stage == m.Entered && m.Station == atShift {
		return // on its way up again already
	}
	// The stage that has lost its weight has to show again that it can bear it, also if the next was ahead.
	m.Stage, m.Approved = m.Entered, true
	m.stopStages(m.Stage)
	m.Stages[m.Stage].State = stageEntering
	m.arrive(atShift)
}
