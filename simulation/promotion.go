package simulation

import (
	"strconv"
	"time"

	"sluice/analysis"
)

// promotion asks the production Judge each second whether the stage may pass.
type promotion struct{ *analysis.Judge }

func (p promotion) add(s *second) bool {
	p.Add(s.block())
	return p.Promotion().Ready
}

// promoters pass at "< r x stable" with what "as good" may hide, delta.
func promoters() (all []Detector) {
	for _, want := range []struct{ ratio, delta float64 }{{1.5, 0.005}, {1.5, 0.001}, {2, 0.01}} {
		success := []analysis.Criterion{{Metric: analysis.ErrorRate, Ratio: want.ratio}}
		ratio, delta := short(want.ratio), short(100*want.delta)
		all = append(all, Detector{
			Name: "promotion-" + ratio + "-" + delta, Title: "sluice: passes < " + ratio + "x stable, delta " + delta + " %", Promotion: true,
			make: func(uint64, *Scenario, int) detector {
				j := analysis.NewJudge(analysis.JudgeOptions{Breach: relative(), Alpha: 0.01, Horizon: Length * time.Second})
				j.Stage(analysis.PromotionOptions{Success: success, Delta: want.delta})
				return promotion{j}
			},
		})
	}
	return all
}

func short(x float64) string { return strconv.FormatFloat(x, 'g', 6, 64) }
