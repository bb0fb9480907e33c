package admin

import (
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"runtime/debug"

	"sluice/config"
	"sluice/router"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// newMetrics gathers our own collectors and the given ones under one handler.
// A fault of one metric is logged and leaves the others to be scraped.
func newMetrics(o Options) (http.Handler, error) {
	registry, err := newRegistry(o)
	if err != nil {
		return nil, err
	}
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		ErrorLog:            slog.NewLogLogger(o.Logger.Handler(), slog.LevelError),
		ErrorHandling:       promhttp.ContinueOnError,
		EnableOpenMetrics:   true,
		MaxRequestsInFlight: 8,
	}), nil
}

func newRegistry(o Options) (*prometheus.Registry, error) {
	registry := prometheus.NewRegistry()
	all := []prometheus.Collector{
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		buildInfo(o.BuildVersion), newTraffic(o), newProgress(o),
	}
	if o.Reloads != nil {
		all = append(all, newReloads(o.Reloads))
	}
	for _, c := range append(all, o.Collectors...) {
		if err := registry.Register(c); err != nil {
			return nil, fmt.Errorf("register: %w", err)
		}
	}
	return registry, nil
}

// buildInfo is 1, with what was built as labels.
func buildInfo(version string) prometheus.Collector {
	revision := "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				revision = s.Value
			}
		}
	}
	g := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "sluice_build_info", Help: "What was built; always 1.",
		ConstLabels: prometheus.Labels{"version": version, "revision": revision, "goversion": runtime.Version()},
	})
	g.Set(1)
	return g
}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

// reloads tells how reloads went.
type reloads struct {
	read         func() Reloads
	last, totals *prometheus.Desc
}

func newReloads(read func() Reloads) *reloads {
	return &reloads{
		read:   read,
		last:   desc("sluice_config_last_reload_successful", "Whether the last attempt to load the configuration succeeded."),
		totals: desc("sluice_config_reloads_total", "Attempts to load the configuration.", "result"),
	}
}

// Describe implements prometheus.Collector.
func (c *reloads) Describe(out chan<- *prometheus.Desc) { out <- c.last; out <- c.totals }

// Collect implements prometheus.Collector.
func (c *reloads) Collect(out chan<- prometheus.Metric) {
	r := c.read()
	out <- prometheus.MustNewConstMetric(c.last, prometheus.GaugeValue, truth(r.LastOK))
	out <- prometheus.MustNewConstMetric(c.totals, prometheus.CounterValue, float64(r.Successes), "success")
	out <- prometheus.MustNewConstMetric(c.totals, prometheus.CounterValue, float64(r.Failures), "failure")
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// endpointHealth is 1 for each URL that at least one usable address stands behind:
// a name may resolve to several, but labels come from the configuration alone.
func endpointHealth(svc *router.Service, index int) map[string]bool {
	healthy := map[string]bool{}
	for _, e := range svc.Pools[index].Endpoints() {
		healthy[e.URL()] = healthy[e.URL()] || e.Healthy() && !e.Ejected()
	}
	return healthy
}

// states are all states a version can be in, as one-hot label values.
var states = [...]config.State{config.Active, config.Draining, config.Off, config.Tripped, config.Quarantined}
