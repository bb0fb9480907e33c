package rollout

import (
	"fmt"
	"time"
)

// Times of the machine that are not settings.
const (
	longestTick = 5 * time.Second // of a longer gap between two ticks only so much counts
	diskAgain   = 5 * time.Second // until a rise that could not be saved is tried again
	breachHold  = 5 * time.Minute // no rise for so long after a breach under action alert
)

// elapse counts the time since the last tick.
func (m *move) elapse(at time.Time) time.Duration {
	passed := min(max(0, at.Sub(m.Last)), longestTick)
	m.Last = at
	return passed
}

// tick lets time pass.
func (m *move) tick(seen sight, passed time.Duration) {
	m.Cut = seen.cut
	if m.Paused {
		return
	}
	m.Hold, m.Retry = max(0, m.Hold-passed), max(0, m.Retry-passed)
	m.follow(seen)
	if m.held(seen, passed) {
		return
	}
	m.stand(seen, passed)
	for range len(m.Plan.Stages) + 3 { // each of them once at most; what was reached may begin in the same look
		if !m.due() {
			return
		}
		m.stand(seen, 0)
	}
}

// due reports whether the run has come to a place where a look at how things are is all that it needs to go on: after a
// stage, as what was seen in it stands. The first weight waits for the seconds that a start takes to be seen whole.
func (r *run) due() bool {
	return r.live() && r.Stage > 0 && !r.Paused && r.Task == 0 && r.Waiting == "" && r.Retry == 0 &&
		(r.Station == atEntry || r.Station == atShift || r.Station == atPromotion)
}

// stand lets time pass at the run's station.
func (m *move) stand(seen sight, passed time.Duration) {
	switch m.Station {
	case atEntry:
		m.tickEntry(seen, passed)
	case atApproval:
		m.tickApproval(passed)
	case atShift, atPromotion:
		m.tickRise(seen, passed)
	case atStage:
		m.tickStage(seen, passed)
	default:
		m.observe(seen)
		if m.Task == 0 && m.Retry == 0 {
			m.Waited += passed // too much of it shows at the answer: what is due is tried first
			m.ask()
			return
		}
		m.wait(passed)
	}
}

// wait counts time without progress; false: that was too much, and the run has failed.
func (m *move) wait(passed time.Duration) bool {
	m.Waited += passed
	return !m.overdue()
}

// overdue fails a run that has waited for too long.
func (m *move) overdue() bool {
	if m.Waited < m.maxWait() {
		return false
	}
	m.fail(fmt.Sprintf("%s did not go on within max_wait %v: %s", m.where(), m.maxWait(), m.Reason))
	return true
}

// tickEntry waits for a window and for endpoints.
func (m *move) tickEntry(seen sight, passed time.Duration) {
	switch {
	case !seen.open:
		m.lackWindow()
	case seen.endpoints < m.leg().Endpoints:
		m.lackEndpoints(seen)
		m.wait(passed)
	default:
		m.proceed()
	}
}

func (m *move) lackWindow() {
	m.waitFor("window", m.where()+" waits for the next window to open")
	m.tellOnce("window", m.Reason)
}

func (m *move) lackEndpoints(seen sight) {
	m.waitFor("endpoints", fmt.Sprintf("%s needs %d of the endpoints of %s ready; %d are", m.where(), m.leg().Endpoints, m.Plan.Canary, seen.endpoints))
	m.tellOnce("endpoints", m.Reason)
}

func (m *move) approvalText() string {
	g := m.gateAhead()
	text := m.where() + " waits for approval"
	switch {
	case g == nil || g.Timeout == 0:
		return text
	case g.Promote:
		return fmt.Sprintf("%s; without an answer it goes on in %v", text, g.Timeout-m.Counted)
	}
	return fmt.Sprintf("%s; without an answer it fails in %v", text, g.Timeout-m.Counted)
}

