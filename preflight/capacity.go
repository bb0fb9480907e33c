package preflight

import (
	"context"
	"fmt"
)

const (
	tolerated = 1.2 // times the load of an endpoint of stable
	nearLimit = 0.8 // of the connections that a version may have
)

// capacity compares what an endpoint of stable carries now with what one of the candidate will have to: nobody
// has shown that it can carry more.
func (s *Subject) capacity(context.Context) []Finding {
	const name = "capacity"
	if s.CanaryPool == nil || s.StablePool == nil {
		return ok(name, Warning, "not known, as a version is not in force")
	}
	mine, theirs := len(s.CanaryPool.Endpoints()), len(s.StablePool.Endpoints())
	if mine == 0 || theirs == 0 {
		return ok(name, Warning, "not known, as a version has no endpoint yet")
	}
	ratio := float64(theirs) / float64(mine)
	what, share := s.firstShare()
	if limit := s.Service.Limits.ConnectionsPerVersion; limit > 0 {
		if open, _ := s.StablePool.Connections(); float64(open) > nearLimit*float64(limit) {
			return not(name, Warning, "%s has %d connections open of %d that a version may have: with all the traffic %s will need as many",
				s.Stable, open, limit, s.Canary)
		}
	}
	switch {
	case share*ratio > tolerated:
		return not(name, Warning, "at %s each of the %d endpoints of %s gets %.3g times what one of the %d of %s has now%s",
			what, mine, s.Canary, share*ratio, theirs, s.Stable, s.rates(share, mine, theirs))
	case ratio > tolerated && s.promotes():
		return not(name, Warning, "with all the traffic each of the %d endpoints of %s gets %.3g times what one of the %d of %s has now%s",
			mine, s.Canary, ratio, theirs, s.Stable, s.rates(1, mine, theirs))
	}
	return ok(name, Warning, "%d endpoints of %s can take over from %d of %s%s", mine, s.Canary, theirs, s.Stable, s.rates(1, mine, theirs))
}

// firstShare is what the candidate gets first, 0 … 1.
func (s *Subject) firstShare() (what string, share float64) {
	if r := s.Service.Rollout; r != nil && len(r.Stages) > 0 {
		return "stage " + r.Stages[0].Name, float64(r.Stages[0].WeightBP) / 10_000
	}
	switch m := s.Service.Mirror; {
	case s.rolling(): // a share for each endpoint that is ready
		return "", 0
	case m != nil && !s.promotes() && m.To == s.Canary:
		return "the mirror's share", m.Percent / 100
	}
	return "the switch", 1
}

// promotes reports whether the candidate is to get all the traffic.
func (s *Subject) promotes() bool {
	return s.Service.Rollout == nil || s.Service.Rollout.Strategy != "shadow"
}

// rates are the figures behind a ratio, where they are known.
func (s *Subject) rates(share float64, mine, theirs int) string {
	if s.RPS <= 0 {
		return ""
	}
	return fmt.Sprintf(" (%.3g instead of %.3g requests/s)", s.RPS*share/float64(mine), s.RPS/float64(theirs))
}

// stages tells what `sluice plan` would: a stage that can't decide waits for max_wait and fails.
func (s *Subject) stages(context.Context) []Finding {
	const name = "stages"
	if s.Plan == nil {
		return ok(name, Warning, "not planned")
	}
	if blind := s.Plan(); len(blind) > 0 {
		return not(name, Warning, "at the present traffic %s", some(blind))
	}
	return ok(name, Warning, "every stage can decide at the present traffic")
}
