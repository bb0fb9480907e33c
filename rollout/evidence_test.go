package rollout

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"sluice/analysis"
	"sluice/config"
)

// guarded is shop with a guard as the file would have it, 90 % on v1.
func guarded(t *testing.T, guard string) config.Service {
	t.Helper()
	c, err := config.Parse("f", []byte(`services:
  - name: shop
    stable: v1
    versions:
      - {name: v1, weight: 90, endpoints: ["http://127.0.0.1:9001"]}
      - {name: v2, weight: 10, endpoints: ["http://127.0.0.1:9002"]}
    guard: `+guard+"\n"), config.ParseOptions{Expand: true})
	if err != nil {
		t.Fatal(err)
	}
	return c.Services[0]
}

// second lets a second of good traffic pass: 90 requests to v1, 10 to v2 (none to
// a version that is cut).
func (b *bench) second(reports map[string]string) {
	for version, n := range map[string]int{"v1": 90, "v2": 10} {
		if b.lab.state("shop", version) != config.Active {
			continue
		}
		b.lab.send("shop", version, n, analysis.Success)
		for range n {
			b.lab.version("shop", version).load.Observe([]byte(reports[version]))
		}
	}
	time.Sleep(time.Second)
}

// untilCut lets seconds pass until v2 is quarantined, and returns their number, or most.
func (b *bench) untilCut(most int, reports map[string]string) int {
	for n := range most {
		if b.lab.state("shop", "v2") == config.Quarantined {
			return n
		}
		b.second(reports)
	}
	return most
}

func TestUtilizationBreachesByPersistence(t *testing.T) {
	const guard = `{breach: {cpu_utilization: "> 90%", memory_utilization: "> 1.5x stable"}}`
	busy, calm := "TEXT cpu_utilization=0.95,mem_utilization=0.5", "TEXT cpu_utilization=0.4,mem_utilization=0.5"
	for _, c := range []struct {
		name    string
		reports map[string]string
		metric  string // "": nothing is cut
	}{
		{"healthy", map[string]string{"v1": calm, "v2": calm}, ""},
		{"busy", map[string]string{"v1": calm, "v2": busy}, "cpu_utilization"},
		{"stable is as busy", map[string]string{"v1": busy, "v2": busy}, ""},
		{"against stable", map[string]string{"v1": calm, "v2": "mem_utilization=0.8"}, "memory_utilization"},
		{"only one reports, against stable", map[string]string{"v2": "mem_utilization=0.8"}, ""},
		{"only one reports, absolute", map[string]string{"v2": busy}, "cpu_utilization"},
		{"nobody reports", nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			running(t, Options{}, one(guarded(t, guard)), func(b *bench) {
				took := b.untilCut(60, c.reports)
				if c.metric == "" {
					if took < 60 {
						t.Fatalf("cut after %d s: %+v", took, b.Decisions("shop")[0])
					}
					return
				}
				if took < 20 || took > 35 {
					t.Errorf("cut after %d s, want the 20 to 35 that three windows take", took)
				}
				d := b.Decisions("shop")[0]
				if d.Metric != c.metric || d.Action != "quarantine" || d.Evidence["evidence"] != 3.0 || !strings.Contains(d.Summary, "3 evaluations in a row") {
					t.Errorf("got %+v", d)
				}
				if b.Rollbacks()[RollbackKey{"shop", "v2", c.metric}] != 1 {
					t.Errorf("rollbacks are %v", b.Rollbacks())
				}
			})
		})
	}
}

func TestExpressionBreaches(t *testing.T) {
	for _, c := range []struct {
		name, expression string
		cut              bool
	}{
		{"holds", "cpu.canary > 1.2 * cpu.stable && error_rate.canary < 0.01", true},
		{"does not", "cpu.canary > 2 * cpu.stable", false},
		{"holds of stable too", "cpu.canary > 0.5", false},
		{"names what nobody reports", "memory.canary > 0.5 || cpu.canary > 0.1", false},
		{"of latency", "p99.canary < 500 && p50.stable > 0.1 && cpu.canary > 0.7", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			running(t, Options{}, one(guarded(t, `{breach: {expression: "`+c.expression+`"}}`)), func(b *bench) {
				took := b.untilCut(60, map[string]string{"v1": "cpu_utilization=0.6", "v2": "cpu_utilization=0.8"})
				if cut := took < 60; cut != c.cut {
					t.Fatalf("cut: %v, want %v", cut, c.cut)
				}
				if c.cut && !strings.Contains(b.Decisions("shop")[0].Summary, "cpu.canary 0.8") {
					t.Errorf("summary is %q", b.Decisions("shop")[0].Summary)
				}
			})
		})
	}
}

