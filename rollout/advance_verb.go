package rollout

import (
	"fmt"
	"slices"
	"strings"
)

// possible lists the verbs that have a meaning where r stands.
func (r *run) possible() []string {
	switch {
	case r.Phase == PhasePromoted && r.Plan.From != "":
		return []string{VerbUndo}
	case !r.live():
		return nil
	}
	out := []string{VerbPause}
	if r.Paused {
		out[0] = VerbResume
	}
	if !r.Cut && r.passable() {
		out = append(out, VerbPromote)
	}
	if !r.Cut && r.Plan.Promotes && !(r.Station == atPromotion && r.Task != 0) {
		out = append(out, VerbPromoteFull)
	}
	return append(out, VerbAbort, VerbUndo)
}

// passable reports whether promote has something to approve or to pass: a gate, a
// stage that has had its weight, also one that failed. A stage that failed before
// is not passed over; resume begins it anew.
func (r *run) passable() bool {
	switch r.Station {
	case atApproval, atStage, atConfirmStage:
		return true
	}
	return r.Failed && r.Station == atAfterStage
}

// allows reports whether verb has a meaning where r stands; the error wraps
// ErrConflict and says where that is and what is possible.
func (r *run) allows(verb string) error {
	can := r.possible()
	if slices.Contains(can, verb) {
		return nil
	}
	var text string
	switch {
	case r.ID == "":
		text = "there is no rollout"
	case r.Phase.Ended():
		text = fmt.Sprintf("rollout %s is %s: %s", r.ID, r.Phase, r.Reason)
	case r.Cut && (verb == VerbPromote || verb == VerbPromoteFull):
		text = fmt.Sprintf("%s is cut or has no endpoint to use", r.Plan.Canary)
	default:
		text = fmt.Sprintf("rollout %s is %s at %s: %s", r.ID, r.Phase, r.where(), r.Reason)
	}
	if len(can) > 0 {
		text += "; possible: " + strings.Join(can, ", ")
	}
	return fmt.Errorf("%s: %s: %w", verb, text, ErrConflict)
}

// verb carries out a command that is allowed.
func (m *move) verb(in runInput) {
	by := reasonOr(in.by, "somebody")
	switch in.verb {
	case VerbPause:
		m.pause(withReason("paused by "+by, in.text))
	case VerbResume:
		m.Moved = m.Moved || in.moved
		m.resume(withReason("resumed by "+by, in.text))
	case VerbPromote:
		m.Moved = m.Moved || in.moved
		m.promote(by)
	case VerbPromoteFull:
		m.promoteFull(withReason(by, in.text))
	case VerbAbort:
		m.end(PhaseAborted, withReason("aborted by "+by, in.text))
	case VerbUndo:
		if m.Phase == PhasePromoted {
			m.undo(withReason(by, in.text))
			return
		}
		m.end(PhaseAborted, withReason("undone by "+by, in.text))
	}
}

func withReason(text, reason string) string {
	if reason == "" {
		return text
	}
	return text + ": " + reason
}

// pause stops the rise. The weight stays; cuts and abort go on to act.
func (m *move) pause(reason string) {
	m.breakOff()
	m.Paused, m.Waiting, m.Reason = true, "", reason
	m.tell("paused", reason)
}

// resume goes on where the run stood; a stage or check that failed begins anew.
func (m *move) resume(reason string) {
	m.forgive()
	failed := m.Failed
	m.Paused, m.Failed, m.Waiting, m.Reason = false, false, "", reason
	m.tell("resumed", reason)
	if m.Station != atStage {
		m.Retry = 0 // it is asked again at once
	}
	switch {
	case !failed && m.Station == atApproval:
		m.waitFor("approval", m.approvalText())
	case !failed && m.Station == atStage && m.Moved:
		m.arrive(atShift) // the weight is the stage's again
	case !failed:
	case m.inStage():
		approved := m.Approved
		m.Waited, m.Told = 0, nil
		m.enter(m.Stage)
		m.Approved = approved
	default:
		m.Waited, m.Told = 0, nil
		m.arrive(m.Station)
	}
}

// promote approves the gate that the run waits at, or passes its stage.
func (m *move) promote(by string) {
	failed := m.Failed
	if m.Paused {
		m.Paused, m.Failed, m.Waited = false, false, 0
		m.forgive()
		m.tell("resumed", "resumed by "+by)
	}
	switch {
	case m.Station == atApproval:
		if m.inStage() {
			m.Stages[m.Stage] = progress{State: stageEntering}
		}
		m.tell("approval", fmt.Sprintf("%s approved by %s", m.where(), by))
		m.proceed()
	case failed && m.Station == atAfterStage: // its hooks were asked, and answered
		m.Stages[m.Stage].State = stageSkipped
		m.tell("stage", fmt.Sprintf("stage %s skipped by %s", m.stageName(), by))
		m.enter(m.Stage + 1)
	case m.leg().Lasts && !failed:
		m.leave(stagePassed, fmt.Sprintf("stage %s passed by %s", m.stageName(), by))
	default:
		m.leave(stageSkipped, fmt.Sprintf("stage %s skipped by %s", m.stageName(), by))
	}
}

// promoteFull leads straight to the promotion and tells what that leaves out.
func (m *move) promoteFull(by string) {
	m.breakOff()
	var left []string
	for i := max(0, m.Stage); i < len(m.Stages); i++ {
		if p := &m.Stages[i]; p.State != stagePassed && p.State != stageSkipped {
			p.State, p.LeftAt = stageSkipped, m.at
			left = append(left, "stage "+m.Plan.Stages[i].Name)
		}
	}
	if m.Plan.Approval != nil && !(m.promoting() && m.Approved) {
		left = append(left, "the approval")
	}
	left = append(left, "hooks and windows on the way")
	m.tell("rollout", fmt.Sprintf("straight to the promotion, by %s; left out: %s", by, strings.Join(left, ", ")))
	m.Stage, m.Waited, m.Told = len(m.Stages), 0, nil
	m.forgive()
	m.Paused, m.Failed, m.Full, m.Approved = false, false, true, true
	m.arrive(atPromotion)
	m.ask()
	m.Waiting, m.Reason = "", m.Plan.Canary+" becomes stable"
}
