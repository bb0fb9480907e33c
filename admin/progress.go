package admin

import (
	"sync"
	"time"

	"sluice/config"
	"sluice/history"
	"sluice/rollout"
	"sluice/router"

	"github.com/prometheus/client_golang/prometheus"
)

// progress exports what rollouts do and did, and what autoscalers go by. Labels
// come from the configuration alone. Services without a rollout, and versions that never had a
// request, cost next to nothing.
type progress struct {
	config     func() *config.Config
	live       *router.Live
	controller *rollout.Controller
	scaling    *router.Scaling

	stage, total                            *prometheus.Desc
	frequency, lead, restore                *prometheus.Desc
	changeFailure, rollbackRate, successful *prometheus.Desc
	demand, next, inFlight, ready           *prometheus.Desc

	mu      sync.Mutex
	counted map[string]time.Time          // by service: the newest end that totals has
	totals  map[string]map[string]float64 // service, outcome: ended since the start
	figures kept
}

// kept are the KPIs as last worked out: at 15 s between scrapes of several servers
// nobody needs them newer.
type kept struct {
	at    time.Time
	until history.Figures
}

const (
	kpiWindow = 30 * 24 * time.Hour
	kpiEvery  = 10 * time.Second
)

// outcomes are all that a rollout can end in.
var outcomes = [...]string{history.Promoted, history.RolledBack, history.Aborted, history.Superseded, history.Completed}

func newProgress(o Options) *progress {
	const month = " Over the last 30 days, of all services."
	c := &progress{
		config: o.Config, live: o.Live, controller: o.Controller, scaling: o.Scaling,
		stage:         desc("sluice_rollout_stage", "Stage that the rollout stands at, from 1; 0: none runs.", "service"),
		total:         desc("sluice_rollouts_total", "Rollouts that ended since the process began.", "service", "outcome"),
		frequency:     desc("sluice_kpi_deployments_per_day", "Promotions per day."+month),
		lead:          desc("sluice_kpi_lead_time_seconds", "Median time from the commit (label committed_at) to the promotion."+month),
		restore:       desc("sluice_kpi_time_to_restore_seconds", "Median time from the first sign of a failure until the failing version had no traffic."+month),
		changeFailure: desc("sluice_kpi_change_failure_ratio", "Share of changes that were rolled back or taken back, 0 to 1."+month),
		rollbackRate:  desc("sluice_kpi_rollback_ratio", "Share of changes that were rolled back before their promotion, 0 to 1."+month),
		successful:    desc("sluice_kpi_success_ratio", "Share of promotions that stood in all rollouts that were decided, 0 to 1."+month),
		demand:        desc("sluice_version_demand_rps", "Requests a second that the version has to carry at its present share, by the last 10 s.", "service", "version"),
		next:          desc("sluice_version_next_demand_rps", "Requests a second that the version must be ready for: the canary the next stage's share, stable all of the service's while a rollout may fall back on it.", "service", "version"),
		inFlight:      desc("sluice_version_in_flight", "Requests in flight to the version.", "service", "version"),
		ready:         desc("sluice_version_ready_endpoints", "Addresses of the version that may be used.", "service", "version"),
		counted:       map[string]time.Time{}, totals: map[string]map[string]float64{},
	}
	for _, r := range o.Controller.History().Records("", 0) { // what ended before this process is not counted again
		c.counted[r.Service] = later(c.counted[r.Service], r.EndedAt)
	}
	return c
}

// Describe implements prometheus.Collector.
func (c *progress) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.stage, c.total, c.frequency, c.lead, c.restore, c.changeFailure, c.rollbackRate,
		c.successful, c.demand, c.next, c.inFlight, c.ready} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c *progress) Collect(out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	runs := map[string]rollout.Status{}
	for _, st := range c.controller.Runs() {
		runs[st.Service] = st
	}
	for _, svc := range c.live.Load().Services() {
		if !hadTraffic(svc) {
			continue
		}
		for _, v := range scalingOf(svc, c.scaling, runs[svc.Name]) {
			gauge(c.demand, v.Demand, svc.Name, v.Version)
			gauge(c.next, v.NextDemand, svc.Name, v.Version)
			gauge(c.inFlight, float64(v.InFlight), svc.Name, v.Version)
			gauge(c.ready, float64(v.ReadyEndpoints), svc.Name, v.Version)
		}
	}
	c.collectRuns(out, gauge, runs)
	c.collectFigures(gauge)
}

// hadTraffic reports whether anything was ever sent to svc.
func hadTraffic(svc *router.Service) bool {
	for _, v := range svc.Versions {
		if v.Split.Totals().Started > 0 || v.Ruled.Totals().Started > 0 {
			return true
		}
	}
	return false
}

// collectRuns tells of the services that the file has a rollout for, or that had one.
func (c *progress) collectRuns(out chan<- prometheus.Metric, gauge func(*prometheus.Desc, float64, ...string), runs map[string]rollout.Status) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.count(c.controller.History().Records("", 0))
	cfg := c.config()
	for i := range cfg.Services {
		name := cfg.Services[i].Name
		st, of := runs[name], c.totals[name]
		if cfg.Services[i].Rollout == nil && st.ID == "" && of == nil {
			continue
		}
		stage := 0.0
		if st.ID != "" && !st.Phase.Ended() {
			stage = float64(st.Stage + 1)
		}
		gauge(c.stage, stage, name)
		if st.ID == "" && of == nil {
			continue
		}
		for _, outcome := range outcomes { // at 0 as well, from the first start on: rate() sees only what was there before
			out <- prometheus.MustNewConstMetric(c.total, prometheus.CounterValue, of[outcome], name, outcome)
		}
	}
}

// count adds what records have beyond what was counted before. c.mu is held.
func (c *progress) count(records []history.Record) {
	newest := map[string]time.Time{}
	for _, r := range records {
		if !r.EndedAt.After(c.counted[r.Service]) {
			continue
		}
		if c.totals[r.Service] == nil {
			c.totals[r.Service] = map[string]float64{}
		}
		c.totals[r.Service][r.Outcome]++
		newest[r.Service] = later(newest[r.Service], r.EndedAt)
	}
	for service, at := range newest {
		c.counted[service] = at
	}
}

// collectFigures leaves out what has no data: that is no 0.
func (c *progress) collectFigures(gauge func(*prometheus.Desc, float64, ...string)) {
	f := c.recent(time.Now())
	for _, g := range []struct {
		desc  *prometheus.Desc
		value *float64
	}{
		{c.frequency, f.DeploymentFrequency.Value}, {c.lead, f.LeadTime.Median}, {c.restore, f.TimeToRestore.Median},
		{c.changeFailure, f.ChangeFailureRate.Value}, {c.rollbackRate, f.RollbackRate.Value}, {c.successful, f.SuccessRate.Value},
	} {
		if g.value != nil {
			gauge(g.desc, *g.value)
		}
	}
}

func (c *progress) recent(now time.Time) history.Figures {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.figures.at.IsZero() || now.Sub(c.figures.at) >= kpiEvery || now.Before(c.figures.at) {
		c.figures = kept{now, c.controller.History().Figures("", kpiWindow, now)}
	}
	return c.figures.until
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
