package rollout

import (
	"fmt"
	"strconv"
)

// The way of a run, station by station:
//
//	confirm_rollout → preflight → smoke_tests (not of blue_green) → before_rollout
//	for each stage: entry (window, endpoints) → approval → before_stage
//	  → of blue_green: before_test_traffic → test (smoke tests) → after_test_traffic
//	  → shift → stage → confirm_stage → after_stage
//	confirm_promotion → entry → approval → promotion

// arrive stands the run at a station, and asks for the task that belongs to it
// at once, unless that needs to be seen fit first.
func (m *move) arrive(at station) {
	m.Station, m.Task, m.RiseBP = at, 0, 0
	m.Counted, m.Retry, m.Stopped = 0, 0, false
	m.Waiting = ""
	switch at {
	case atEntry, atShift, atPromotion:
		m.Reason = m.where() + " is about to begin"
	case atApproval:
		m.waitFor("approval", m.approvalText())
		m.tell("approval", m.Reason)
	case atStage:
		m.Reason = fmt.Sprintf("stage %s gathers evidence at %s %%", m.stageName(), share(m.WeightBP))
	default:
		m.ask()
	}
}

// proceed leads from a station that is done to the next one.
func (m *move) proceed() {
	next := map[station]station{
		atConfirmRollout: atPreflight, atPreflight: atSmoke, atSmoke: atBeforeRollout,
		atApproval: atBeforeStage, atBeforeStage: atShift, atBeforeTest: atTest, atTest: atAfterTest, atAfterTest: atShift,
		atShift: atStage, atStage: atConfirmStage, atConfirmStage: atAfterStage,
	}
	switch m.Station {
	case atPreflight:
		if m.Plan.Strategy == strategyBlueGreen { // its smoke tests belong to the test traffic
			m.arrive(atBeforeRollout)
			return
		}
	case atBeforeRollout:
		m.enter(0)
		return
	case atEntry, atApproval:
		m.passGate()
		return
	case atBeforeStage:
		if m.leg().Test {
			m.arrive(atBeforeTest)
			return
		}
	case atAfterStage:
		m.enter(m.Stage + 1)
		return
	case atConfirmPromotion:
		m.arrive(atEntry)
		return
	}
	m.arrive(next[m.Station])
}

// passGate goes on from the entry, or from an approval that was given.
func (m *move) passGate() {
	switch {
	case m.Station == atEntry && m.gateAhead() != nil && !m.Approved:
		m.arrive(atApproval)
	case m.promoting():
		m.Approved = true
		m.arrive(atPromotion)
	default:
		m.Approved = true
		m.arrive(atBeforeStage)
	}
}

// enter begins stage i, or what follows the last one.
func (m *move) enter(i int) {
	lasted := m.inStage() && m.leg().Lasts // passing that was the approval of the promotion
	if m.Stage = i; i > m.Reached {
		m.Reached, m.Waited, m.Told = i, 0, nil
	}
	m.Approved = lasted && m.promoting()
	switch {
	case m.inStage():
		m.Stages[i] = progress{State: stageEntering}
		m.arrive(atEntry)
	case m.Plan.Promotes:
		m.arrive(atConfirmPromotion)
	default:
		m.complete()
	}
}

// ask asks the station's task; the same question again if it was broken off.
func (m *move) ask() {
	if !m.Stopped {
		m.Question++
	}
	m.Stopped, m.Retry = false, 0
	m.Tasks++
	m.Task = m.Tasks
	a := m.task()
	m.put(a)
	switch a.do {
	case runPreflight:
		m.waitFor("preflight", "preflight examines whether "+m.Plan.Canary+" can come into service")
	case runSmoke:
		m.waitFor("smoke_tests", "smoke tests run against "+m.Plan.Canary)
	case runHooks:
		if m.Station != atStage && !(confirming(m.Station) && m.told("hook")) { // else the reason says more
			m.waitFor("hook", "hooks of "+a.point+" are asked")
		}
	}
}

// task is the outstanding task as an action.
func (r *run) task() runAction {
	a := runAction{task: r.Task}
	switch r.Station {
	case atPreflight:
		a.do = runPreflight
	case atSmoke, atTest:
		a.do = runSmoke
	case atShift:
		a.do, a.weightBP = runShift, r.RiseBP
	case atPromotion:
		a.do, a.weightBP = runPromote, wholeBP
	case atStage:
		a.do, a.point = runHooks, PointDuringStage
	default:
		a.do, a.point = runHooks, string(r.Station)
	}
	place := reasonOr(a.point, string(r.Station))
	if stage := r.stageName(); stage != "" {
		place += "/" + stage
	}
	a.key = r.ID + "/" + place + "/" + strconv.FormatUint(r.Question, 10)
	return a
}

// confirming reports whether hooks at the station hold the run while they fail,
// instead of failing it.
func confirming(at station) bool {
	return at == atConfirmRollout || at == atConfirmStage || at == atConfirmPromotion
}

func (m *move) waitFor(what, reason string) { m.Waiting, m.Reason = what, reason }
