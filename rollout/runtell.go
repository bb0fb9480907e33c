package rollout

import (
	"fmt"
	"time"

	"sluice/analysis"
	"sluice/config"
)

// tellRun makes the event of something that a run tells, and the decision if it is one.
func (c *Controller) tellRun(s *service, in runInput, a runAction) {
	cs := s.course
	r := &cs.Run
	by := r.By
	switch {
	case in.what == runVerb && in.by != "":
		by = in.by
	case a.kind != "started":
		by = "rollout"
	}
	fields := map[string]any{
		"id": r.ID, "strategy": r.Plan.Strategy, "stage": r.stageName(), "phase": string(r.Phase),
		"weight": float64(s.live.BP[r.Plan.Canary]) / 100, "stable": s.live.Stable, "config_version": c.config,
	}
	if g := r.status().Gate; g != "" {
		fields["gate"] = g
	}
	if action := deciding(in, a); action != "" {
		evidence := c.evidence(s)
		if action == "rollback" || action == "pause" {
			c.captureRun(s, in.at)
			evidence["captured"] = cs.Captured
		}
		fields["evidence"] = evidence
		id := c.decided.add(Decision{Time: in.at, Service: s.name, Version: r.Plan.Canary, Kind: "rollout", Action: action, Summary: a.text, Evidence: evidence})
		cs.keepDecision(id)
		c.countRollback(s, in, action)
	} else if a.kind == "stage" || a.kind == "approval" {
		fields["evidence"] = c.evidence(s)
	}
	if r.Undone && in.what != runUndone && cs.Undone.IsZero() {
		cs.Undone = in.at.UTC()
	}
	c.journal.Add(Event{Time: in.at, Type: a.kind, Service: s.name, Version: r.Plan.Canary, By: by, Message: a.text, Fields: fields})
}

// countRollback counts a rollback that the guard has not counted as its own.
func (c *Controller) countRollback(s *service, in runInput, action string) {
	canary := s.course.Run.Plan.Canary
	m := s.guard.member(canary)
	switch {
	case action != "rollback" || m != nil && m.state == config.Quarantined:
	case in.what == runVerb:
		c.rollbacks[RollbackKey{Service: s.name, Version: canary, Reason: "undo"}]++
	default:
		c.rollbacks[RollbackKey{Service: s.name, Version: canary, Reason: "rollout"}]++
	}
}

// deciding is the action of the decision that a run tells of; "": it is none.
func deciding(in runInput, a runAction) string {
	switch a.kind {
	case "rollback":
		return "rollback"
	case "aborted":
		return "abort"
	case "promoted":
		return "promote"
	case "paused":
		if in.what != runVerb {
			return "pause" // a stage failed, or the canary breached
		}
	}
	return ""
}

// evidence is what is known of a rollout's canary now: for decisions, hooks and messages.
func (c *Controller) evidence(s *service) map[string]any {
	cs := s.course
	e := map[string]any{}
	var canary, stable analysis.Counts
	if o := cs.Seen[cs.Run.Plan.Canary]; o != nil {
		canary = o.All
		e["failed_unseen"] = min(o.Spared, o.All.Failed) // a retry or stable answered instead
	}
	if o := cs.Seen[cs.Run.Plan.From]; o != nil {
		stable = o.All
	}
	e["requests"], e["failed"], e["rate"] = canary.Requests, canary.Failed, canary.Rate()
	e["stable_requests"], e["stable_failed"], e["stable_rate"] = stable.Requests, stable.Failed, stable.Rate()
	w := s.version(cs.Run.Plan.Canary)
	if w == nil {
		return e
	}
	if v := w.verdict; v.Metric != "" {
		e["verdict"] = verdictEvidence(v)
	}
	for _, one := range []struct {
		prefix string
		w      *watched
	}{{"", w}, {"stable_", s.version(cs.Run.Plan.From)}} {
		if one.w == nil {
			continue
		}
		if q, n := one.w.window.Quantiles(capturedOver, 0.5, 0.99); n > 0 {
			e[one.prefix+"p50_ms"], e[one.prefix+"p99_ms"] = milliseconds(q[0]), milliseconds(q[1])
		}
	}
	if p, ok := s.promotion(w); ok {
		e["promotion"] = p
	}
	if cs.Shadow != nil {
		e["shadow"] = *cs.Shadow
	}
	return e
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// promotion is where the evidence for passing the stage stands; false: none is asked for.
func (s *service) promotion(w *watched) (analysis.Promotion, bool) {
	if w.judge == nil || w.staged == "" && len(w.points.demands) == 0 {
		return analysis.Promotion{}, false
	}
	p := w.judge.Promotion()
	if d := w.points.lacks(time.Now()); d != nil {
		p.Ready, p.Metric, p.Threshold = false, d.metric, d.condition.Text
		p.Evidence, p.Bound = float64(d.run), float64(d.need)
		p.Summary = d.metric + " " + d.condition.Text + " is not shown: " + progressOf(d)
	}
	return p, true
}

func progressOf(d *demand) string {
	if d.known.IsZero() {
		return "nothing is known of it yet"
	}
	return fmt.Sprintf("it has held at %d of %d evaluations in a row", d.run, d.need)
}

// situation is what the world outside is told of the rollout of s.
func (c *Controller) situation(s *service, point, key string) Situation {
	cs := s.course
	r := &cs.Run
	return Situation{
		ID: r.ID, Service: s.name, Strategy: r.Plan.Strategy, Canary: r.Plan.Canary, Stable: r.Plan.From,
		Phase: r.Phase, Point: point, Stage: r.stageName(), Weight: float64(s.live.BP[r.Plan.Canary]) / 100, Key: key,
		Reason: r.Reason, Labels: cs.Labels, ConfigVersion: c.config, Evidence: c.evidence(s),
	}
}
