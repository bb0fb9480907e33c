package rollout

import (
	"time"

	"sluice/config"
)

// feed puts in to the rollout of s and carries out what it says, the effect on traffic
// first. Nothing here waits: tasks begin beside. c.mu is held.
func (c *Controller) feed(s *service, in runInput) {
	if s.course == nil {
		return
	}
	before := s.course.Run
	next, todo := advance(before, in)
	c.turn(s, in, before, next, todo)
	if in.what == runDone && s.course.Run.due() {
		now := time.Now() // the next weight waits for no second that begins
		c.feed(s, runInput{at: now, what: runTick, seen: c.look(s, now)})
	}
}

// turn puts next in place of the run before and does what it asks for.
func (c *Controller) turn(s *service, in runInput, before, next run, todo []runAction) {
	cs := s.course
	cs.Run = next
	if cs.task != nil && cs.task.number != next.Task {
		cs.task.cancel() // whatever it brings is stale
		cs.task = nil
	}
	for _, a := range todo {
		c.perform(s, in, a)
	}
	c.standBy(s)
	if before.Entered != next.Entered {
		s.restageCanary()
	}
	if before.Phase != next.Phase {
		s.prepare()
	}
	if len(todo) > 0 || before.Phase != next.Phase || in.what != runTick {
		c.saver.kick()
	}
	c.weighed = true // counted time is kept as evidence is
}

// perform does one action.
func (c *Controller) perform(s *service, in runInput, a runAction) {
	switch a.do {
	case runPreflight, runSmoke, runHooks, runShift, runPromote:
		c.assign(s, a)
	case runLower:
		if !s.course.fileWon {
			c.lower(s, s.course.Run.Plan.Canary, a.weightBP)
		}
	case runSwitchBack:
		c.readmit(s, in)
		c.switchBack(s)
	case runRelease:
		c.release(s, in.at)
	case runRestage:
		s.restageCanary()
	case runTell:
		c.tellRun(s, in, a)
	case runEnd:
		c.conclude(s, in.at)
	}
}

// withCanary are the live weights with another one for version: stable gives and
// takes the difference; where it has too little, the others give in proportion.
func (s *service) withCanary(version string, bp int) config.Weights {
	next := config.Weights{Stable: s.live.Stable, BP: make(map[string]int, len(s.live.BP)), By: "rollout", Reason: s.course.Run.Reason, At: time.Now().UTC()}
	others := 0
	for name, w := range s.live.BP {
		if name != version && name != s.live.Stable {
			next.BP[name] = w
			others += w
		}
	}
	left := wholeBP - bp
	if others > left {
		shrunk := 0
		for name, w := range next.BP {
			next.BP[name] = w * left / others
			shrunk += next.BP[name]
		}
		others = shrunk
	}
	next.BP[version] = bp
	next.BP[s.live.Stable] = left - others
	return next
}

// lower takes weight from a version for the next request on. It never raises, and
// cannot fail. A version that has become stable gives all back to the one before.
func (c *Controller) lower(s *service, version string, bp int) {
	has, known := s.live.BP[version]
	switch {
	case !known:
		return
	case version == s.live.Stable:
		c.switchBack(s)
		return
	case has <= bp:
		s.pending = nil // a rise that is being saved must not come into force
		return
	}
	_ = c.force(s, s.withCanary(version, bp)) // it tells of its failure
}

// switchBack makes the stable from before stable again, with all the traffic.
func (c *Controller) switchBack(s *service) {
	from := s.course.Run.Plan.From
	if _, known := s.live.BP[from]; !known {
		c.journal.Add(Event{Type: "alert", Service: s.name, Version: from, By: "rollout",
			Message: from + " left the file and can't be stable again; " + s.live.Stable + " stays stable"})
		return
	}
	_ = c.force(s, s.allTo(from)) // it tells of its failure
}

// readmit makes the stable from before active, whatever it was set to after the promotion: drained or off, it
// would be stable by name, and the version that is undone would go on answering for it.
func (c *Controller) readmit(s *service, in runInput) {
	from := s.course.Run.Plan.From
	if m := s.guard.member(from); m != nil && m.state != config.Active {
		c.step(s, input{at: in.at, what: order, version: from, state: config.Active},
			facts{order: Command{Service: s.name, By: in.by, Reason: s.course.Run.Reason}})
	}
}

// allTo are weights that make version stable, with all the traffic.
func (s *service) allTo(version string) config.Weights {
	next := config.Weights{Stable: version, BP: make(map[string]int, len(s.live.BP)), By: "rollout", At: time.Now().UTC()}
	if s.course != nil {
		next.Reason = s.course.Run.Reason
	}
	for name := range s.live.BP {
		next.BP[name] = 0
	}
	next.BP[version] = wholeBP
	return next
}

// force puts weights in force at once: one store, which neither disk nor network can delay. It fails
// only while a reload takes a version away.
func (c *Controller) force(s *service, next config.Weights) error {
	before := s.live.Stable
	if err := c.put(s, next); err != nil {
		// The reload's plan finds the run as it is by then.
		c.journal.Add(Event{Type: "alert", Service: s.name, By: "rollout", Message: "weights could not be set: " + err.Error()})
		return err
	}
	if next.Stable == before {
		return nil
	}
	s.guard.stable = next.Stable
	s.refresh(c.traffic)
	c.standBy(s)
	return nil
}

// release lets the canary be judged anew, whatever was known of it before.
func (c *Controller) release(s *service, at time.Time) {
	canary := s.course.Run.Plan.Canary
	m := s.guard.member(canary)
	if m == nil {
		return
	}
	if m.state != config.Active {
		c.step(s, input{at: at, what: order, version: canary, state: config.Active},
			facts{order: Command{Service: s.name, By: s.course.Run.By, Reason: "a rollout begins"}})
	}
	if w := s.version(canary); w != nil {
		w.forget(s)
	}
}
