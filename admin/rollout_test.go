package admin

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"sluice/config"
	"sluice/rollout"
)

// gated is a service whose rollout waits for a person before each stage.
const gated = `
listeners: [{address: "127.0.0.1:18080"}]
services:
  - name: shop
    routes: [{path: /}]
    stable: v1
    versions:
      - {name: v1, weight: 100, endpoints: ["http://127.0.0.1:9001"]}
      - {name: v2, weight: 0, endpoints: ["http://127.0.0.1:9002"], labels: {release: "2.0.0"}}
    sticky: {header: X-User}
    mirror: {to: v2, percent: 10}
    rollout:
      strategy: canary
      canary: v2
      preflight: off
      stages:
        - {name: initial, weight: 5, duration: 10m, approval: manual}
        - {name: final, weight: 50, duration: 10m, approval: manual}
    faults:
      - {name: slow, version: v2, percent: 50, duration: 10m, delay: 200ms}
      - {name: broken, version: v1, percent: 100, duration: 10m, abort: 503, traffic: all}
`

// waitingAt waits until the rollout of shop stands at a gate.
func (p *plant) waitingAt(gate string) rollout.Status {
	p.t.Helper()
	var st rollout.Status
	eventually(p.t, "waiting at "+gate, func() bool {
		st = p.controller.Rollout("shop")
		return st.Gate == gate
	})
	return st
}

func (p *plant) rolloutNow() (v rolloutView) {
	p.t.Helper()
	p.do("GET", "/api/v1/services/shop/rollout", "").into(p.t, &v)
	return v
}

func TestRolloutFromStartToEnd(t *testing.T) {
	p := startWith(t, gated, rollout.Options{}, nil)
	if v := p.rolloutNow(); v.Phase != phaseNone || v.Service != "shop" || v.ID != "" || v.Stage != -1 {
		t.Errorf("before the first: %+v", v)
	}
	const path = "/api/v1/services/shop/rollout"
	dry := p.do("POST", path+"?dry_run=true", `{"action":"start"}`)
	if dry.status != 200 || !strings.Contains(dry.body, `"dry_run":true`) || !strings.Contains(dry.body, `"canary":"v2"`) || p.controller.Rollout("shop").ID != "" {
		t.Errorf("dry run: %d %s", dry.status, dry.body)
	}
	r := p.do("POST", path, `{"action":"start","reason":"release 2.0.0"}`)
	var v rolloutView
	r.into(t, &v)
	if r.status != 200 || v.ID == "" || v.Canary != "v2" || v.From != "v1" || v.By != "api:local" || len(v.Stages) != 2 || r.header.Get("ETag") == "" {
		t.Fatalf("start: %d %s", r.status, r.body)
	}
	p.waitingAt("stage:initial")
	if r := p.do("PUT", "/api/v1/services/shop/weights", `{"weights":{"v1":50,"v2":50}}`); r.status != 409 || !strings.Contains(r.body, "rollout") {
		t.Errorf("weights while a rollout runs: %d %s, want 409 with the reason", r.status, r.body)
	}
	if r := p.do("POST", path, `{"action":"promote","reason":"looks good"}`, `If-Match: "stale"`); r.status != 412 || r.header.Get("ETag") == "" {
		t.Errorf("a stale tag: %d %s", r.status, r.body)
	}
	for _, meant := range []string{`"gate":"stage:final"`, `"id":"another"`, `"stage":"final"`, `"stage":"initial"`, `"stage":"final","gate":"stage:initial"`} {
		if r := p.do("POST", path, `{"action":"promote",`+meant+`}`); r.status != 409 || p.controller.Rollout("shop").Gate != "stage:initial" {
			t.Errorf("meant for %s: %d %s", meant, r.status, r.body)
		}
	}
	if r := p.do("POST", path, `{"action":"promote","gate":"stage:initial","stage":"initial","id":"`+v.ID+`"}`); r.status != 200 {
		t.Fatalf("promote: %d %s", r.status, r.body)
	}
	eventually(t, "running at 5 %", func() bool { v := p.rolloutNow(); return v.Phase == rollout.PhaseRunning && v.Weight == 5 })
	if w, _ := p.live.Weights("shop"); w.BP["v2"] != 500 {
		t.Errorf("live weights %v", w.BP)
	}
	for stage, want := range map[string]int{"initial": 200, "final": 409} {
		if r := p.do("POST", path+"?dry_run=true", `{"action":"promote","stage":"`+stage+`"}`); r.status != want {
			t.Errorf("to pass stage %s: %d %s, want %d", stage, r.status, r.body, want)
		}
	}
	for _, step := range []struct {
		action string
		phase  rollout.Phase
	}{{"pause", rollout.PhasePaused}, {"resume", rollout.PhaseRunning}, {"abort", rollout.PhaseAborted}} {
		r := p.do("POST", path, `{"action":"`+step.action+`"}`)
		r.into(t, &v)
		if r.status != 200 || v.Phase != step.phase {
			t.Errorf("%s: %d %s, want phase %s", step.action, r.status, r.body, step.phase)
		}
	}
	if w, _ := p.live.Weights("shop"); w.BP["v2"] != 0 {
		t.Errorf("after abort: live weights %v", w.BP)
	}
	if r := p.do("POST", path, `{"action":"abort"}`); r.status != 409 || !strings.Contains(r.body, "aborted") {
		t.Errorf("abort of what has ended: %d %s", r.status, r.body)
	}
	if r := p.do("POST", path, `{"action":"retry"}`); r.status != 200 {
		t.Errorf("retry: %d %s", r.status, r.body)
	}
	p.waitingAt("stage:initial")
	if r := p.do("POST", path, `{"action":"promote","full":true}`); r.status != 200 {
		t.Errorf("promote full: %d %s", r.status, r.body)
	}
	eventually(t, "promoted", func() bool { return p.rolloutNow().Phase == rollout.PhasePromoted })
	if r := p.do("POST", path, `{"action":"undo","reason":"too soon"}`); r.status != 200 {
		t.Errorf("undo: %d %s", r.status, r.body)
	}
	if w, _ := p.live.Weights("shop"); w.Stable != "v1" || w.BP["v1"] != 10000 {
		t.Errorf("after undo: %+v", w)
	}
	audit := p.audit.String()
	for _, want := range []string{"release 2.0.0", "promote: ", "abort: ", "undo: ", "no rollout"} {
		if !strings.Contains(audit, want) {
			t.Errorf("the audit lacks %q", want)
		}
	}
	if strings.Contains(audit, `version="\"\""`) {
		t.Error("an order that names no version is audited with one that is two quotes")
	}
	p.checkHistory(t)
}