// tickApproval waits for a person, and for no longer than the gate says.
func (m *move) tickApproval(passed time.Duration) {
	m.Counted += passed
	g := m.gateAhead()
	if g == nil || g.Timeout == 0 || m.Counted < g.Timeout {
		return
	}
	if !g.Promote {
		m.fail(fmt.Sprintf("approval of %s timed out after %v", m.where(), g.Timeout))
		return
	}
	m.tell("approval", fmt.Sprintf("%s goes on without an answer after %v", m.where(), g.Timeout))
	m.proceed()
}

// tickRise lets a shift or the promotion begin once everything allows it, and
// breaks it off when something no longer does.
func (m *move) tickRise(seen sight, passed time.Duration) {
	to, fit := m.fit(seen)
	if m.Task != 0 {
		if !fit || m.Station == atShift && to < m.RiseBP {
			m.breakOff()
		}
		m.wait(passed)
		return
	}
	switch {
	case !fit:
		if m.Waiting != "window" {
			m.wait(passed)
		}
	case m.Retry > 0:
		m.wait(passed)
	case m.Station == atPromotion:
		m.Waited += passed
		m.ask()
		m.Waiting, m.Reason = "", m.Plan.Canary+" becomes stable"
	case to == m.leg().WeightBP && to == m.WeightBP && !m.Moved:
		m.put(runAction{do: runRestage})
		m.settle()
	case to > m.WeightBP || m.Moved:
		m.Waited += passed
		m.RiseBP = to
		m.ask()
		m.Waiting, m.Reason = "", fmt.Sprintf("the weight of %s goes to %s %%", m.Plan.Canary, share(to))
	default: // of rolling: what is ready carries no more than there is
		m.lackEndpoints(seen)
		m.wait(passed)
	}
}

// fit reports whether the weight may rise as things are, and to what; if not, the
// run says what it waits for.
func (m *move) fit(seen sight) (toBP int, ok bool) {
	toBP = m.leg().WeightBP
	carried := carries(m.Plan.Stages, min(m.Stage, len(m.Plan.Stages)-1), seen.endpoints)
	switch {
	case seen.cut:
		m.lackCanary()
	case m.Full && m.Station == atPromotion: // a person's word
		return toBP, true
	case m.Hold > 0:
		m.waitFor("evidence", fmt.Sprintf("%s breached lately; %s begins when it has not again for %v", m.Plan.Canary, m.where(), breachHold))
	case seen.suspicious:
		m.waitFor("evidence", fmt.Sprintf("there is strong evidence against %s; %s begins when it is gone", m.Plan.Canary, m.where()))
	case !seen.open:
		m.lackWindow()
	default:
		if m.Plan.Strategy == strategyRolling {
			toBP = min(toBP, carried)
		}
		return toBP, true
	}
	return toBP, false
}

func (m *move) lackCanary() {
	m.waitFor("trip", fmt.Sprintf("%s is cut or has no endpoint to use; %s goes on when it is back", m.Plan.Canary, m.where()))
	m.tellOnce("trip", m.Reason)
}

// breakOff takes back a task that could still raise the weight: whatever part of it
// was done already, the weight stays what it was.
func (m *move) breakOff() {
	rise := m.Task != 0 && (m.Station == atShift || m.Station == atPromotion)
	m.Stopped = m.Stopped || m.Task != 0
	m.Task, m.RiseBP = 0, 0
	if rise {
		m.lower(m.WeightBP)
	}
}

// settle makes the weight that was reached the stage's.
func (m *move) settle() {
	p := &m.Stages[m.Stage]
	p.State = stageRunning
	if p.EnteredAt.IsZero() {
		p.EnteredAt = m.at
	}
	m.Entered, m.Moved, m.Last = m.Stage, false, m.at // its time begins now
	m.tell("stage", fmt.Sprintf("stage %s: %s at %s %%", m.stageName(), m.Plan.Canary, share(m.WeightBP)))
	m.arrive(atStage)
}
