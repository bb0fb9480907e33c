package simulation

import (
	"time"

	"sluice/analysis"
	"sluice/internal/peers"
)

// Relative is the default limit of the guard: error_rate > 1.5x stable.
func relative() []analysis.Criterion {
	return []analysis.Criterion{{Metric: analysis.ErrorRate, Ratio: 1.5}}
}

// quantiles is "not slower than 2x stable" at the named quantiles.
func quantiles(ratio float64, metrics ...string) (all []analysis.Criterion) {
	for _, m := range metrics {
		all = append(all, analysis.Criterion{Metric: m, Ratio: ratio})
	}
	return all
}

func ours() []Detector {
	rollout := analysis.JudgeOptions{Alpha: 0.01, Horizon: Length * time.Second}
	of := func(name, title string, latency bool, change func(*analysis.JudgeOptions)) Detector {
		o := rollout
		change(&o)
		return Detector{Name: name, Title: title, Latency: latency, make: func(uint64, *Scenario, int) detector {
			return &judge{Judge: analysis.NewJudge(o)}
		}}
	}
	return []Detector{
		of("sluice", "sluice: verdict, alpha 1 %, guard m = 4", false, func(o *analysis.JudgeOptions) { o.Breach = relative() }),
		{Name: "trip", Title: "sluice: trip (reversible)", make: func(seed uint64, s *Scenario, run int) detector {
			return newTrip(source(s.Name, seed, run, 1))
		}},
		of("sluice-standing", "sluice: verdict, standing budget", false, func(o *analysis.JudgeOptions) {
			o.Alpha, o.Breach = 0, relative()
		}),
		of("sluice-strict", "sluice: strict", false, func(o *analysis.JudgeOptions) { o.Strict, o.Breach = true, relative() }),
		of("sluice-absolute", "sluice: error_rate > 1 %", false, func(o *analysis.JudgeOptions) {
			o.Breach = []analysis.Criterion{{Metric: analysis.ErrorRate, Limit: 0.01}}
		}),
		of("sluice-p99", "sluice: p99 > 2x stable", true, func(o *analysis.JudgeOptions) {
			o.Breach = quantiles(2, analysis.P99Latency)
		}),
		of("sluice-latency", "sluice: p50, p90, p99 > 2x stable", true, func(o *analysis.JudgeOptions) {
			o.Breach = quantiles(2, analysis.P50Latency, analysis.P90Latency, analysis.P99Latency)
		}),
		of("sluice-latency-hot", "sluice: the same without the warm-up of 30 s", true, func(o *analysis.JudgeOptions) {
			o.WarmUp = -1
			o.Breach = quantiles(2, analysis.P50Latency, analysis.P90Latency, analysis.P99Latency)
		}),
		of("sluice-both", "sluice: errors > 1.5x and p50, p90, p99 > 2x", true, func(o *analysis.JudgeOptions) {
			o.Breach = append(relative(), quantiles(2, analysis.P50Latency, analysis.P90Latency, analysis.P99Latency)...)
		}),
	}
}

// judge is the production Judge, fed blocks of a second.
type judge struct{ *analysis.Judge }

func (j *judge) add(s *second) bool {
	b := s.block()
	return j.Add(b).Standing == analysis.Breach
}

// block is the second as the controller would hand it over.
func (s *second) block() analysis.Block {
	b := analysis.Block{At: s.at, Canary: counts(s.Canary), Stable: counts(s.Stable), CanaryAll: counts(s.Canary)}
	if l := s.latency; l != nil {
		b.CanaryLatency, b.StableLatency, b.CanaryAllLatency = &l.canary, &l.stable, &l.canary
	}
	return b
}

func counts(c peers.Counts) analysis.Counts {
	return analysis.Counts{Requests: c.Requests, Failed: c.Failed}
}