// checkHistory looks at what TestRolloutFromStartToEnd left: one aborted, one promoted and taken back.
func (p *plant) checkHistory(t *testing.T) {
	t.Helper()
	var page historyView
	p.do("GET", "/api/v1/services/shop/rollout/history?limit=1", "").into(t, &page)
	if len(page.Rollouts) != 1 || page.Rollouts[0].Outcome != "promoted" || page.Next == "" {
		t.Fatalf("first page: %+v", page)
	}
	var rest historyView
	p.do("GET", "/api/v1/services/shop/rollout/history?limit=1&before="+page.Next, "").into(t, &rest)
	if len(rest.Rollouts) != 1 || rest.Rollouts[0].Outcome != "aborted" || rest.Next != "" {
		t.Fatalf("second page: %+v", rest)
	}
	var k kpisView
	p.do("GET", "/api/v1/kpis?window=1d&service=shop", "").into(t, &k)
	if k.Runs.Ended != 2 || k.Runs.Undone != 1 || k.ChangeFailureRate.Value == nil || *k.ChangeFailureRate.Value != 1 || k.Window != 86400 {
		t.Errorf("figures: %+v", k)
	}
	metrics := p.do("GET", "/metrics", "").body
	for _, want := range []string{
		`sluice_rollout_stage{service="shop"} 0`, `sluice_rollouts_total{outcome="aborted",service="shop"} 1`,
		`sluice_rollouts_total{outcome="promoted",service="shop"} 1`, `sluice_rollouts_total{outcome="superseded",service="shop"} 0`,
		`sluice_kpi_change_failure_ratio 1`,
	} {
		if !strings.Contains(metrics, "\n"+want+"\n") {
			t.Errorf("no %s", want)
		}
	}
}

