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

// judgeOptions says what the file asks the judge to look for. Stable is held
// against absolute limits alone.
func judgeOptions(cfg *config.Service, stable bool) analysis.JudgeOptions {
	g := &cfg.Guard
	o := analysis.JudgeOptions{MinEffect: g.Effect, Strict: g.Strict, Breach: criteriaOf(g.Breach, true, stable)}
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

// successOf says what a version must show to be found good: the success criteria of
// the rollout whose canary it is. Others have none.
func successOf(cfg *config.Service, version string) []analysis.Criterion {
	if cfg.Rollout == nil || cfg.Rollout.Canary != version {
		return nil
	}
	return criteriaOf(cfg.Rollout.Success, false, false)
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
