package rollout

import (
	"math"
	"time"

	"sluice/analysis"
	"sluice/config"
)

// Metrics of a point (utilization, expressions, figures from outside) say how
// something stands, not how many of how many: there is no e-process for them, and no bound on the
// chance of a false cut. They breach by persistence: so many evaluations in a
// row, on enough traffic, with stable not as bad. What is not known is no
// evidence: it neither counts nor starts the count anew, unless it lasts.
const (
	pointWindow = 10 * time.Second // what utilization and expressions look at
	pointRow    = 3                // windows in a row that condemn
	leastPoint  = 50               // requests in a window that an expression needs
	leastLoad   = 20               // reports in a window that a utilization needs
	leastAsked  = 10               // requests between two answers from outside
	pointGap    = 4                // so many windows or intervals without evidence start the count anew
)

// point is one condition on one version, and how long it has held.
type point struct {
	metric    string
	condition config.Threshold
	need      int           // evaluations in a row
	apart     time.Duration // between two that count, so that their windows don't overlap
	gap       time.Duration // without evidence, after which the count starts anew

	run     int
	since   time.Time // first evaluation of the run
	counted time.Time // last one that counted
	known   time.Time // last one with evidence
	breach  time.Time // last time the row was full
}

// add counts one evaluation, and reports whether the row is full, which starts the count anew.
func (p *point) add(at time.Time, breaches bool) bool {
	if p.run > 0 && at.Sub(p.known) > p.gap {
		p.run = 0
	}
	p.known = at
	if !breaches {
		p.run = 0
		return false
	}
	if p.run > 0 && at.Sub(p.counted) < p.apart {
		return false
	}
	if p.run == 0 {
		p.since = at
	}
	p.counted = at
	if p.run++; p.run < p.need {
		return false
	}
	p.run = 0
	return true
}

// points are the conditions on one version without an e-process.
type points struct {
	cfg     *config.Service // what all is made for
	loads   bool            // cfg asks for utilization
	all     []point
	load    *loadRing          // nil: nothing asks for it
	outside map[string]reading // by metric
	demands []demand           // of the stage that runs
}

// prepare makes the conditions that cfg asks for, keeping the count of those that stay.
func (ps *points) prepare(cfg *config.Service) {
	if ps.cfg == cfg {
		return
	}
	old := ps.all
	ps.cfg, ps.loads, ps.all = cfg, cfg.ReadsLoad(), nil
	for _, name := range []string{"cpu_utilization", "memory_utilization", "expression"} {
		for _, c := range cfg.Guard.Breach[name] {
			ps.all = append(ps.all, point{metric: name, condition: c, need: pointRow, apart: pointWindow - time.Second/2, gap: pointGap * pointWindow})
		}
	}
	outside := map[string]reading{}
	for i := range cfg.Guard.Metrics {
		m := &cfg.Guard.Metrics[i]
		for _, c := range m.Breach {
			ps.all = append(ps.all, point{metric: m.Name, condition: c, need: m.Evaluations, gap: pointGap * m.Prometheus.Interval})
		}
		if r, kept := ps.outside[m.Name]; kept {
			outside[m.Name] = r
		}
	}
	ps.outside = outside
	for i := range ps.all {
		for _, was := range old {
			if p := &ps.all[i]; was.metric == p.metric && was.condition.Text == p.condition.Text {
				p.run, p.since, p.counted, p.known, p.breach = was.run, was.since, was.counted, was.known, was.breach
			}
		}
	}
}

// forget starts every count anew, as after a release.
func (ps *points) forget() {
	for i := range ps.all {
		ps.all[i].run, ps.all[i].breach = 0, time.Time{}
	}
}

// loadRing holds a reading of the reported utilization for each of the last seconds.
type loadRing struct {
	at [pointWindow/time.Second + 1]struct {
		second int64
		totals analysis.LoadTotals
	}
	last int64
}

// report takes the reading of a second.
func (ps *points) report(second int64, t analysis.LoadTotals) {
	if ps.load == nil {
		ps.load = new(loadRing)
	}
	r := ps.load
	slot := &r.at[second%int64(len(r.at))]
	slot.second, slot.totals = second, t
	r.last = second
}

// window is what was reported since the oldest reading that is not older than pointWindow.
func (r *loadRing) window() analysis.LoadTotals {
	oldest := -1
	if r == nil {
		return analysis.LoadTotals{}
	}
	for i := range r.at {
		s := r.at[i].second
		if s > 0 && r.last-s < int64(len(r.at)) && (oldest < 0 || s < r.at[oldest].second) {
			oldest = i
		}
	}
	if oldest < 0 {
		return analysis.LoadTotals{}
	}
	return r.at[r.last%int64(len(r.at))].totals.Sub(r.at[oldest].totals)
}

// figures of a version over the last window; NaN where too little is known.
func (w *watched) figures() config.Figures {
	none := math.NaN()
	seen := w.window.Last(pointWindow)
	f := config.Figures{Requests: float64(seen.Requests), RPS: seen.PerSecond, ErrorRate: none, P50: none, P90: none, P95: none, P99: none, CPU: none, Memory: none}
	if seen.Requests >= leastPoint {
		f.ErrorRate = seen.Counts.Rate()
	}
	if q, n := w.window.Quantiles(pointWindow, 0.5, 0.9, 0.95, 0.99); n >= leastPoint {
		ms := func(d time.Duration) float64 { return float64(d) / 1e6 }
		f.P50, f.P90, f.P95, f.P99 = ms(q[0]), ms(q[1]), ms(q[2]), ms(q[3])
	}
	load := w.points.load.window()
	if load.CPU.Reports >= leastLoad {
		f.CPU = load.CPU.Mean()
	}
	if load.Memory.Reports >= leastLoad {
		f.Memory = load.Memory.Mean()
	}
	return f
}

// weighPoints evaluates utilization and expressions, once a second in a service with
// traffic. Figures from outside are weighed as they come in.
func (c *Controller) weighPoints(s *service, now time.Time) {
	asked := false
	for _, w := range s.versions {
		w.points.prepare(s.cfg)
		if w.arm.Load != nil && w.points.loads {
			w.points.report(now.Unix(), w.arm.Load.Snapshot())
		}
		asked = asked || len(w.points.all) > 0 || len(w.points.demands) > 0
	}
	stable := s.stable()
	if !asked || stable == nil {
		return
	}
	base := stable.figures()
	known := s.remembered(base)
	for _, w := range s.versions {
		if w == stable {
			continue
		}
		if len(w.points.demands) > 0 {
			w.points.show(now, w.figures(), known)
		}
		if w.arm.Cut || w.arm.WeightBP == 0 {
			w.points.forget()
			continue
		}
		own := w.figures()
		for i := range w.points.all {
			if p := &w.points.all[i]; p.apart > 0 {
				c.weighPoint(s, w, p, now, p.look(own, base))
			}
		}
	}
}

// look evaluates a condition on sluice's own figures.
func (p *point) look(own, stable config.Figures) finding {
	if e := p.condition.Expression; e != nil {
		if own.Requests < leastPoint {
			return finding{}
		}
		holds, known := e.Holds(own, stable)
		f := finding{known: known, breaches: holds}
		if holds {
			f.environment, _ = e.Holds(stable, stable)
			f.says = e.Explain(own, stable)
		}
		return f
	}
	if p.metric == "cpu_utilization" {
		return compare(p.condition, own.CPU, stable.CPU)
	}
	return compare(p.condition, own.Memory, stable.Memory)
}
