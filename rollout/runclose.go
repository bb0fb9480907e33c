package rollout

import "slices"

const mostOwed = 20 // ends whose hooks are not through, of runs before the present one

// ending is the end of a run, as its hooks are told of it: those of rollback, if one fails those of
// rollback_failed, then those of after_rollout. It is kept until they are through, also when another run has
// taken the place of this one, so that a crash loses none.
type ending struct {
	ID     string    `json:"id"`
	Phase  Phase     `json:"phase"`
	Undone bool      `json:"undone,omitempty"` // after the promotion, whose end was one as well
	At     Situation `json:"at"`
}

// at is what the hooks of a point are told. The keys are the same after a restart.
func (e *ending) at(point string) Situation {
	out, phase := e.At, ""
	if e.Undone {
		phase = "undone/"
	}
	out.Point, out.Key = point, e.ID+"/"+phase+point
	return out
}

// same reports whether both are one end of one run.
func (e *ending) same(o ending) bool { return e.ID == o.ID && e.Phase == o.Phase }

// ending is that of the present run of s.
func (c *Controller) ending(s *service) ending {
	r := &s.course.Run
	return ending{ID: r.ID, Phase: r.Phase, Undone: r.Undone, At: c.situation(s, "", "")}
}

// closeDown calls the hooks of the end of the rollout of s, beside everything else. c.mu is held.
func (c *Controller) closeDown(s *service) {
	if c.outside == nil {
		s.course.Closing = false
		return
	}
	c.callEnding(s, c.ending(s))
}

// owed are the ends whose hooks are not through, now that another run takes the place of the present one.
func (c *Controller) owed(s *service) []ending {
	if s.course == nil || c.outside == nil {
		return nil
	}
	all := slices.Clone(s.course.Owed)
	if s.course.Closing {
		all = append(all, c.ending(s))
	}
	return all[max(0, len(all)-mostOwed):]
}

// callEnding calls the hooks of an end, once its decision is on disk if the disk lets it. After a crash they are
// called again, with the same keys. c.mu is held.
func (c *Controller) callEnding(s *service, e ending) {
	back := e.Phase == PhaseRolledBack || e.Phase == PhaseAborted
	c.tasks.Go(func() {
		_ = c.saver.wait(saveGrace) // it tells of failures itself
		if back && !c.callEnd(s.name, e.ID, e.at(PointRollback)) {
			c.callEnd(s.name, e.ID, e.at(PointRollbackFailed))
		}
		c.callEnd(s.name, e.ID, e.at(PointAfterRollout))
		if c.life.Err() != nil {
			return // not through: the next process goes on
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		s.through(e)
		c.saver.kick()
	})
}

// through notes that the hooks of an end have been called.
func (s *service) through(e ending) {
	cs := s.course
	if cs == nil {
		return
	}
	if cs.Run.ID == e.ID && cs.Run.Phase == e.Phase {
		cs.Closing = false
	}
	cs.Owed = slices.DeleteFunc(slices.Clone(cs.Owed), e.same)
}
