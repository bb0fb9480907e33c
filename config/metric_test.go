package config

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

const withMetrics = one + `    guard:
      breach:
        cpu_utilization: "> 90%"
        expression: ["p99.canary > 1.2 * p99.stable && error_rate.canary > 0.01", "memory.canary > 0.9"]
      metrics:
        - name: checkout_errors
          prometheus:
            url: https://prometheus.example.com/base
            query: 'sum(rate(errors{app="${service}",version="${version}"}[1m])) / $$x'
            token: 0123456789abcdef
            tls: {ca: /etc/ca.pem}
            interval: 30s
            timeout: 1s
          breach: ["> 5%", "> 1.5x stable"]
          success: "< 1%"
          evaluations: 5
        - {name: orders, prometheus: {url: "http://127.0.0.1:9090", query: 'orders{v="${version}"}'}, breach: "< 12.5"}
`

func TestMetrics(t *testing.T) {
	c := parsed(t, withMetrics)
	g := c.Services[0].Guard
	want := []Metric{
		{Name: "checkout_errors", Evaluations: 5,
			Prometheus: Prometheus{URL: "https://prometheus.example.com/base", Query: `sum(rate(errors{app="${service}",version="${version}"}[1m])) / $$x`,
				Token: "0123456789abcdef", TLS: &UpstreamTLS{CA: "/etc/ca.pem"}, Interval: 30 * time.Second, Timeout: time.Second},
			Breach:  []Threshold{{Text: "> 5%", Op: ">", Value: 0.05}, {Text: "> 1.5x stable", Op: ">", Ratio: 1.5}},
			Success: []Threshold{{Text: "< 1%", Op: "<", Value: 0.01}}},
		{Name: "orders", Evaluations: 3,
			Prometheus: Prometheus{URL: "http://127.0.0.1:9090", Query: `orders{v="${version}"}`, Interval: 15 * time.Second, Timeout: 2 * time.Second},
			Breach:     []Threshold{{Text: "< 12.5", Op: "<", Value: 12.5}}},
	}
	if !reflect.DeepEqual(g.Metrics, want) {
		t.Errorf("got  %+v\nwant %+v", g.Metrics, want)
	}
	if got, want := g.Metrics[0].Prometheus.For("shop", "v2"), `sum(rate(errors{app="shop",version="v2"}[1m])) / $x`; got != want {
		t.Errorf("query: got %s, want %s", got, want)
	}
	e := g.Breach["expression"]
	if len(e) != 2 || e[0].Expression == nil || fmt.Sprint(e[1].Expression.Names()) != "[memory]" || !e[0].Expression.ReadsStable() || e[1].Expression.ReadsStable() {
		t.Errorf("expressions: got %+v", e)
	}
	if !c.Services[0].ReadsLoad() {
		t.Error("cpu_utilization is a criterion, and nothing would read it")
	}
	if got := fmt.Sprint(c.Files()); got != "[/etc/ca.pem]" {
		t.Errorf("files: got %s", got)
	}
	if shown := fmt.Sprintf("%+v %v", g, c.Effective()); strings.Contains(shown, "0123456789abcdef") {
		t.Error("the token shows")
	}
}

func TestEffectiveMetricsReadAgain(t *testing.T) {
	roundTrip(t, parsed(t, strings.Replace(withMetrics, "            token: 0123456789abcdef\n", "", 1)))
}

func TestLoadIsReadOnlyWhereAsked(t *testing.T) {
	for in, want := range map[string]bool{
		"": false,
		`    guard: {breach: {memory_utilization: "> 90%"}}`:                               true,
		`    guard: {breach: {expression: "p99.canary > 100"}}`:                            false,
		`    guard: {breach: {expression: "p99.canary > 100 && cpu.stable < 0.5"}}`:        true,
		`    rollout: {strategy: canary, canary: v2, success: {cpu_utilization: "< 80%"}}`: true,
	} {
		if got := parsed(t, one+in+"\n").Services[0].ReadsLoad(); got != want {
			t.Errorf("%s: got %v, want %v", in, got, want)
		}
	}
}

func TestMetricFaults(t *testing.T) {
	metric := func(more string) string {
		return `    guard: {metrics: [{name: m, prometheus: {url: "http://p:9090", query: 'q{v="${version}"}'` + more + "}]}"
	}
	for _, c := range []struct{ in, want string }{
		{`    guard: {breach: {expression: "p98.canary > 3"}}`, "f:7:34: services[0].guard.breach.expression: got \"p98.canary > 3\""},
		{`    guard: {breach: {expression: "p98.canary > 3"}}`, "at its character 1: p98 is not known"},
		{metric("}"), "services[0].guard.metrics[0]: want breach, success or both"},
		{metric(`}, breach: "> x"`), `want a condition such as "> 5%"`},
		{metric(`, interval: 1s}, breach: "> 5"`), "prometheus.timeout: got 2s, want at most the interval of 1s"},
		{metric(`, token: "a b"}, breach: "> 5"`), "the token must be of printable ASCII"},
		{strings.Replace(metric(`}, breach: "> 5"`), "${version}", "v2", 1), "it does not hold ${version}"},
		{strings.Replace(metric(`}, breach: "> 5"`), "q{", "${verison}{", 1), "${verison} is not known here"},
		{strings.Replace(metric(`}, breach: "> 5"`), "p:9090", "u:p@p:9090", 1), "token is for that"},
		{strings.Replace(metric(`}, breach: "> 5"`), "p:9090", "p:9090?a=b", 1), "it must not hold a query"},
		{strings.Replace(metric(`}, breach: "> 5"`), "name: m,", "name: error_rate,", 1), "which is a metric of sluice's own"},
	} {
		_, err := Parse("f", []byte(one+c.in+"\n"), ParseOptions{Expand: true})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s:\ngot  %v\nwant %s", c.in, err, c.want)
		}
	}
}
