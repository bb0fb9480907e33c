package rollout

import (
	"time"
)

// resume takes up the rollout that an earlier process left. What can't be one is
// damage: then its canary, which nobody knows, gets nothing, nor does any version but stable.
func (p *plan) resume() {
	cs, err := courseOf(p.saved.Rollout)
	if err == nil {
		p.course = cs
		return
	}
	for name := range p.live.BP {
		p.live.BP[name] = 0
	}
	p.live.BP[p.live.Stable] = wholeBP
	p.live.By, p.live.Reason, p.live.At = "rollout", "the state of the rollout is damaged", time.Now().UTC()
	p.note("alert", "", "the state of the rollout is lost, all traffic goes to "+p.live.Stable+": "+err.Error())
}

// resettle tells the rollout of s what the new file, or the new process, means to it. All
// services are adopted by now.
func (c *Controller) resettle(s *service, p *plan) {
	if s.course == nil {
		return
	}
	c.show(s)
	if p.course != nil {
		c.feed(s, runInput{at: time.Now().UTC(), what: runRestart})
		// The history is written after the state: the process may have ended between.
		if _, known := c.past.Find(s.course.Run.ID); s.course.Run.Phase.Ended() && (s.course.Closing || !known) {
			c.record(s)
		}
	}
	if s.rolls() {
		if why := s.bent(p); why != "" {
			s.course.fileWon = p.won
			c.feed(s, runInput{at: time.Now().UTC(), what: runReload, text: why})
			s.course.fileWon = false
		}
	}
	s.prepare()
	c.standBy(s)
	if w := s.version(s.course.Run.Plan.Canary); w != nil {
		w.points.demand(s.cfg, s.leg())
	}
}

// bent says why the rollout of s cannot go on under its new file; "": it can.
func (s *service) bent(p *plan) string {
	plan := &s.course.Run.Plan
	switch {
	case p.won:
		return "the file's weights or stable changed"
	case versionOf(s.cfg, plan.Canary) == nil:
		return plan.Canary + " has left the file"
	case versionOf(s.cfg, plan.From) == nil:
		return plan.From + ", which was stable, has left the file"
	case s.cfg.Rollout == nil:
		return "the file has no rollout for the service any more"
	}
	return ""
}

// dismiss ends the rollouts of services that have left the file.
func (c *Controller) dismiss(stay map[string]*service) {
	for name, s := range c.services {
		if stay[name] != nil || s.course == nil {
			continue
		}
		if s.course.task != nil {
			s.course.task.cancel()
			s.course.task = nil
		}
		if s.rolls() { // there is no traffic left to lower
			s.course.Run, _ = advance(s.course.Run, runInput{at: time.Now().UTC(), what: runReload, text: "the service has left the file"})
			c.record(s)
		}
	}
}
