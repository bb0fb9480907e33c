package main

import (
	"sluice/proxy"
	"sluice/rollout"

	"github.com/prometheus/client_golang/prometheus"
)

// proxyCollector exports the data plane's own counters at scrape time.
type proxyCollector struct {
	proxy       *proxy.Server
	connections *prometheus.Desc
	mirrors     *prometheus.Desc
	comparisons *prometheus.Desc
	differences *prometheus.Desc
	refused     *prometheus.Desc
	unrouted    *prometheus.Desc
	dropped     *prometheus.Desc
	tunnels     *prometheus.Desc
	accepts     *prometheus.Desc
	broken      *prometheus.Desc
	panics      *prometheus.Desc
}

// stateFailures exports how often state could not be saved.
func stateFailures(c *rollout.Controller) prometheus.Collector {
	return prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "sluice_state_save_failures_total", Help: "Attempts to save live weights and latches that failed.",
	}, func() float64 { return float64(c.StoreFailures()) })
}

func collectors(p *proxy.Server) []prometheus.Collector {
	desc := func(name, text string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, text, labels, nil)
	}
	return []prometheus.Collector{&proxyCollector{
		proxy:       p,
		connections: desc("sluice_connections", "Client connections open now.", "listener"),
		mirrors:     desc("sluice_mirror_requests_total", "Mirrored copies by result.", "service", "version", "result"),
		comparisons: desc("sluice_mirror_comparisons_total", "Mirrored requests whose answers were to be compared with stable's, by result.", "service", "version", "result"),
		differences: desc("sluice_mirror_differences_total", "Compared answers that differ from stable's, by kind of difference, noise included.", "service", "version", "kind"),
		refused:     desc("sluice_refused_requests_total", "Requests refused before routing, by reason.", "reason"),
		unrouted:    desc("sluice_unrouted_requests_total", "Requests that no route matched."),
		dropped:     desc("sluice_access_log_dropped_total", "Access-log lines dropped because the writer was behind."),
		tunnels:     desc("sluice_tunnels", "Upgraded connections open now."),
		accepts:     desc("sluice_accept_errors_total", "Connections that could not be accepted at once, for want of descriptors or because the client was gone."),
		broken:      desc("sluice_broken_answers_total", "Answers cut short after they had been counted by their head."),
		panics:      desc("sluice_panics_total", "Faults of the proxy itself, each of which closed one connection; 0 is what should be."),
	}}
}

// Describe implements prometheus.Collector.
func (c *proxyCollector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.connections, c.mirrors, c.comparisons, c.differences, c.refused, c.unrouted, c.dropped, c.tunnels, c.accepts, c.broken, c.panics} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c *proxyCollector) Collect(out chan<- prometheus.Metric) {
	send := func(d *prometheus.Desc, kind prometheus.ValueType, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, kind, value, labels...)
	}
	stats := c.proxy.Stats()
	for listener, n := range stats.Connections {
		send(c.connections, prometheus.GaugeValue, float64(n), listener)
	}
	for _, m := range stats.Mirrors {
		send(c.mirrors, prometheus.CounterValue, float64(m.Count), m.Service, m.Version, m.Result)
	}
	for _, m := range stats.Comparisons {
		send(c.comparisons, prometheus.CounterValue, float64(m.Count), m.Service, m.Version, m.Result)
	}
	for _, m := range stats.Differences {
		send(c.differences, prometheus.CounterValue, float64(m.Count), m.Service, m.Version, m.Result)
	}
	for reason, n := range stats.Refused {
		send(c.refused, prometheus.CounterValue, float64(n), reason)
	}
	send(c.unrouted, prometheus.CounterValue, float64(stats.Unrouted))
	send(c.dropped, prometheus.CounterValue, float64(stats.LogDropped))
	send(c.tunnels, prometheus.GaugeValue, float64(stats.Tunnels))
	send(c.accepts, prometheus.CounterValue, float64(stats.AcceptErrors))
	send(c.broken, prometheus.CounterValue, float64(stats.BrokenBodies))
	send(c.panics, prometheus.CounterValue, float64(stats.Panics))
}
