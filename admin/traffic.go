package admin

import (
	"sluice/analysis"
	"sluice/rollout"
	"sluice/router"

	"github.com/prometheus/client_golang/prometheus"
)

// traffic exports what the recorders count, read at the scrape: nothing is
// counted twice, and a scrape costs the data plane nothing but shared cache
// lines. A version that never had a request and has no weight exports its standing alone, so
// that thousands of idle services stay cheap to scrape.
type traffic struct {
	live       *router.Live
	controller *rollout.Controller

	requests, duration, errors, weight, state, endpoint, rollbacks *prometheus.Desc
}

func newTraffic(o Options) *traffic {
	return &traffic{
		live: o.Live, controller: o.Controller,
		requests: desc("sluice_requests_total",
			"First attempts by the class of the answer. 4xx includes clients that left first; error is no answer from the version, or a refusal of the proxy itself.",
			"service", "version", "code"),
		duration: desc("sluice_request_duration_seconds",
			"Time from the last byte of the request sent to the last byte of the answer's head, of first attempts; failed ones included.",
			"service", "version"),
		errors: desc("sluice_upstream_errors_total",
			"Attempts, retries included, that got no usable answer, by reason.",
			"service", "version", "reason"),
		weight:    desc("sluice_version_weight_ratio", "Wanted share of the version, 0 to 1.", "service", "version"),
		state:     desc("sluice_version_state", "Whether the version is in this state.", "service", "version", "state"),
		endpoint:  desc("sluice_endpoint_healthy", "Whether the endpoint may be used.", "service", "version", "endpoint"),
		rollbacks: desc("sluice_rollbacks_total", "Times the version was cut off.", "service", "version", "reason"),
	}
}

// Describe implements prometheus.Collector.
func (c *traffic) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.requests, c.duration, c.errors, c.weight, c.state, c.endpoint, c.rollbacks} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c *traffic) Collect(out chan<- prometheus.Metric) {
	for _, svc := range c.live.Load().Services() {
		weights := svc.Split.Weights()
		for i, v := range svc.Versions {
			s := samples{out: out, service: svc.Name, version: v.Name}
			c.standing(s, svc, i, weights.BP[v.Name])
			c.counts(s, v, weights.BP[v.Name] > 0)
		}
	}
	for key, n := range c.controller.Rollbacks() {
		s := samples{out: out, service: key.Service, version: key.Version}
		s.count(c.rollbacks, n, key.Reason)
	}
}

func (c *traffic) standing(s samples, svc *router.Service, index, weightBP int) {
	s.gauge(c.weight, float64(weightBP)/10000)
	now := svc.Versions[index].State()
	for _, st := range states {
		s.gauge(c.state, truth(st == now), st.String())
	}
	for url, healthy := range endpointHealth(svc, index) {
		s.gauge(c.endpoint, truth(healthy), url)
	}
}

// counts exports a version's counters, also at zero if traffic is to be
// expected: rate() sees the first requests only of a series that was there before them.
func (c *traffic) counts(s samples, v *router.Version, expected bool) {
	total := v.Split.Totals().Add(v.Ruled.Totals())
	if n := v.Injected.Load(); n > 0 {
		s.count(c.errors, n, "injected") // they stand in nothing else
	}
	if total.Started == 0 && !expected {
		return
	}
	by := total.ByOutcome
	s.count(c.requests, by[analysis.Success], "2xx")
	s.count(c.requests, by[analysis.Redirect], "3xx")
	s.count(c.requests, by[analysis.ClientError]+by[analysis.ClientGone], "4xx")
	s.count(c.requests, by[analysis.ServerError], "5xx")
	unanswered := by[analysis.LocalRefusal]
	for _, o := range []struct {
		outcome analysis.Outcome
		reason  string
	}{
		{analysis.ConnectError, "connect_error"}, {analysis.Timeout, "timeout"},
		{analysis.Reset, "reset"}, {analysis.BadResponse, "bad_response"},
	} {
		unanswered += by[o.outcome]
		s.count(c.errors, by[o.outcome]+v.Retries[o.outcome].Load(), o.reason)
	}
	s.count(c.requests, unanswered, "error")
	if total.Started > 0 {
		s.out <- latencyMetric(c.duration, v, s.service, s.version)
	}
}

// samples sends those of one version.
type samples struct {
	out              chan<- prometheus.Metric
	service, version string
}

func (s samples) count(d *prometheus.Desc, n uint64, label string) {
	s.out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), s.service, s.version, label)
}

func (s samples) gauge(d *prometheus.Desc, value float64, label ...string) {
	s.out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, append([]string{s.service, s.version}, label...)...)
}