func TestTooFewRequestsAreNoEvidence(t *testing.T) {
	running(t, Options{}, one(guarded(t, `{breach: {expression: "rps.canary < rps.stable"}}`)), func(b *bench) {
		for range 60 {
			b.lab.send("shop", "v1", 90, analysis.Success)
			b.lab.send("shop", "v2", 4, analysis.Success)
			time.Sleep(time.Second)
		}
		b.wantState("v2", config.Active)
	})
}

func TestReleaseForgetsPoints(t *testing.T) {
	running(t, Options{}, one(guarded(t, `{breach: {cpu_utilization: "> 90%"}}`)), func(b *bench) {
		busy := map[string]string{"v1": "cpu_utilization=0.1", "v2": "cpu_utilization=0.95"}
		if b.untilCut(60, busy) == 60 {
			t.Fatal("not cut")
		}
		if _, err := b.SetState(Command{Service: "shop", By: "test"}, "v2", config.Active); err != nil {
			t.Fatal(err)
		}
		if took := b.untilCut(60, busy); took < 20 || took == 60 {
			t.Errorf("cut again after %d s, want 20 or more", took)
		}
	})
}

const asked = `{metrics: [{name: orders, prometheus: {url: "http://127.0.0.1:9", query: "q{v='${version}'}", interval: 10s}, breach: ["< 100", "< 0.5x stable"]}]}`

// measure puts a figure of each version to the controller.
func (b *bench) measure(v1, v2 float64, err error) {
	for version, v := range map[string]float64{"v1": v1, "v2": v2} {
		b.Measured(Measurement{Service: "shop", Version: version, Metric: "orders", At: time.Now(), Value: v, Err: err})
	}
}

func TestFiguresFromOutside(t *testing.T) {
	none := errors.New("prometheus: no data")
	for _, c := range []struct {
		name   string
		v1, v2 float64
		err    error
		cut    bool
	}{
		{"healthy", 1000, 900, nil, false},
		{"absolute", 150, 90, nil, true},
		{"against stable", 1000, 400, nil, true},
		{"stable is as bad", 80, 90, nil, false},
		{"stable has nothing to compare with", 0, 120, nil, false},
		{"no data", 0, 0, none, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			running(t, Options{}, one(guarded(t, asked)), func(b *bench) {
				for i := range 60 {
					if i%10 == 5 {
						b.measure(c.v1, c.v2, c.err)
					}
					b.second(nil)
				}
				if cut := b.lab.state("shop", "v2") == config.Quarantined; cut != c.cut {
					t.Fatalf("cut: %v, want %v", cut, c.cut)
				}
				if c.cut && b.Decisions("shop")[0].Metric != "orders" {
					t.Errorf("got %+v", b.Decisions("shop")[0])
				}
			})
		})
	}
}

func TestOneGoodAnswerBreaksTheRow(t *testing.T) {
	running(t, Options{}, one(guarded(t, asked)), func(b *bench) {
		for i := range 120 {
			if i%10 == 5 {
				b.measure(1000, map[bool]float64{true: 900, false: 10}[i%30 == 25], nil)
			}
			b.second(nil)
		}
		b.wantState("v2", config.Active)
	})
}

