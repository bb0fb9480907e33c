package admin

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"sluice/analysis"
	"sluice/config"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestMetricsValues(t *testing.T) {
	p := start(t, nil)
	for outcome, n := range map[analysis.Outcome]int{
		analysis.Success: 10, analysis.Redirect: 2, analysis.ClientError: 3, analysis.ClientGone: 1, analysis.ServerError: 4,
		analysis.ConnectError: 5, analysis.Timeout: 6, analysis.Reset: 7, analysis.BadResponse: 8, analysis.LocalRefusal: 9,
	} {
		p.send("shop", "v1", n, outcome)
	}
	v1 := p.live.Load().Service("shop").Versions[0]
	v1.Retries[analysis.Timeout].Add(100)
	v1.Injected.Add(3)
	v1.Ruled.Start(0, 0)
	v1.Ruled.Record(0, 0, 1e6, analysis.Success)
	p.do("PUT", "/api/v1/services/shop/weights", `{"weights":{"v1":99.5,"v2":0.5}}`)
	p.do("PUT", "/api/v1/services/shop/versions/v2/state", `{"state":"drain"}`)
	got := p.do("GET", "/metrics", "").body
	for _, want := range []string{
		`sluice_requests_total{code="2xx",service="shop",version="v1"} 11`,
		`sluice_requests_total{code="3xx",service="shop",version="v1"} 2`,
		`sluice_requests_total{code="4xx",service="shop",version="v1"} 4`,
		`sluice_requests_total{code="5xx",service="shop",version="v1"} 4`,
		`sluice_requests_total{code="error",service="shop",version="v1"} 35`,
		`sluice_requests_total{code="2xx",service="shop",version="v2"} 0`, // before its first request
		`sluice_upstream_errors_total{reason="connect_error",service="shop",version="v1"} 5`,
		`sluice_upstream_errors_total{reason="timeout",service="shop",version="v1"} 106`,
		`sluice_upstream_errors_total{reason="reset",service="shop",version="v1"} 7`,
		`sluice_upstream_errors_total{reason="bad_response",service="shop",version="v1"} 8`,
		`sluice_upstream_errors_total{reason="injected",service="shop",version="v1"} 3`,
		`sluice_request_duration_seconds_count{service="shop",version="v1"} 46`,
		`sluice_version_weight_ratio{service="shop",version="v1"} 0.995`,
		`sluice_version_weight_ratio{service="shop",version="v2"} 0.005`,
		`sluice_version_state{service="shop",state="active",version="v1"} 1`,
		`sluice_version_state{service="shop",state="drain",version="v2"} 1`,
		`sluice_version_state{service="shop",state="quarantined",version="v2"} 0`,
		`sluice_endpoint_healthy{endpoint="http://127.0.0.1:9001",service="shop",version="v1"} 1`,
		`sluice_config_last_reload_successful 1`,
		`sluice_config_reloads_total{result="success"} 2`,
		`sluice_config_reloads_total{result="failure"} 1`,
		`sluice_build_info{goversion="go`,
		`go_goroutines `, `process_start_time_seconds `,
	} {
		if !strings.Contains(got, "\n"+want) {
			t.Errorf("no %s", want)
		}
	}
	if strings.Contains(got, `sluice_request_duration_seconds_count{service="cart"`) {
		t.Error("a version never used exports a histogram")
	}
}

