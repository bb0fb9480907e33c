package rollout

import (
	"fmt"
	"time"
)

// fail is what a stage, hook, check or wait that failed leads to, as on_failure
// says. The first effect is that the weight falls.
func (m *move) fail(reason string) {
	if !m.Plan.Pauses {
		m.end(PhaseRolledBack, reason)
		return
	}
	m.holdAt(min(m.Stage, len(m.Stages)), reason)
}

// breach is the guard's word under action pause, or alert.
func (m *move) breach(reason string) {
	if m.Plan.Alerts {
		lasts := m.Hold > 0
		m.Hold = breachHold
		if m.Station == atShift || m.Station == atPromotion {
			m.breakOff()
		}
		if !lasts {
			m.tell("rollout", fmt.Sprintf("%s; no rise until it has not breached for %v", reason, breachHold))
		}
		return
	}
	// It is the weight in force that breached: not the stage that is about to begin.
	m.holdAt(m.Entered, reason)
}

// holdAt pauses at stage i, which failed: the weight falls to that of the stage
// before. Outside of the stages the weight is the last one's, or none.
func (m *move) holdAt(i int, reason string) {
	m.lower(weightOf(m.Plan.Stages, i-1))
	m.Task, m.RiseBP, m.Stopped = 0, 0, false
	m.Entered = max(-1, min(m.Entered, i-1))
	if i >= 0 && i < len(m.Stages) {
		m.stopStages(i)
		m.Stages[i].State, m.Stages[i].LeftAt = stageFailed, m.at
		if m.Stage != i {
			m.Stage, m.Station, m.Approved = i, atStage, true
		}
	}
	m.Paused, m.Failed, m.Waiting, m.Reason = true, true, "", reason
	m.tell("paused", fmt.Sprintf("paused at %s %%: %s", share(m.WeightBP), reason))
}

// stopStages makes stages after i pending again.
func (m *move) stopStages(i int) {
	for j := i + 1; j < len(m.Stages); j++ {
		m.Stages[j] = progress{State: stagePending}
	}
}

func weightOf(stages []leg, i int) int {
	if i < 0 || i >= len(stages) {
		return 0
	}
	return stages[i].WeightBP
}

// end takes the canary out of traffic, first of all, and ends the run.
func (m *move) end(as Phase, reason string) {
	m.lower(0)
	state, kind, text := stageSkipped, "aborted", m.Plan.Canary+" has no traffic any more: "
	if as == PhaseRolledBack {
		state, kind, text = stageFailed, "rollback", m.Plan.Canary+" rolled back: "
	}
	if m.inStage() {
		if p := &m.Stages[m.Stage]; p.State == stageRunning || p.State == stageEntering || as == PhaseRolledBack {
			p.State, p.LeftAt = state, m.at
		}
	}
	m.tell(kind, text+reason)
	m.close(as, reason)
}

// close writes the end down, whichever it is.
func (m *move) close(as Phase, reason string) {
	m.Phase, m.Station, m.EndedAt = as, atEnd, m.at
	m.Task, m.RiseBP, m.Retry, m.Hold = 0, 0, 0, 0
	m.Paused, m.Failed, m.Stopped = false, false, false
	m.Waiting, m.Reason = "", reason
	m.put(runAction{do: runEnd})
}

// promoted is the end that was wanted.
func (m *move) promoted() {
	m.WeightBP, m.Standby = wholeBP, max(0, m.Plan.Standby)
	reason := fmt.Sprintf("%s is stable", m.Plan.Canary)
	m.tell("promoted", fmt.Sprintf("%s is stable now, after %s", m.Plan.Canary, m.Plan.From))
	m.close(PhasePromoted, reason)
	if m.Standby > 0 {
		m.waitFor("standby", fmt.Sprintf("%s; %s stands by for %v", reason, m.Plan.From, m.Standby))
	}
}

// complete is the end of a rollout that promotes nothing.
func (m *move) complete() {
	reason := fmt.Sprintf("%s was compared with %s; nothing is to be promoted", m.Plan.Canary, m.Plan.From)
	m.Stage = len(m.Stages)
	m.tell("rollout", reason)
	m.close(PhaseCompleted, reason)
}

// after is what an ended run is still open to.
func (m *move) after(in runInput) {
	if m.Phase != PhasePromoted {
		return
	}
	switch in.what {
	case runTick:
		passed := m.elapse(in.at)
		if m.Standby == 0 {
			return
		}
		if m.Standby = max(0, m.Standby-passed); m.Standby == 0 {
			m.Waiting, m.Reason = "", fmt.Sprintf("%s is stable; the standby of %s is over", m.Plan.Canary, m.Plan.From)
			m.tell("rollout", m.Reason)
		}
	case runRestart:
		m.Last = in.at
	case runUndone: // the guard has acted and told it
		m.undone(reasonOr(in.text, m.Plan.Canary+" breached within the standby"))
	}
}

// undo brings back the stable from before.
func (m *move) undo(by string) {
	m.put(runAction{do: runSwitchBack})
	reason := "undone by " + reasonOr(by, "somebody")
	m.tell("rollback", fmt.Sprintf("%s is stable again: %s", m.Plan.From, reason))
	m.undone(reason)
}

func (m *move) undone(reason string) {
	m.WeightBP, m.Standby, m.Undone = 0, 0, true
	m.close(PhaseRolledBack, reason)
}

// standbyUntil is about when the standby is over; zero: there is none.
func (r *run) standbyUntil() time.Time {
	if !r.inStandby() {
		return time.Time{}
	}
	return r.Last.Add(r.Standby)
}