func TestBlindnessIsToldOnce(t *testing.T) {
	running(t, Options{}, one(guarded(t, asked)), func(b *bench) {
		down := errors.New("prometheus: dial: connection refused")
		for range 20 {
			b.measure(0, 0, down)
			b.second(nil)
		}
		if e := b.events("metric"); len(e) != 2 || !strings.Contains(e[0].Message, "gives no evidence about") || !strings.Contains(e[0].Message, down.Error()) {
			t.Errorf("got %+v, want one event for each version", e)
		}
		b.measure(1000, 1000, nil)
		if e := b.events("metric"); len(e) != 4 || !strings.HasSuffix(e[3].Message, "again") {
			t.Errorf("got %+v, want it taken back for each version", e)
		}
		for range 20 {
			b.measure(0, 0, down)
			b.measure(1000, 1000, nil)
		}
		if e := b.events("metric"); len(e) != 4 {
			t.Errorf("got %d events from a flapping source, want none besides the first 4", len(e))
		}
		b.Measured(Measurement{Service: "shop", Version: "v2", Metric: "unknown", At: time.Now(), Err: down})
		b.Measured(Measurement{Service: "shop", Version: "v9", Metric: "orders", At: time.Now(), Err: down})
		b.Measured(Measurement{Service: "none", Version: "v2", Metric: "orders", At: time.Now(), Err: down})
	})
}

func TestAlertLeavesTheVersionItsShare(t *testing.T) {
	running(t, Options{}, one(guarded(t, `{action: alert, breach: {cpu_utilization: "> 90%"}}`)), func(b *bench) {
		b.untilCut(150, map[string]string{"v1": "cpu_utilization=0.1", "v2": "cpu_utilization=0.95"})
		b.wantState("v2", config.Active)
		if d := b.Decisions("shop"); len(d) != 1 || d[0].Action != "alert" {
			t.Errorf("got %+v, want one alert within five minutes", d)
		}
	})
}

func TestRowOfAPoint(t *testing.T) {
	begin := time.Unix(1_000_000, 0)
	for _, c := range []struct {
		name string
		in   []int // seconds of evaluations that breach; negative: one that does not
		full []int // when the row was full
	}{
		{"three windows", []int{0, 1, 5, 10, 15, 20}, []int{20}},
		{"one that does not", []int{0, 10, -15, 20, 30, 40}, []int{40}},
		{"no evidence for a while", []int{0, 10, 45}, []int{45}},
		{"no evidence for long", []int{0, 10, 60, 70}, nil},
		{"it begins anew after a full row", []int{0, 10, 20, 30, 40, 50}, []int{20, 50}},
	} {
		p := point{need: 3, apart: 10 * time.Second, gap: 40 * time.Second}
		var full []int
		for _, s := range c.in {
			if p.add(begin.Add(time.Duration(max(s, -s))*time.Second), s >= 0) {
				full = append(full, s)
			}
		}
		if len(full) != len(c.full) || len(full) > 0 && full[0] != c.full[0] {
			t.Errorf("%s: full at %v, want %v", c.name, full, c.full)
		}
	}
}

func TestCompare(t *testing.T) {
	none := math.NaN()
	for _, c := range []struct {
		th          config.Threshold
		own, stable float64
		want        finding
	}{
		{config.Threshold{Op: ">", Value: 5}, 6, none, finding{known: true, breaches: true, effect: 6, says: "6"}},
		{config.Threshold{Op: ">", Value: 5}, 6, 7, finding{known: true, breaches: true, environment: true, effect: 6, says: "6, stable 7"}},
		{config.Threshold{Op: ">=", Value: 5}, 5, 1, finding{known: true, breaches: true, effect: 5, says: "5, stable 1"}},
		{config.Threshold{Op: "<=", Value: 5}, 6, 1, finding{known: true, effect: 6, says: "6, stable 1"}},
		{config.Threshold{Op: ">", Ratio: 1.5}, 6, 3, finding{known: true, breaches: true, effect: 2, says: "6, stable 3"}},
		{config.Threshold{Op: ">", Ratio: 1.5}, 6, 0, finding{}},
		{config.Threshold{Op: ">", Ratio: 1.5}, 6, -3, finding{}},
		{config.Threshold{Op: ">", Ratio: 1.5}, 6, none, finding{}},
		{config.Threshold{Op: "<", Value: 5}, none, 3, finding{}},
	} {
		if got := compare(c.th, c.own, c.stable); got != c.want {
			t.Errorf("%+v of %v and %v: got %+v, want %+v", c.th, c.own, c.stable, got, c.want)
		}
	}
}
