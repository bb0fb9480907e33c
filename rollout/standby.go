package rollout

import "sluice/config"

// stoodBy reports whether the stable from before the last promotion could take over.
func (g *guard) stoodBy() bool {
	old := g.member(g.standby)
	return old != nil && old.name != g.stable && old.state == config.Active && !old.unhealthy
}

// switchBack condemns stable and makes the version that stands by stable again: the
// one case in which stable is cut. cause is "" for a verdict.
func switchBack(g *guard, m *member, cause string) []action {
	to := g.standby
	g.stable, g.standby = to, ""
	m.state, m.probing, m.cause = config.Quarantined, false, ""
	return []action{{do: doSwitchBack, version: m.name, to: to, cause: cause, state: config.Quarantined}}
}

// standBy settles who takes over when stable fails, and tells the data plane, which then cuts stable by the request
// that failed, as any other version. What the old stable may have failed at is not held against it.
func (c *Controller) standBy(s *service) {
	s.guard.standby = s.standsBy()
	c.traffic.SetStandby(s.name, s.guard.standby)
	if w := s.stable(); s.guard.standby != "" && w != nil && w.judge != nil {
		w.arm.Trip.SetBaseline(s.tolerated(w))
	}
}
