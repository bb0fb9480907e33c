package rollout

import (
	"fmt"
	"time"
)

// observe keeps what the stage has seen of the canary.
func (m *move) observe(seen sight) {
	if m.inStage() && m.Stages[m.Stage].State == stageRunning {
		m.Stages[m.Stage].Requests = seen.requests
	}
}

// tickStage counts the time of a stage that has its weight, and lets it pass.
func (m *move) tickStage(seen sight, passed time.Duration) {
	m.observe(seen)
	p, l := &m.Stages[m.Stage], m.leg()
	if seen.anew {
		p.Spent = 0 // the time is for what is compared in it
	}
	held := seen.cut || m.Hold > 0
	counts := !held && p.Spent < l.Duration
	if counts {
		p.Spent += passed
	}
	fits := !held && m.evident(seen)
	_, accompanied := m.Plan.Asks[PointDuringStage]
	switch {
	case fits && m.Task == 0 && (p.Asked || !accompanied):
		m.pass(seen)
		return
	case fits:
		m.waitFor("hook", "hooks of "+PointDuringStage+" are asked")
	case held:
		m.explainHold(seen)
	}
	if !counts && (!l.Lasts || held) && !m.wait(passed) {
		return
	}
	if accompanied && m.Task == 0 && m.Retry == 0 {
		m.ask()
	}
}

// evident reports whether time, requests and evidence pass the stage; if not, the
// run says what is missing.
func (m *move) evident(seen sight) bool {
	p, l := m.Stages[m.Stage], m.leg()
	// A stage without users' traffic, a preview or a shadow, has nothing that the judge could compare.
	judged := m.Plan.Evidence && l.WeightBP > 0
	at := fmt.Sprintf("stage %s at %s %%", m.stageName(), share(m.WeightBP))
	switch {
	case l.Lasts:
		m.Waiting, m.Reason = "approval", at+" lasts until somebody promotes or aborts"
		m.tellOnce("approval", m.Reason)
	case p.Spent < l.Duration:
		m.Waiting, m.Reason = "", fmt.Sprintf("%s: %v of %v, %d requests", at, p.Spent.Round(time.Second), l.Duration, p.Requests)
	case p.Requests < l.MinRequests:
		m.lackEvidence(fmt.Sprintf("%s has %d requests of the %d it needs", at, p.Requests, l.MinRequests))
	case m.Plan.Strategy == strategyShadow && seen.difference > m.Plan.MaxDiff && seen.unproven:
		m.lackEvidence(fmt.Sprintf("%s of %s's answers differ from %s's, which may still be noise: too few of %s's were compared with its own",
			percent(seen.difference), m.Plan.Canary, m.Plan.From, m.Plan.From))
	case seen.suspicious:
		m.lackEvidence(at + " meets strong evidence against " + m.Plan.Canary + ", not proof; it passes when that is gone")
	case judged && !seen.ready && seen.missing > 0:
		m.lackEvidence(fmt.Sprintf("%s needs about %d more requests to show that %s is good", at, seen.missing, m.Plan.Canary))
	case judged && !seen.ready:
		m.lackEvidence(at + " needs more evidence that " + m.Plan.Canary + " is good")
	default:
		return true
	}
	return false
}

func (m *move) lackEvidence(reason string) {
	m.waitFor("evidence", reason)
	m.tellOnce("evidence", reason)
}

func (m *move) explainHold(seen sight) {
	if seen.cut {
		m.lackCanary()
		return
	}
	m.waitFor("evidence", fmt.Sprintf("%s breached lately; stage %s goes on when it has not again for %v", m.Plan.Canary, m.stageName(), breachHold))
}

// pass leaves a stage that has what it needs for its confirmation.
func (m *move) pass(seen sight) {
	if m.Plan.Strategy == strategyShadow && seen.difference > m.Plan.MaxDiff {
		m.fail(fmt.Sprintf("%s of %s's answers differ from %s's beyond the noise; %s may",
			percent(seen.difference), m.Plan.Canary, m.Plan.From, percent(m.Plan.MaxDiff)))
		return
	}
	m.proceed()
}

// leave ends the stage well, as passed or skipped, and goes on to after_stage.
func (m *move) leave(state, text string) {
	p := &m.Stages[m.Stage]
	p.State, p.LeftAt = state, m.at
	m.tell("stage", text)
	m.arrive(atAfterStage)
}

func (m *move) passedText() string {
	p := m.Stages[m.Stage]
	took := p.Spent
	if !p.EnteredAt.IsZero() {
		took = max(took, m.at.Sub(p.EnteredAt)) // a clock that was set back leaves what was observed
	}
	return fmt.Sprintf("stage %s passed after %v and %d requests", m.stageName(), took.Round(time.Second), p.Requests)
}
