package admin

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"sluice/analysis"
	"sluice/config"
	"sluice/rollout"
	"sluice/router"

	"github.com/prometheus/client_golang/prometheus"
)

func TestScalingTellsWhatComesNext(t *testing.T) {
	var scaling *router.Scaling
	p := startWith(t, gated, rollout.Options{}, func(_ *config.Admin, o *Options) {
		scaling = router.NewScaling(o.Live)
		o.Scaling = scaling
	})
	begin := analysis.Now()
	scaling.Observe(begin)
	p.send("shop", "v1", 200, analysis.Success)
	scaling.Observe(begin + int64(2*time.Second)) // 100 a second
	read := func(version string) (v scalingView) {
		t.Helper()
		p.do("GET", "/api/v1/services/shop/scaling?version="+version, "").into(t, &v)
		return v
	}
	if v := read("v1"); v != (scalingView{Service: "shop", Version: "v1", Demand: 100, NextDemand: 100, ReadyEndpoints: 1, PerEndpoint: 100}) {
		t.Errorf("before a rollout: %+v", v)
	}
	if v := read("v2"); v.Demand != 0 || v.NextDemand != 0 || v.ReadyEndpoints != 1 {
		t.Errorf("before a rollout: %+v", v)
	}
	run := func(verb string) {
		t.Helper()
		if _, err := p.controller.RolloutVerb(rollout.Command{Service: "shop", By: "test"}, verb); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := p.controller.StartRollout(rollout.Command{Service: "shop", By: "test"}, ""); err != nil {
		t.Fatal(err)
	}
	p.waitingAt("stage:initial")
	if v := read("v2"); v.Demand != 0 || v.NextDemand != 5 {
		t.Errorf("before the first stage: %+v, want 5 next", v)
	}
	run(rollout.VerbPromote)
	eventually(t, "at 5 %", func() bool { return p.controller.Rollout("shop").Phase == rollout.PhaseRunning })
	if v := read("v2"); v.Demand != 5 || v.NextDemand != 50 {
		t.Errorf("in the first stage: %+v, want 5 now and 50 next", v)
	}
	if v := read("v1"); v.Demand != 95 || v.NextDemand != 100 {
		t.Errorf("stable: %+v, want 95 now and 100 to be ready for", v)
	}
	run(rollout.VerbPromoteFull)
	eventually(t, "promoted", func() bool { return p.controller.Rollout("shop").Phase == rollout.PhasePromoted })
	if v := read("v1"); v.Demand != 0 || v.NextDemand != 100 {
		t.Errorf("standing by: %+v, want 100 to be ready for", v)
	}
	metrics := p.do("GET", "/metrics", "").body
	for _, want := range []string{
		`sluice_version_demand_rps{service="shop",version="v2"} 100`, `sluice_version_next_demand_rps{service="shop",version="v1"} 100`,
		`sluice_version_ready_endpoints{service="shop",version="v1"} 1`, `sluice_version_in_flight{service="shop",version="v1"} 0`,
	} {
		if !strings.Contains(metrics, "\n"+want+"\n") {
			t.Errorf("no %s", want)
		}
	}
	var all struct{ Versions []scalingView }
	p.do("GET", "/api/v1/services/shop/scaling", "").into(t, &all)
	if len(all.Versions) != 2 || all.Versions[1] != read("v2") {
		t.Errorf("all: %+v", all)
	}
}

// idle is a plant of n services without traffic and rollouts.
func idle(tb testing.TB, n int) *progress {
	var b strings.Builder
	b.WriteString("listeners: [{address: \"127.0.0.1:18080\"}]\nservices:\n")
	for i := range n {
		fmt.Fprintf(&b, "  - {name: s%d, routes: [{path: /s%d}], versions: [{name: v1, weight: 100, endpoints: [\"http://127.0.0.1:9001\"]}]}\n", i, i)
	}
	cfg, err := config.Parse("idle.yaml", []byte(b.String()), config.ParseOptions{})
	if err != nil {
		tb.Fatal(err)
	}
	live := router.NewLive()
	controller, err := rollout.New(rollout.Options{Traffic: live})
	if err != nil {
		tb.Fatal(err)
	}
	err = controller.Reload(cfg, func(fresh map[string]config.Weights) error {
		table, err := router.Build(cfg, live.Load(), fresh)
		if err == nil {
			live.Store(table)
		}
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return newProgress(Options{Config: func() *config.Config { return cfg }, Live: live, Controller: controller, Scaling: router.NewScaling(live)})
}

// collected counts the series of a scrape.
func collected(c prometheus.Collector) (n int) {
	out := make(chan prometheus.Metric, 64)
	go func() { c.Collect(out); close(out) }()
	for range out {
		n++
	}
	return n
}

func TestIdleServicesExportNothingHere(t *testing.T) {
	if n := collected(idle(t, 2000)); n != 0 {
		t.Errorf("2000 services without traffic and rollouts give %d series", n)
	}
}

func BenchmarkScrapeOfIdleServices(b *testing.B) {
	c := idle(b, 10_000)
	b.ReportAllocs()
	for b.Loop() {
		collected(c)
	}
}
