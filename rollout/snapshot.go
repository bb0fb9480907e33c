package rollout

import (
	"errors"
	"maps"
	"slices"
	"time"

	"sluice/config"
)

// writeState writes what is live, pending changes included, and the decisions
// if there are new ones. The saver calls it, never concurrently.
func (c *Controller) writeState() error {
	st := c.saver.store
	c.encodeEvidence()
	c.mu.Lock()
	state, rises := c.snapshot(), c.rises()
	var ds []Decision
	if c.decided.changed {
		ds = slices.Clone(c.decided.list)
		c.decided.changed = false
	}
	c.mu.Unlock()
	full, err := c.writeLive(st, state, rises)
	err = errors.Join(err, c.writeHistory(st))
	if ds != nil {
		if err == nil {
			err = st.write(decisionsFile, savedDecisions{Schema: schema, Decisions: ds})
		}
		if err != nil {
			c.mu.Lock()
			c.decided.changed = true
			c.mu.Unlock()
		}
	}
	c.tellStore(errors.Join(full, err))
	return err
}

// writeLive writes what is live. On a full disk what is in force takes the room that is kept for it, so that what came
// down stays down over a crash; what is to rise does not.
func (c *Controller) writeLive(st *documents, state savedState, rises bool) (full, err error) {
	if rises {
		return nil, st.write(stateFile, state)
	}
	return st.writeAlways(stateFile, state)
}

// rises reports whether a change is being saved that is not in force yet. c.mu is held.
func (c *Controller) rises() bool {
	return slices.ContainsFunc(c.ordered, func(s *service) bool { return s.pending != nil })
}

// writeHistory writes what rollouts did, if there is news.
func (c *Controller) writeHistory(st *documents) error {
	if c.past.Changes() == c.pastSaved {
		return nil
	}
	doc, changes := c.past.Document()
	err := st.write(historyFile, doc)
	if err == nil {
		c.pastSaved = changes
	}
	return err
}

// tellStore makes an event of the first failure and of the first success after it.
func (c *Controller) tellStore(err error) {
	switch failing := c.saver.failing; {
	case err != nil && !failing:
		c.journal.Add(Event{Type: "store", Message: "state could not be saved, trying again: " + err.Error()})
	case err == nil && failing:
		c.journal.Add(Event{Type: "store", Message: "state is saved again"})
	}
	c.saver.failing = err != nil
}

// snapshot is what is to be kept. c.mu is held.
func (c *Controller) snapshot() savedState {
	state := savedState{Schema: schema, SavedAt: time.Now().UTC(), Services: make(map[string]savedService, len(c.ordered))}
	if c.ordered == nil { // nothing adopted yet: what was read stays
		maps.Copy(state.Services, c.saved)
	}
	for _, s := range c.ordered {
		state.Services[s.name] = s.snapshot()
	}
	return state
}

func (s *service) snapshot() savedService {
	w := s.live
	if s.pending != nil && s.pending.weights != nil {
		w = *s.pending.weights
	}
	out := savedService{Declared: s.hash, Stable: w.Stable, Weights: maps.Clone(w.BP),
		By: w.By, Reason: w.Reason, At: w.At, Versions: map[string]savedVersion{},
		Rollout: s.course.save(), Rolled: maps.Clone(s.rolled)}
	for _, m := range s.guard.members {
		v := savedVersion{State: m.state, Home: m.home, Cause: m.cause, Level: m.level, Last: m.tripped}
		if s.pending != nil && s.pending.version == m.name {
			v = savedVersion{State: s.pending.state, Home: s.pending.state}
		} else if watch := s.version(m.name); watch != nil {
			v.Judge = watch.evidence()
			if v.Judge != nil {
				v.Judged, v.Staged = watch.judged, watch.staged
			}
		}
		if v.worth() {
			out.Versions[m.name] = v
		}
	}
	return out
}

// worth reports whether v says anything.
func (v savedVersion) worth() bool {
	return v.State != config.Active || v.Home != config.Active || v.Level != 0 || !v.Last.IsZero() || v.Judge != nil
}