func TestRolloutOrdersThatAreRefused(t *testing.T) {
	p := startWith(t, gated, rollout.Options{}, nil)
	for body, want := range map[string]string{
		`{}`:                                                             "422 action: missing",
		`{"action":"explode"}`:                                           "422 unknown action",
		`{"action":1}`:                                                   "400 action",
		`{"action":"start","gate":"promotion"}`:                          "422 id, stage, gate",
		`{"action":"start","stage":"initial"}`:                           "422 id, stage, gate",
		`{"action":"start","full":true}`:                                 "422 full",
		`{"action":"promote","full":"yes"}`:                              "400 full: got",
		`{"action":"pause","version":"v2"}`:                              "422 version: goes with",
		`{"action":"start","version":"v9"}`:                              "422 unknown version",
		`{"action":"start","version":"v1"}`:                              "409 stable already",
		`{"action":"pause"}`:                                             "409 no rollout",
		`{"action":"start","canary":"v2"}`:                               "400 unknown field",
		`{"action":"start","action":"abort"}`:                            "400 twice",
		`{"action":"start","reason":"` + strings.Repeat("x", 501) + `"}`: "422 reason",
	} {
		r := p.do("POST", "/api/v1/services/shop/rollout", body)
		status, words, _ := strings.Cut(want, " ")
		if http.StatusText(r.status) == "" || status != itoa(r.status) || !strings.Contains(r.body, words) {
			t.Errorf("%.60s: got %d %s, want %s", body, r.status, r.body, want)
		}
	}
	for path, want := range map[string]int{
		"/api/v1/services/nix/rollout": 404, "/api/v1/services/shop/rollout/history?limit=0": 400,
		"/api/v1/services/shop/rollout/history?before=x": 404, "/api/v1/kpis?window=0d": 400, "/api/v1/kpis?window=soon": 400,
		"/api/v1/kpis?window=99999d": 400, "/api/v1/kpis?service=nix": 404, "/api/v1/services/shop/scaling?version=v9": 404,
		"/api/v1/services/shop/assignment": 400, "/api/v1/services/shop/comparison": 404,
	} {
		if r := p.do("GET", path, ""); r.status != want {
			t.Errorf("GET %s: got %d %s, want %d", path, r.status, r.body, want)
		}
	}
}

func itoa(n int) string {
	return string([]byte{byte('0' + n/100), byte('0' + n/10%10), byte('0' + n%10)})
}

// hanging is an Outside whose hooks wait for a server that never answers.
type hanging struct {
	url     string
	waiting chan struct{} // gets one for each call
}

