package config

import "fmt"

// BlindStandby says why a promotion's standby rests on nothing that sluice can see; "": it does not. The version
// that stands by has no traffic, so that only health checks show whether it still runs.
func (s *Service) BlindStandby() string {
	r := s.Rollout
	if r == nil || r.Standby <= 0 || r.Strategy == "shadow" || s.Health != nil {
		return ""
	}
	return fmt.Sprintf("the service has no health checks, so nothing shows whether the old version, which has no traffic after the promotion, "+
		"still runs when all of it is to go back; add health, and let the old version run for %s", formatDuration(r.Standby))
}
