package rollout

import (
	"math"

	"sluice/config"
)

// rememberOver is over how many figures of stable the memory of them runs: about a minute of those that
// come each second.
const rememberOver = 60

// remembered fills in what is not known of stable any more because the canary has taken its traffic over: else a
// stage at 100 % could never show that the canary is as good as stable. It is what stable was like during the rollout,
// and only for passing: nothing is condemned by figures of the past.
func (s *service) remembered(stable config.Figures) config.Figures {
	for name, f := range map[string]*float64{
		"error_rate": &stable.ErrorRate, "p50": &stable.P50, "p90": &stable.P90, "p95": &stable.P95, "p99": &stable.P99,
		"cpu": &stable.CPU, "memory": &stable.Memory,
	} {
		*f = s.remember(name, *f)
	}
	return stable
}

// remember is figure, or if it is NaN what it was before stable had too little traffic to say; NaN if that is not known either.
func (s *service) remember(name string, figure float64) float64 {
	if !s.rolls() {
		return figure
	}
	cs := s.course
	before, known := cs.Stable[name]
	thin := s.live.BP[s.live.Stable] < thinBP
	switch {
	case math.IsNaN(figure) && thin && known:
		return before
	case math.IsNaN(figure) || math.IsInf(figure, 0) || thin:
	case !known:
		if cs.Stable == nil {
			cs.Stable = map[string]float64{}
		}
		cs.Stable[name] = figure
	default:
		cs.Stable[name] = before + (figure-before)/rememberOver
	}
	return figure
}
