package rollout

import (
	"context"
	"time"

	"sluice/history"
)

// conclude writes an ended run down, and calls the hooks that follow. Nothing waits for them.
func (c *Controller) conclude(s *service, at time.Time) {
	cs := s.course
	r := &cs.Run
	if r.Undone && cs.Undone.IsZero() {
		cs.Undone = at.UTC()
	}
	if r.Phase == PhaseRolledBack || r.Phase == PhaseAborted {
		cs.Relieved = at.UTC()
		if cs.Troubled.IsZero() && r.Phase == PhaseRolledBack {
			cs.Troubled = at.UTC()
		}
	}
	c.record(s)
	c.show(s)
	cs.Closing = true
	c.saver.kick()
	if c.running {
		c.closeDown(s)
	}
}

// record puts the rollout of s into the history, in place of what it said of it before.
func (c *Controller) record(s *service) {
	cs := s.course
	r := &cs.Run
	if r.Undone && c.past.Change(r.ID, func(h *history.Record) {
		h.UndoneAt, h.UndoReason, h.FailedAt, h.RestoredAt = cs.Undone, r.Reason, cs.Troubled, cs.Undone
		h.Decisions, h.Evidence = cs.Decisions, cs.Captured
	}) {
		return
	}
	st := r.status()
	h := history.Record{
		ID: r.ID, Service: s.name, Strategy: r.Plan.Strategy, Canary: r.Plan.Canary, From: r.Plan.From,
		Config: cs.Config, Labels: cs.Labels, By: r.By, StartedAt: r.StartedAt, EndedAt: r.EndedAt,
		Outcome: string(r.Phase), Reason: r.Reason, Decisions: cs.Decisions, Evidence: cs.Captured,
	}
	if r.Phase == PhaseRolledBack {
		h.FailedAt, h.RestoredAt = cs.Troubled, cs.Relieved
	}
	if r.Undone { // the history has lost its promotion
		h.Outcome, h.UndoneAt, h.UndoReason = history.Promoted, cs.Undone, r.Reason
	}
	for _, p := range st.Stages {
		h.Stages = append(h.Stages, history.Stage{Name: p.Name, Weight: p.Weight, Entered: p.EnteredAt, Left: p.LeftAt, Outcome: p.State, Requests: p.Requests})
	}
	c.past.Add(h)
}

// callEnd calls the hooks of one point, and reports whether they passed.
func (c *Controller) callEnd(service, id string, at Situation) bool {
	ctx, cancel := context.WithTimeout(c.life, mostHooks)
	defer cancel()
	results := c.outside.Call(ctx, at)
	ok, text := summarizeHooks(results)
	if c.life.Err() != nil {
		return true // not an answer: nothing follows from it in this process
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.services[service]; s != nil && s.course != nil && s.course.Run.ID == id {
		s.course.keepHooks(results)
	}
	if !ok {
		c.journal.Add(Event{Type: "alert", Service: service, Version: at.Canary, By: "rollout",
			Message: "a hook of " + at.Point + " failed: " + text, Fields: map[string]any{"id": id, "reason": at.Point}})
	}
	return ok
}

// History is what rollouts did: the newest 500 that ended.
func (c *Controller) History() *history.Log { return &c.past }

// show lets previews show the canary of the rollout that runs, else what the file says.
func (c *Controller) show(s *service) {
	canary := ""
	if s.rolls() {
		canary = s.course.Run.Plan.Canary
	}
	if err := c.traffic.SetCandidate(s.name, canary); err != nil {
		c.journal.Add(Event{Type: "alert", Service: s.name, Version: canary, By: "rollout", Message: "previews do not show " + canary + ": " + err.Error()})
	}
}
