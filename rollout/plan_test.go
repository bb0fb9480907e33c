package rollout

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"sluice/config"
)

// service reads a service with the given rollout block.
func rolloutService(t *testing.T, block string, more ...string) *config.Service {
	t.Helper()
	text := `listeners: [{address: "127.0.0.1:0"}]
services:
  - name: shop
    routes: [{path: /}]
    stable: v1
    versions:
      - {name: v1, weight: 100, endpoints: ["http://127.0.0.1:1"]}
      - {name: v2, weight: 0, endpoints: ["http://127.0.0.1:2", "http://127.0.0.1:3", "http://127.0.0.1:4"]}
` + strings.Join(more, "\n") + "\n    rollout: " + block + "\n"
	c, err := config.Parse("f", []byte(text), config.ParseOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return &c.Services[0]
}

// outline is an itinerary's stages in one line.
func outline(it itinerary) string {
	var out []string
	for _, l := range it.Stages {
		text := fmt.Sprintf("%s:%s%%", l.Name, share(l.WeightBP))
		if l.Duration > 0 {
			text += ":" + l.Duration.String()
		}
		if l.MinRequests > 0 {
			text += fmt.Sprintf(":%d", l.MinRequests)
		}
		if l.Endpoints > 0 {
			text += fmt.Sprintf(":%d ready", l.Endpoints)
		}
		for word, is := range map[string]bool{"test": l.Test, "lasts": l.Lasts, "gate": l.Approval != nil} {
			if is {
				text += ":" + word
			}
		}
		out = append(out, text)
	}
	return strings.Join(out, " ")
}

func TestCompileStages(t *testing.T) {
	tests := []struct{ name, block, want string }{
		{"stages", "{strategy: canary, canary: v2, stages: [{name: a, weight: 5, duration: 10m, min_requests: 500}, {name: b, weight: 100, approval: manual}]}", "a:5%:10m0s:500 b:100%:gate"},
		{"nothing said", "{strategy: canary, canary: v2}", "stage-1:5%:10m0s stage-2:25%:10m0s stage-3:50%:10m0s stage-4:75%:10m0s stage-5:100%:10m0s"},
		{"progressive", "{strategy: canary, canary: v2, stages: progressive}", "stage-1:5%:10m0s stage-2:25%:10m0s stage-3:50%:10m0s stage-4:75%:10m0s stage-5:100%:10m0s"},
		{"linear", "{strategy: canary, canary: v2, stages: {linear: 40, every: 1m}}", "stage-1:40%:1m0s stage-2:80%:1m0s stage-3:100%:1m0s"},
		{"AWS canary", "{strategy: canary, canary: v2, stages: Canary10Percent5Minutes}", "stage-1:10%:5m0s stage-2:100%"},
		{"AWS linear", "{strategy: canary, canary: v2, stages: Linear50PercentEvery1Minute}", "stage-1:50%:1m0s stage-2:100%:1m0s"},
		{"AWS at once", "{strategy: canary, canary: v2, stages: AllAtOnce}", "stage-1:100%"},
		{"blue_green", "{strategy: blue_green, canary: v2, duration: 5m, min_requests: 20}", "preview:0%:5m0s:20:test"},
		{"ab_test", "{strategy: ab_test, canary: v2, stages: [{name: small, weight: 10, duration: 1h}, {name: half, weight: 50}]}", "small:10%:1h0m0s half:50%:lasts"},
		{"rolling", "{strategy: rolling, canary: v2, duration: 30s, min_requests: 10}", "endpoint-1:33.33%:30s:10:1 ready endpoint-2:66.67%:30s:10:2 ready endpoint-3:100%:30s:10:3 ready"},
		{"rolling, one may be missing", "{strategy: rolling, canary: v2, duration: 30s, max_unavailable: 1}", "endpoint-1:33.33%:30s:1 ready endpoint-2:66.67%:30s:2 ready endpoint-3:100%:30s:2 ready"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			it, err := compile(rolloutService(t, tt.block), "v2", "v1")
			if err != nil {
				t.Fatal(err)
			}
			if got := outline(it); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if !it.Promotes || it.Canary != "v2" || it.From != "v1" {
				t.Errorf("got %+v", it)
			}
		})
	}
}

func TestCompileShadow(t *testing.T) {
	s := rolloutService(t, "{strategy: shadow, canary: v2, duration: 1h, max_difference: 0.5%}", "    mirror: {to: v2, percent: 10, compare: true}")
	s.Rollout.MinRequests = 0
	it, err := compile(s, "v2", "v1")
	if err != nil {
		t.Fatal(err)
	}
	if got := outline(it); got != "shadow:0%:1h0m0s:1" || it.Promotes || it.MaxDiff != 0.005 {
		t.Errorf("got %s of %+v, want a shadow that promotes nothing and compares something", got, it)
	}
}

