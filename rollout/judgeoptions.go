package rollout

import (
	"time"

	"sluice/analysis"
	"sluice/config"
)

// stableAlarm is the failure rate at which stable is said to breach where the
// file names no absolute limit for failures.
const stableAlarm = 0.05

// mostHangAge is how long a request must be in flight to count as hanging where
// the timeout for answers leaves room for it.
const mostHangAge = 4 * time.Second

// JudgeOptions are what the versions of a service are judged by outside of a rollout.
func JudgeOptions(cfg *config.Service) analysis.JudgeOptions { return judgeOptions(cfg, false) }

// judgeOptions says what the file asks the judge to look for. Stable is held
// against absolute limits alone.
func judgeOptions(cfg *config.Service, stable bool) analysis.JudgeOptions {
	g := &cfg.Guard
	o := analysis.JudgeOptions{MinEffect: g.Effect, Strict: g.Strict, Breach: criteriaOf(g.Breach, true, stable)}
	// The judge's word for none is a negative one.
	if o.WarmUp = g.WarmUp; o.WarmUp == 0 {
		o.WarmUp = -1
	}
	if o.MinDelay = g.MinDelay; o.MinDelay == 0 {
		o.MinDelay = -1
	}
	if g.Mode == "window" {
		o.Window, o.MinRequests = g.Window, uint64(max(g.MinRequests, 0))
	}
	if limit := cfg.Timeouts.Response / 2; limit > 0 && limit < mostHangAge {
		o.HangAge = limit
	}
	if stable && !judgesFailures(o.Breach) {
		o.Breach = append(o.Breach, analysis.Criterion{Metric: analysis.ErrorRate, Limit: stableAlarm})
	}
	return o
}

// A rollout may condemn a good canary once in a hundred times, over all that it is planned
// to take; outside of one the budget is the judge's standing one.
const rolloutAlpha = 0.01

// judgeOptions of one version as things stand. The canary of a rollout has the rollout's
// budget, shared with the other versions that had traffic when it began, until its standby is over.
func (s *service) judgeOptions(version string) analysis.JudgeOptions {
	o := judgeOptions(s.cfg, s.partner(version) == "")
	if s.canary() != version || s.partner(version) == "" {
		return o
	}
	o.Alpha, o.Canaries = rolloutAlpha, s.course.Canaries
	for _, l := range s.course.Run.Plan.Stages {
		o.Horizon += l.Duration
	}
	o.Horizon = max(o.Horizon+s.course.Run.Plan.Standby, leastHorizon)
	return o
}

// leastHorizon keeps short rollouts from condemning on their first seconds.
const leastHorizon = 10 * time.Minute

// stageOf says what a version must show to be found good: of a rollout's canary what the stage asks
// for whose weight it has; without a rollout, to be shown, what the file's rollout asks for.
func (s *service) stageOf(version string) analysis.PromotionOptions {
	if s.canary() == version {
		l := s.leg()
		if l == nil || l.WeightBP == 0 || !s.course.Run.Plan.Evidence {
			return analysis.PromotionOptions{}
		}
		return analysis.PromotionOptions{Success: criteriaOf(l.Success, false, false), MinRequests: l.MinRequests}
	}
	if s.rolls() || s.cfg.Rollout == nil || s.cfg.Rollout.Canary != version || version == s.live.Stable {
		return analysis.PromotionOptions{}
	}
	return analysis.PromotionOptions{Success: criteriaOf(s.cfg.Rollout.Success, false, false)}
}

// leg is the stage that the canary's weight belongs to; nil: none, or the run has ended.
func (s *service) leg() *leg {
	if !s.rolls() {
		return nil
	}
	r := &s.course.Run
	if r.Entered < 0 || r.Entered >= len(r.Plan.Stages) {
		return nil
	}
	return &r.Plan.Stages[r.Entered]
}

// criteriaOf are the conditions of the file that a judge weighs, in a fixed order. breach
// says which way they point; one that points the other way is left out.
func criteriaOf(from config.Criteria, breach, absolute bool) (all []analysis.Criterion) {
	for _, metric := range []string{
		analysis.ErrorRate, analysis.SuccessRate, analysis.P50Latency, analysis.P90Latency,
		analysis.P95Latency, analysis.P99Latency, analysis.Hangs,
	} {
		bad := byte('>')
		if metric == analysis.SuccessRate {
			bad = '<'
		}
		for _, th := range from[metric] {
			if (th.Op[0] == bad) == breach && !(absolute && th.Ratio != 0) {
				all = append(all, analysis.Criterion{Metric: metric, Ratio: th.Ratio, Limit: th.Value, Latency: th.Duration})
			}
		}
	}
	return all
}

func judgesFailures(cs []analysis.Criterion) bool {
	for _, c := range cs {
		if c.Metric == analysis.ErrorRate || c.Metric == analysis.SuccessRate {
			return true
		}
	}
	return false
}
