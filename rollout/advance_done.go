package rollout

import "fmt"

// done takes a task's answer.
func (m *move) done(ok bool, text string) {
	m.Task = 0
	switch m.Station {
	case atShift:
		m.shifted(ok, text)
	case atPromotion:
		if ok {
			m.promoted()
			return
		}
		m.lackDisk("promotion", text)
	case atStage:
		m.accompanied(ok, text)
	case atPreflight:
		m.examined(ok, text)
	case atSmoke, atTest:
		if !ok {
			m.fail("smoke tests failed: " + reasonOr(text, "no reason was given"))
			return
		}
		m.proceed()
	default:
		m.answered(ok, text)
	}
}

func (m *move) shifted(ok bool, text string) {
	if !ok {
		m.RiseBP = 0
		m.lackDisk("shift", text)
		return
	}
	m.WeightBP, m.RiseBP = m.RiseBP, 0
	if m.WeightBP == m.leg().WeightBP {
		m.settle()
		return
	}
	m.Moved = false
	m.tell("stage", fmt.Sprintf("%s is back at %s %%, on the way to stage %s", m.Plan.Canary, share(m.WeightBP), m.stageName()))
	m.arrive(atShift)
}

// lackDisk stays where it is: what can't be saved must not come into force.
func (m *move) lackDisk(what, text string) {
	m.Retry = diskAgain
	m.waitFor("disk", fmt.Sprintf("the %s did not come about and is tried again: %s", what, reasonOr(text, "no reason was given")))
	if !m.overdue() {
		m.tellOnce("disk", m.Reason)
	}
}

func (m *move) examined(ok bool, text string) {
	switch {
	case ok:
	case m.Plan.Enforce:
		m.fail("preflight: " + reasonOr(text, "a critical finding"))
		return
	default:
		m.tell("rollout", "preflight warns: "+reasonOr(text, "a critical finding"))
	}
	m.proceed()
}

// accompanied takes the answer of hooks that go along with a stage.
func (m *move) accompanied(ok bool, text string) {
	if !ok {
		m.failHook(PointDuringStage, text)
		return
	}
	m.Stages[m.Stage].Asked = true
	m.Retry = m.Plan.Asks[PointDuringStage]
}

// answered takes the answer of hooks: those of confirm_* hold, others fail.
func (m *move) answered(ok bool, text string) {
	switch {
	case ok && m.Station == atConfirmStage:
		m.leave(stagePassed, m.passedText())
	case ok:
		m.proceed()
	case confirming(m.Station):
		if m.Retry = m.Plan.Asks[string(m.Station)]; m.Retry <= 0 {
			m.Retry = askAgain
		}
		m.waitFor("hook", fmt.Sprintf("%s holds until a hook of %s passes: %s", m.where(), m.Station, reasonOr(text, "no reason was given")))
		if !m.overdue() {
			m.tellOnce("hook", m.Reason)
		}
	default:
		m.failHook(string(m.Station), text)
	}
}

func (m *move) failHook(point, text string) {
	m.fail(fmt.Sprintf("a hook of %s failed: %s", point, reasonOr(text, "no reason was given")))
}
