package rollout

import (
	"time"

	"sluice/config"
)

// demand is one condition without an e-process that a stage must show: utilization, an
// expression, a figure from outside. Like a breach it holds by persistence: so many
// evaluations in a row, the last one not long ago. No data is never a pass.
type demand struct {
	metric    string
	condition config.Threshold
	need      int           // evaluations in a row
	apart     time.Duration // between two that count
	gap       time.Duration // without evidence, after which nothing is shown any more

	run     int
	counted time.Time
	known   time.Time
}

// add counts one evaluation.
func (d *demand) add(at time.Time, holds bool) {
	if d.run > 0 && at.Sub(d.known) > d.gap {
		d.run = 0
	}
	d.known = at
	switch {
	case !holds:
		d.run = 0
	case d.run == 0 || at.Sub(d.counted) >= d.apart:
		d.counted = at
		d.run++
	}
}

// shown reports whether the condition has held often enough, until now.
func (d *demand) shown(at time.Time) bool {
	return d.run >= d.need && at.Sub(d.known) <= d.gap
}

// demand makes the conditions that a stage asks for, keeping the count of those that stay. nil: none.
func (ps *points) demand(cfg *config.Service, l *leg) {
	old := ps.demands
	ps.demands = nil
	if l == nil || l.WeightBP == 0 {
		return
	}
	for _, name := range []string{"cpu_utilization", "memory_utilization", "expression"} {
		for _, c := range l.Success[name] {
			ps.demands = append(ps.demands, demand{metric: name, condition: c, need: pointRow, apart: pointWindow - time.Second/2, gap: 2 * pointWindow})
		}
	}
	for i := range cfg.Guard.Metrics {
		m := &cfg.Guard.Metrics[i]
		for _, c := range m.Success {
			ps.demands = append(ps.demands, demand{metric: m.Name, condition: c, need: m.Evaluations, gap: 2 * m.Prometheus.Interval})
		}
	}
	for i := range ps.demands {
		for _, was := range old {
			if d := &ps.demands[i]; was.metric == d.metric && was.condition.Text == d.condition.Text {
				d.run, d.counted, d.known = was.run, was.counted, was.known
			}
		}
	}
}

// pass reports whether all that is asked for without an e-process is shown.
func (ps *points) pass(at time.Time) bool { return ps.lacks(at) == nil }

// lacks is the first condition that is not shown; nil: none.
func (ps *points) lacks(at time.Time) *demand {
	for i := range ps.demands {
		if d := &ps.demands[i]; !d.shown(at) {
			return d
		}
	}
	return nil
}

// show puts sluice's own figures to the demands on them.
func (ps *points) show(at time.Time, own, stable config.Figures) {
	for i := range ps.demands {
		d := &ps.demands[i]
		if d.apart == 0 {
			continue // from outside: weighed as it comes in
		}
		p := point{metric: d.metric, condition: d.condition}
		if f := p.look(own, stable); f.known {
			d.add(at, f.breaches)
		}
	}
}

// showOutside puts a figure from outside to the demands on it.
func (ps *points) showOutside(at time.Time, metric string, own, stable float64) {
	for i := range ps.demands {
		if d := &ps.demands[i]; d.metric == metric && d.apart == 0 {
			if f := compare(d.condition, own, stable); f.known {
				d.add(at, f.breaches)
			}
		}
	}
}
