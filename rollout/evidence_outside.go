package rollout

import (
	"fmt"
	"math"
	"time"
)

// Measurement is one figure of one version from outside, or the reason why there is none.
type Measurement struct {
	Service, Version, Metric string
	At                       time.Time
	Value                    float64
	Err                      error // not nil: Value means nothing
}

// reading is the last measurement of a metric.
type reading struct {
	at    time.Time
	value float64
	blind bool      // there was none
	told  time.Time // when that was last told
	said  bool      // and is to be taken back
}

// Measured takes in a figure from outside. It is safe for concurrent use, and
// never blocks for longer than a look of the controller takes. What the
// configuration in force does not ask for is dropped.
func (c *Controller) Measured(m Measurement) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.services[m.Service]
	if s == nil {
		return
	}
	w := s.version(m.Version)
	if w == nil {
		return
	}
	w.points.prepare(s.cfg)
	interval := time.Duration(0)
	for i := range s.cfg.Guard.Metrics {
		if o := &s.cfg.Guard.Metrics[i]; o.Name == m.Metric {
			interval = o.Prometheus.Interval
		}
	}
	if interval == 0 {
		return
	}
	before := w.points.outside[m.Metric]
	now := reading{at: m.At, value: m.Value, blind: m.Err != nil, told: before.told, said: before.said}
	c.tellBlindness(s, w, m, &now)
	w.points.outside[m.Metric] = now
	if !now.blind {
		c.weighOutside(s, w, m, interval)
	}
}

// weighOutside puts a figure to the conditions on it.
func (c *Controller) weighOutside(s *service, w *watched, m Measurement, interval time.Duration) {
	stable := s.stable()
	if stable == nil || w == stable {
		return
	}
	if w.arm.Cut || w.arm.WeightBP == 0 {
		w.points.forget()
		return
	}
	w.observe()
	if w.window.Last(max(interval, pointWindow)).Requests < leastAsked {
		return
	}
	base := math.NaN()
	if r, ok := stable.points.outside[m.Metric]; ok && !r.blind && m.At.Sub(r.at) < 2*interval {
		base = r.value
	}
	w.points.showOutside(m.At, m.Metric, m.Value, s.remember("metric/"+m.Metric, base))
	for i := range w.points.all {
		if p := &w.points.all[i]; p.metric == m.Metric {
			c.weighPoint(s, w, p, m.At, compare(p.condition, m.Value, base))
		}
	}
}

// tellBlindness tells that a metric gives no evidence about a version that has
// traffic, and when it does again: once each, and not more often than alertEvery.
func (c *Controller) tellBlindness(s *service, w *watched, m Measurement, r *reading) {
	e := Event{Time: m.At, Type: "metric", Service: s.name, Version: w.arm.Version, By: "guard"}
	switch {
	case r.blind && !r.said && (w.arm.WeightBP > 0 || w.arm.Stable) && (r.told.IsZero() || m.At.Sub(r.told) >= alertEvery):
		r.said, r.told = true, m.At
		e.Message = fmt.Sprintf("%s gives no evidence about %s: %v", m.Metric, w.arm.Version, m.Err)
		e.Fields = map[string]any{"metric": m.Metric, "reason": m.Err.Error()}
	case !r.blind && r.said:
		r.said = false
		e.Message = fmt.Sprintf("%s gives evidence about %s again", m.Metric, w.arm.Version)
		e.Fields = map[string]any{"metric": m.Metric}
	default:
		return
	}
	c.journal.Add(e)
}