// The classic and the native buckets stand in one metric and agree.
func TestDurationIsClassicAndNative(t *testing.T) {
	p := build(t, nil)
	p.send("shop", "v1", 100, analysis.Success)
	p.send("shop", "v1", 7, analysis.Timeout)
	registry, err := newRegistry(p.server.o)
	if err != nil {
		t.Fatal(err)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "sluice_request_duration_seconds" {
			continue
		}
		h := f.Metric[0].Histogram
		var native, at int64
		for _, delta := range h.PositiveDelta {
			at += delta
			native += at
		}
		if h.GetSchema() != analysis.Schema || native+int64(h.GetZeroCount()) != 107 || h.GetSampleCount() != 107 {
			t.Errorf("native: schema %d, %d in buckets, count %d", h.GetSchema(), native, h.GetSampleCount())
		}
		var within uint64
		for _, b := range h.Bucket {
			if b.GetUpperBound() >= 0.02 && within == 0 {
				within = b.GetCumulativeCount()
			}
		}
		if len(h.Bucket) < 10 || within != 107 {
			t.Errorf("classic: %d buckets, %d within the first over 20 ms, want 107", len(h.Bucket), within)
		}
		if math.Abs(h.GetSampleSum()-107*0.020) > 1e-6 {
			t.Errorf("sum %v s, want %v", h.GetSampleSum(), 107*0.020)
		}
		return
	}
	t.Error("no sluice_request_duration_seconds")
}

func TestMetricsFormats(t *testing.T) {
	p := start(t, nil)
	p.send("shop", "v1", 1, analysis.Success)
	for accept, want := range map[string]string{
		"": "text/plain", "application/openmetrics-text; version=1.0.0": "application/openmetrics-text",
		"application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited": "application/vnd.google.protobuf",
	} {
		r := p.do("GET", "/metrics", "", "Accept: "+accept)
		if r.status != 200 || !strings.HasPrefix(r.header.Get("Content-Type"), want) || !strings.Contains(r.body, "sluice_request_duration_seconds") {
			t.Errorf("%q: got %d %s", accept, r.status, r.header.Get("Content-Type"))
		}
	}
}

func TestMetricsLint(t *testing.T) {
	p := build(t, nil)
	p.send("shop", "v1", 1, analysis.Success)
	registry := prometheus.NewPedanticRegistry()
	for _, c := range []prometheus.Collector{newTraffic(p.server.o), newReloads(p.server.o.Reloads), buildInfo("1")} {
		if err := registry.Register(c); err != nil {
			t.Fatal(err)
		}
	}
	problems, err := testutil.GatherAndLint(registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range problems {
		t.Errorf("%s: %s", problem.Metric, problem.Text)
	}
}

func TestMetricsPrivate(t *testing.T) {
	p := start(t, func(a *config.Admin, _ *Options) { a.Tokens, a.PublicMetrics = tokens, false })
	if r := p.do("GET", "/metrics", ""); r.status != 401 {
		t.Errorf("nobody: got %d", r.status)
	}
	if r := p.do("GET", "/metrics", "", as(0)); r.status != 200 {
		t.Errorf("viewer: got %d", r.status)
	}
}

// Thousands of idle services cost a scrape what their standing takes and no more.
func TestIdleVersionsAreCheap(t *testing.T) {
	p := build(t, nil)
	var doc strings.Builder
	doc.WriteString("listeners: [{address: \"127.0.0.1:18080\"}]\nservices:\n")
	for i := range 200 {
		fmt.Fprintf(&doc, "  - {name: s%d, routes: [{path: /s%d}], stable: v1, versions: [{name: v1, weight: 100, endpoints: [\"http://127.0.0.1:9001\"]}, {name: v2, weight: 0, endpoints: [\"http://127.0.0.1:9002\"]}]}\n", i, i)
	}
	cfg, err := config.Parse("many.yaml", []byte(doc.String()), config.ParseOptions{})
	if err != nil {
		t.Fatal(err)
	}
	p.adopt(cfg)
	series, err := testutil.GatherAndCount(registryOf(t, newTraffic(p.server.o)))
	if err != nil {
		t.Fatal(err)
	}
	// Per version: weight, five states, one endpoint; per version with a weight also five codes and four reasons.
	if want := 200 * (2*7 + 9); series != want {
		t.Errorf("got %d series, want %d", series, want)
	}
}

func registryOf(t *testing.T, c prometheus.Collector) *prometheus.Registry {
	t.Helper()
	r := prometheus.NewRegistry()
	if err := r.Register(c); err != nil {
		t.Fatal(err)
	}
	return r
}
