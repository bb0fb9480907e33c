package rollout

import (
	"fmt"
	"math"
	"time"

	"sluice/analysis"
	"sluice/config"
)

// finding is what one evaluation of a condition found. The zero value is "no evidence".
type finding struct {
	known       bool
	breaches    bool
	environment bool    // stable is as bad
	effect      float64 // the figure, or its ratio to stable's
	says        string  // the figures, for people
}

// compare holds a figure against a condition; NaN is not known. A ratio to
// nothing, or to what is below it, is no ratio.
func compare(t config.Threshold, own, stable float64) finding {
	f := finding{effect: own, says: fmt.Sprintf("%.4g", own)}
	limit := t.Value
	if !math.IsNaN(stable) {
		f.says = fmt.Sprintf("%.4g, stable %.4g", own, stable)
	}
	if t.Ratio > 0 {
		if !(stable > 0) {
			return finding{}
		}
		limit, f.effect = t.Ratio*stable, own/stable
	}
	if math.IsNaN(own) {
		return finding{}
	}
	f.known, f.breaches = true, over(t.Op, own, limit)
	f.environment = f.breaches && t.Ratio == 0 && over(t.Op, stable, limit)
	return f
}

// over is false where v is NaN.
func over(op string, v, limit float64) bool {
	switch op {
	case ">":
		return v > limit
	case ">=":
		return v >= limit
	case "<":
		return v < limit
	case "<=":
		return v <= limit
	}
	return false
}

// weighPoint counts one finding, and puts a full row to the guard as a verdict. Under
// the actions that leave the version its share a breach that lasts is put
// forward once in alertEvery, as each drops the evidence of the judge.
func (c *Controller) weighPoint(s *service, w *watched, p *point, at time.Time, f finding) {
	if !f.known || !p.add(at, f.breaches) {
		return
	}
	v := w.pointVerdict(s, p, f)
	if lasts := s.guard.action == "pause" || s.guard.action == "alert"; lasts && v.Standing == analysis.Breach {
		if !p.breach.IsZero() && at.Sub(p.breach) < alertEvery {
			return
		}
		p.breach = at
	}
	c.step(s, input{at: at, what: judged, version: w.arm.Version, standing: v.Standing}, facts{verdict: v})
}

// pointVerdict is a full row as a verdict. Its evidence and bound are evaluations.
func (w *watched) pointVerdict(s *service, p *point, f finding) analysis.Verdict {
	v := analysis.Verdict{
		Standing: analysis.Breach, Metric: p.metric, Threshold: p.condition.Text,
		Evidence: float64(p.need), Bound: float64(p.need), Since: p.since, Effect: f.effect,
		Canary: w.window.Last(pointWindow).Counts,
	}
	if stable := s.stable(); stable != nil {
		v.Stable = stable.window.Last(pointWindow).Counts
	}
	if f.environment {
		v.Standing = analysis.Environment
	}
	v.Summary = fmt.Sprintf("%s %s at %d evaluations in a row since %s: %s",
		p.metric, p.condition.Text, p.need, p.since.UTC().Format(time.TimeOnly), f.says)
	return v
}