func (h hanging) Preflight(context.Context, rollout.Situation) []rollout.Check   { return nil }
func (h hanging) Smoke(context.Context, rollout.Situation) []rollout.SmokeResult { return nil }
func (h hanging) Call(ctx context.Context, at rollout.Situation) []rollout.HookResult {
	req, err := http.NewRequestWithContext(ctx, "POST", h.url, nil)
	if err != nil {
		return nil
	}
	select {
	case h.waiting <- struct{}{}:
	default:
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err == nil {
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
	return []rollout.HookResult{{Name: "deaf", Point: at.Point, OK: err == nil}}
}

// Abort by API takes effect while a hook hangs.
func TestAbortWhileAHookHangs(t *testing.T) {
	release := make(chan struct{})
	deaf := serve(t, func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	defer close(release)
	outside := hanging{url: deaf, waiting: make(chan struct{}, 1)}
	p := startWith(t, gated, rollout.Options{Outside: outside}, nil)
	p.do("POST", "/api/v1/services/shop/rollout", `{"action":"start"}`)
	<-outside.waiting
	began := time.Now()
	r := p.do("POST", "/api/v1/services/shop/rollout", `{"action":"abort"}`)
	var v rolloutView
	r.into(t, &v)
	if r.status != 200 || v.Phase != rollout.PhaseAborted || time.Since(began) > 5*time.Second {
		t.Errorf("got %d %s after %v", r.status, r.body, time.Since(began))
	}
	if w, _ := p.live.Weights("shop"); w.BP["v2"] != 0 {
		t.Errorf("weights %v", w.BP)
	}
}

func TestFaults(t *testing.T) {
	p := startWith(t, gated, rollout.Options{}, func(a *config.Admin, _ *Options) { a.Tokens = tokens })
	const path = "/api/v1/services/shop/faults"
	op, admin := as(1), as(2)
	var v faultsView
	p.do("GET", path, "", op).into(t, &v)
	if len(v.Declared) != 2 || len(v.Running) != 0 || v.Declared[0]["delay"] != "200ms" {
		t.Fatalf("got %+v", v)
	}
	for _, tc := range []struct {
		who, body, want string
		status          int
	}{
		{op, `{"name":"broken"}`, "want admin", 403},
		{op, `{"name":"nix"}`, "unknown experiment", 422},
		{op, `{}`, "name: missing", 422},
		{op, `{"name":"x","version":"v2","percent":10,"duration":"30s"}`, "no effect", 422},
		{op, `{"name":"x","version":"v2","percent":10,"duration":"9h","reset":true}`, "at most 1h", 422},
		{op, `{"name":"slow","reason":7}`, "reason", 400},
		{op, `{"name":"slow","reason":"game day"}`, `"running":[{"name":"slow"`, 200},
		{op, `{"name":"slow"}`, "runs already", 409},
		{op, `{"name":"more","version":"v2","percent":10,"duration":"30s","reset":true}`, "one at a time", 409},
		{admin, `{"name":"mine","version":"v1","percent":0.5,"duration":"30s","abort":500,"traffic":"all"}`, `"name":"mine"`, 200},
	} {
		if r := p.do("POST", path, tc.body, tc.who); r.status != tc.status || !strings.Contains(r.body, tc.want) {
			t.Errorf("%s: got %d %s, want %d with %q", tc.body, r.status, r.body, tc.status, tc.want)
		}
	}
	if got := p.live.Injections(); len(got) != 2 {
		t.Fatalf("in force: %+v", got)
	}
	if r := p.do("DELETE", path+"?name=slow&dry_run=true", "", op); r.status != 200 || strings.Contains(r.body, `"running":[{"name":"slow"`) || len(p.live.Injections()) != 2 {
		t.Errorf("dry run: %d %s", r.status, r.body)
	}
	if r := p.do("DELETE", path+"?name=nix", "", op); r.status != 404 {
		t.Errorf("an unknown one: %d %s", r.status, r.body)
	}
	if r := p.do("DELETE", path+"?name=slow", "", op); r.status != 200 || len(p.live.Injections()) != 1 {
		t.Errorf("end one: %d %s", r.status, r.body)
	}
	if r := p.do("DELETE", path, "", op); r.status != 200 || len(p.live.Injections()) != 0 {
		t.Errorf("end all: %d %s", r.status, r.body)
	}
	var told []string
	events, _ := p.controller.Journal().Since(0)
	for _, e := range events {
		if e.Type == "fault" {
			told = append(told, e.By+" "+e.Message)
		}
	}
	all := strings.Join(told, "\n")
	for _, want := range []string{"api:ci experiment slow begins: delay 200ms on 50 % of preview", "api:root experiment mine begins: status 500", "experiment slow is ended; 0 requests", "experiment mine is ended"} {
		if !strings.Contains(all, want) {
			t.Errorf("events lack %q:\n%s", want, all)
		}
	}
	if !strings.Contains(p.audit.String(), "game day") {
		t.Error("the audit lacks the reason")
	}
}

func TestAssignment(t *testing.T) {
	p := startWith(t, gated, rollout.Options{}, nil)
	var v assignmentView
	p.do("GET", "/api/v1/services/shop/assignment?key=alice", "").into(t, &v)
	if v != (assignmentView{Service: "shop", Key: "alice", Version: "v1", Why: "sticky"}) {
		t.Errorf("got %+v", v)
	}
	if err := p.live.SetWeights("shop", config.Weights{Stable: "v1", BP: map[string]int{"v2": 10000}}); err != nil {
		t.Fatal(err)
	}
	p.do("GET", "/api/v1/services/shop/assignment?key=alice", "").into(t, &v)
	if v.Version != "v2" {
		t.Errorf("at 100 %%: got %+v", v)
	}
	if r := p.do("GET", "/api/v1/services/shop/assignment?key=%01", ""); r.status != 422 {
		t.Errorf("no key: %d %s", r.status, r.body)
	}
}
