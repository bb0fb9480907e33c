package rollout

import (
	"maps"
	"slices"
)

// Rollout is the present rollout of a service, else the last one; the zero value if there was none.
func (c *Controller) Rollout(service string) Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.services[service]
	if s == nil || s.course == nil {
		return Status{}
	}
	return c.status(s)
}

// Runs are the rollouts of all services that have or had one, in the file's order.
func (c *Controller) Runs() []Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []Status
	for _, s := range c.ordered {
		if s.course != nil {
			all = append(all, c.status(s))
		}
	}
	return all
}

// status is all that is known of the rollout of s. c.mu is held.
func (c *Controller) status(s *service) Status {
	cs := s.course
	st := cs.Run.status()
	st.Service = s.name
	st.Labels, st.Config = maps.Clone(cs.Labels), cs.Config
	st.Checks, st.Smoke, st.Hooks = slices.Clone(cs.Checks), slices.Clone(cs.Smoke), slices.Clone(cs.Hooks)
	if cs.Shadow != nil {
		found := *cs.Shadow
		st.Shadow = &found
	}
	if w := s.version(cs.Run.Plan.Canary); w != nil && s.rolls() {
		if p, ok := s.promotion(w); ok {
			st.Promotion = &p
		}
	}
	if cs.Run.Plan.Strategy == strategyABTest {
		if s.rolls() {
			s.count(true)
		}
		st.Results = resultsOf(cs.Seen, names(cs.Seen))
	}
	return st
}
