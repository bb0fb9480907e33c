package config

import "slices"

// ReadsLoad reports whether any criterion of s needs what instances report of
// their own utilization.
func (s *Service) ReadsLoad() bool {
	all := []Criteria{s.Guard.Breach}
	if s.Rollout != nil {
		all = append(all, s.Rollout.Success)
		for i := range s.Rollout.Stages {
			all = append(all, s.Rollout.Stages[i].Success)
		}
		for i := range s.Rollout.Stages {
			all = append(all, s.Rollout.Stages[i].Success)
		}
	}
	for _, c := range all {
		if len(c["cpu_utilization"]) > 0 || len(c["memory_utilization"]) > 0 {
			return true
		}
		for _, t := range c[expressionName] {
			names := t.Expression.Names()
			if slices.Contains(names, "cpu") || slices.Contains(names, "memory") {
				return true
			}
		}
	}
	return false
}