func TestCompileSettings(t *testing.T) {
	it, err := compile(rolloutService(t, `
      strategy: canary
      canary: v2
      approval: {timeout: 1h, then: promote}
      max_wait: 3h
      max_tripped: 8m
      on_failure: pause
      analysis: none
      standby: 7m
      preflight: warn
      stages: [{name: a, weight: 5, success: {error_rate: "< 5%"}}, {name: b, weight: 100}]
      success: {error_rate: "< 1%", p99_latency: "< 500ms"}
      hooks:
        - {name: h1, on: confirm_stage, url: "http://h/", interval: 30s}
        - {name: h2, on: confirm_stage, url: "http://h/", interval: 20s}
        - {name: h3, on: during_stage, url: "http://h/"}
        - {name: h4, on: before_stage, url: "http://h/"}`, "    guard: {action: alert}"), "v2", "v1")
	if err != nil {
		t.Fatal(err)
	}
	checks := []struct {
		name      string
		got, want any
	}{
		{"approval", it.Approval, &gate{Timeout: time.Hour, Promote: true}},
		{"max_wait", it.MaxWait, 3 * time.Hour},
		{"max_tripped", it.MaxTrip, 8 * time.Minute},
		{"on_failure", it.Pauses, true},
		{"analysis", it.Evidence, false},
		{"standby", it.Standby, 7 * time.Minute},
		{"preflight", it.Enforce, false},
		{"action", it.Alerts, true},
		{"asks", it.Asks, map[string]time.Duration{PointConfirmStage: 20 * time.Second, PointDuringStage: 10 * time.Second}},
		{"own success", texts(it.Stages[0].Success), map[string]string{"error_rate": "< 5%", "p99_latency": "< 500ms"}},
		{"success", texts(it.Stages[1].Success), map[string]string{"error_rate": "< 1%", "p99_latency": "< 500ms"}},
	}
	for _, check := range checks {
		if !reflect.DeepEqual(check.got, check.want) {
			t.Errorf("%s: got %+v, want %+v", check.name, check.got, check.want)
		}
	}
}

func TestCompileDefaults(t *testing.T) {
	it, err := compile(rolloutService(t, "{strategy: canary, canary: v2}"), "v2", "v1")
	if err != nil {
		t.Fatal(err)
	}
	if it.Approval != nil || it.Pauses || !it.Evidence || !it.Enforce || it.Alerts || it.Asks != nil ||
		it.MaxWait != 2*time.Hour || it.Standby != 10*time.Minute {
		t.Errorf("got %+v", it)
	}
}

func texts(c config.Criteria) map[string]string {
	out := map[string]string{}
	for metric, all := range c {
		for _, one := range all {
			out[metric] += one.Text
		}
	}
	return out
}

// A plan is saved with its run: what comes back from the disk is the same plan.
func TestPlanOutlivesTheProcess(t *testing.T) {
	it, err := compile(rolloutService(t, `{strategy: canary, canary: v2, success: {error_rate: ["< 1%", "< 1.2x stable"], p99_latency: "< 500ms", expression: "p99.canary < 2 * p99.stable"}}`), "v2", "v1")
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(it)
	if err != nil {
		t.Fatal(err)
	}
	var back itinerary
	if err := json.Unmarshal(raw, &back); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(back)
	if err != nil {
		t.Fatal(err)
	}
	if string(again) != string(raw) {
		t.Errorf("got  %s\nwant %s", again, raw)
	}
	e := back.Stages[0].Success["expression"][0].Expression
	if holds, known := e.Holds(config.Figures{P99: 100}, config.Figures{P99: 90}); !holds || !known {
		t.Errorf("got %v, %v, want the expression to hold", holds, known)
	}
}

// A later rollout goes the other way: the declared stable is its candidate.
func TestCompileTheOtherWay(t *testing.T) {
	it, err := compile(rolloutService(t, "{strategy: rolling, canary: v2, duration: 1s}"), "v1", "v2")
	if err != nil {
		t.Fatal(err)
	}
	if got := outline(it); it.Canary != "v1" || it.From != "v2" || got != "endpoint-1:100%:1s:1 ready" {
		t.Errorf("got %s, %+v", got, it)
	}
}

func TestCompileRefuses(t *testing.T) {
	canary := "{strategy: canary, canary: v2}"
	none := rolloutService(t, canary)
	none.Rollout = nil
	empty := rolloutService(t, canary)
	empty.Rollout.Stages = nil
	tests := []struct {
		name           string
		cfg            *config.Service
		canary, stable string
		want           error
		says           string
	}{
		{"no rollout", none, "v2", "v1", ErrInvalid, "service shop has no rollout"},
		{"no such version", rolloutService(t, canary), "v9", "v1", ErrUnknown, "v9"},
		{"no such stable", rolloutService(t, canary), "v2", "v9", ErrUnknown, "v9"},
		{"stable already", rolloutService(t, canary), "v2", "v2", ErrConflict, "stable already"},
		{"no stages", empty, "v2", "v1", ErrInvalid, "without stages"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			it, err := compile(tt.cfg, tt.canary, tt.stable)
			if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v, want %v that says %q", err, tt.want, tt.says)
			}
			if !reflect.DeepEqual(it, itinerary{}) {
				t.Errorf("got %+v beside the error", it)
			}
		})
	}
}

// One leg a thousand endpoints: each adds something, the last reaches the whole.
func TestRollingLegsRise(t *testing.T) {
	for _, n := range []int{1, 2, 3, 7, 100, 1000} {
		for _, missing := range []int{0, 1, n, 2 * n, -1} {
			all := rollingLegs(leg{}, n, missing)
			last := leg{}
			for i, l := range all {
				if l.WeightBP <= last.WeightBP || l.Endpoints < max(1, last.Endpoints) || l.Endpoints > i+1 {
					t.Fatalf("%d endpoints, %d may be missing: %+v after %+v", n, missing, l, last)
				}
				last = l
			}
			if want := max(1, n-max(0, missing)); last.WeightBP != wholeBP || last.Endpoints != want {
				t.Errorf("%d endpoints, %d may be missing: got %+v at last, want %d ready", n, missing, last, want)
			}
		}
	}
}
