package rollout

// VerbStart begins a rollout; it is StartRollout's, not RolloutVerb's.
const VerbStart = "start"

// Possible lists what has a meaning for a service's rollout now: start and the verbs,
// promote_full among them, in the order in which they are offered. Never nil; a
// command can still be refused, as the rollout moves on.
func (c *Controller) Possible(service string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	can := []string{}
	s := c.services[service]
	if s == nil {
		return can
	}
	ended := s.course != nil && !s.rolls()
	if s.course != nil {
		for _, verb := range s.course.Run.possible() {
			if s.permits(verb) == nil {
				can = append(can, verb)
			}
		}
	}
	if s.course != nil && s.rolls() {
		return can // a start would supersede it: possible, but nothing to offer
	}
	if _, err := s.candidate(""); err == nil {
		can = append(can, VerbStart)
	}
	if ended && s.course.Run.Phase != PhasePromoted && s.cfg.Rollout != nil {
		can = append(can, VerbRetry)
	}
	return can
}
