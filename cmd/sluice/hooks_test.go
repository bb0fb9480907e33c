package main

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"sluice/config"
	"sluice/notify"
	"sluice/rollout"
	"sluice/webhook"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

const toldWithin = 10 * time.Second

// heard is one request that a receiver got.
type heard struct {
	path   string
	header http.Header
	body   []byte
}

// receiver answers 200, and 500 below /no.
func receiver(t *testing.T) (url string, got chan heard) {
	t.Helper()
	got = make(chan heard, 100)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if strings.HasPrefix(r.URL.Path, "/no") {
			w.WriteHeader(http.StatusForbidden)
		}
		got <- heard{r.URL.Path, r.Header, body}
	}))
	t.Cleanup(s.Close)
	return s.URL, got
}

func paths(got chan heard) string {
	var all []string
	for len(got) > 0 {
		all = append(all, (<-got).path)
	}
	return strings.Join(all, " ")
}

func inForce(r *config.Rollout) func() *config.Config {
	cfg := &config.Config{Version: "abc", Services: []config.Service{{Name: "bare"}, {Name: "shop", Stable: "v1", Rollout: r}}}
	return func() *config.Config { return cfg }
}

func TestHooksOfAPoint(t *testing.T) {
	url, got := receiver(t)
	hook := func(name, on, path, format string, stages ...string) config.Hook {
		return config.Hook{Name: name, On: on, URL: url + path, Format: format, Stages: stages}
	}
	h := newHooks(inForce(&config.Rollout{Hooks: []config.Hook{
		hook("a", "before_stage", "/a", "json"), hook("b", "before_stage", "/b", "json", "final"), hook("c", "before_stage", "/c", "cloudevents", "initial", "final"),
		hook("d", "after_stage", "/d", "json"), hook("e", "after_stage", "/no/e", "json"), hook("f", "after_stage", "/f", "json"),
		hook("g", "rollback", "/no/g", "flagger"), hook("h", "rollback", "/h", "json"), hook("i", "rollback", "/i", "flagger"), hook("j", "rollback", "/j", "flagger"),
		hook("k", "confirm_promotion", "/no/k", "flagger"),
	}}))
	for _, tt := range []struct {
		name, service, point, stage, called, results string
	}{
		{"all of the point and stage", "shop", "before_stage", "initial", "/a /c", "a+ c+"},
		{"another stage", "shop", "before_stage", "final", "/a /b /c", "a+ b+ c+"},
		{"the first that fails ends it", "shop", "after_stage", "initial", "/d /no/e", "d+ e-"},
		{"a rollback is told", "shop", "rollback", "", "/h", "h+"},
		{"flagger's are asked until one says yes", "shop", "rollback_query", "", "/no/g /i", "i+"},
		{"a gate that says no", "shop", "confirm_promotion", "", "/no/k", "k-"},
		{"none at the point", "shop", "event", "", "", ""},
		{"a service without a rollout", "bare", "before_stage", "", "", ""},
		{"a service that left", "gone", "before_stage", "", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var results []string
			for _, r := range h.Call(t.Context(), rollout.Situation{Service: tt.service, Point: tt.point, Stage: tt.stage, Key: "key"}) {
				sign := "-"
				if r.OK {
					sign = "+"
				}
				results = append(results, r.Name+sign)
				if r.Point != tt.point || r.Stage != tt.stage || r.Attempts != 1 || r.Status == 0 || r.Took <= 0 || r.Time.IsZero() {
					t.Errorf("got %+v", r)
				}
			}
			if called, got := paths(got), strings.Join(results, " "); called != tt.called || got != tt.results {
				t.Errorf("got %q called and %q, want %q and %q", called, got, tt.called, tt.results)
			}
		})
	}
}

// Blue and green take turns: a hook may belong to one of them.
func TestHooksOfAVersion(t *testing.T) {
	url, got := receiver(t)
	h := newHooks(inForce(&config.Rollout{Hooks: []config.Hook{
		{Name: "a", On: "rollback", URL: url + "/a"}, {Name: "b", On: "rollback", URL: url + "/b", Versions: []string{"v2", "v3"}}, {Name: "c", On: "rollback", URL: url + "/c", Versions: []string{"v1"}},
	}}))
	for canary, want := range map[string]string{"v1": "/a /c", "v2": "/a /b", "v4": "/a"} {
		h.Call(t.Context(), rollout.Situation{Service: "shop", Point: "rollback", Canary: canary})
		if called := paths(got); called != want {
			t.Errorf("a rollout of %s: got %q called, want %q", canary, called, want)
		}
	}
}

func TestHookIsToldTheSituation(t *testing.T) {
	url, got := receiver(t)
	h := newHooks(inForce(&config.Rollout{Hooks: []config.Hook{{Name: "gate", On: "confirm_stage", URL: url, Secret: "key", Timeout: time.Second}}}))
	at := rollout.Situation{
		ID: "shop-1", Service: "shop", Strategy: "canary", Canary: "v2", Stable: "v1", Phase: rollout.PhaseWaiting, Point: "confirm_stage", Stage: "final",
		Weight: 25, Key: "shop-1/9", Reason: "waits", Labels: map[string]string{"release": "2"}, ConfigVersion: "abc", Evidence: map[string]any{"requests": 12},
		Event: &rollout.Event{ID: 3, Type: "stage", Message: "m"},
	}
	if r := h.Call(t.Context(), at); len(r) != 1 || !r[0].OK {
		t.Fatalf("got %+v", r)
	}
	g := <-got
	if err := webhook.Verify("key", g.header, g.body, time.Now(), 0); err != nil {
		t.Error(err)
	}
	var body map[string]any
	if err := json.Unmarshal(g.body, &body); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{"id": "shop-1", "service": "shop", "strategy": "canary", "version": "v2", "stable": "v1", "phase": "waiting",
		"point": "confirm_stage", "stage": "final", "weight": 25.0, "key": "shop-1/9/gate", "reason": "waits", "config_version": "abc"} {
		if body[name] != want {
			t.Errorf("%s: got %v, want %v", name, body[name], want)
		}
	}
	if g.header.Get("User-Agent") != "sluice/"+version || body["event"].(map[string]any)["id"] != 3.0 || body["labels"].(map[string]any)["release"] != "2" {
		t.Errorf("got %v, %s", g.header, g.body)
	}
}

func TestHookEndsWithItsContext(t *testing.T) {
	release := make(chan struct{})
	arrived := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(arrived)
		<-release
	}))
	t.Cleanup(s.Close)
	t.Cleanup(func() { close(release) })
	h := newHooks(inForce(&config.Rollout{Hooks: []config.Hook{
		{Name: "a", On: "before_stage", URL: s.URL, Timeout: time.Hour, Retries: 20}, {Name: "b", On: "before_stage", URL: s.URL},
	}}))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan []rollout.HookResult, 1)
	go func() { done <- h.Call(ctx, rollout.Situation{Service: "shop", Point: "before_stage"}) }()
	<-arrived
	cancel()
	select {
	case r := <-done:
		if len(r) != 1 || r[0].OK {
			t.Errorf("got %+v", r)
		}
	case <-time.After(toldWithin):
		t.Error("a hook that hangs holds up who asked")
	}
}

func TestJournalIsTold(t *testing.T) {
	url, got := receiver(t)
	cfg := inForce(&config.Rollout{Notify: []config.Notify{{Type: "webhook", URL: config.Secret(url), On: []string{"approval", "alert"}}}})
	cfg().Admin.PublicURL = "https://sluice.example/"
	sender := notify.New(notify.Options{})
	sender.Watch(cfg().Services)
	journal := &rollout.Journal{}
	journal.Add(rollout.Event{Type: "alert", Message: "before anybody listened"})
	teller := &teller{journal: journal, config: cfg, sender: sender, logger: slog.New(slog.DiscardHandler),
		links: func(service, id, gate string) (string, string) {
			return "https://sluice.example/links/" + strings.Join([]string{service, id, gate}, "."), "https://sluice.example/links/abort"
		}}
	var parts lifetimes
	parts.start(context.Background(), "notifications", sender.Run)
	parts.start(context.Background(), "events", teller.Run)

	journal.Add(rollout.Event{Type: "weights", Service: "shop", Message: "nobody wants it"})
	journal.Add(rollout.Event{Type: "approval", Service: "shop", Version: "v2", Message: "waits", Fields: map[string]any{"id": "shop-1", "gate": "stage:final"}})
	if err := parts.stop(); err != nil { // what is in the journal by now is told nevertheless
		t.Fatal(err)
	}
	type told struct {
		Type, Message string
		Config        string `json:"config_version"`
		Links         notify.Links
	}
	var all [2]told
	for i := range all {
		select {
		case g := <-got:
			if err := json.Unmarshal(g.body, &all[i]); err != nil {
				t.Fatal(err)
			}
		default:
			t.Fatalf("only %d were told", i)
		}
	}
	page := "https://sluice.example/"
	want := [2]told{
		{"alert", "before anybody listened", "abc", notify.Links{Page: page}},
		{"approval", "waits", "abc", notify.Links{Approve: page + "links/shop.shop-1.stage:final", Abort: page + "links/abort", Page: page}},
	}
	if all != want || len(got) != 0 {
		t.Errorf("got %+v and %d more, want %+v", all, len(got), want)
	}
	const figures = `
# HELP sluice_notifications_suppressed_total Notifications held back, as the same had been told within a minute.
# TYPE sluice_notifications_suppressed_total counter
sluice_notifications_suppressed_total 0
`
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(notificationFigures(sender))
	if err := testutil.GatherAndCompare(registry, strings.NewReader(figures), "sluice_notifications_suppressed_total"); err != nil {
		t.Error(err)
	}
	if n, err := testutil.GatherAndCount(registry, "sluice_notifications_total"); n != 15 || err != nil {
		t.Errorf("got %d series, %v", n, err)
	}
}

// TestHooksDocument keeps docs/HOOKS.md true: its file is valid, its message is the one that is sent, its signature verifies.
func TestHooksDocument(t *testing.T) {
	text := document(t, "docs/HOOKS.md")
	for _, block := range fenced(text, "yaml") {
		path := filepath.Join(t.TempDir(), "sluice.yaml")
		if err := os.WriteFile(path, []byte(block), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := config.Load(path); err != nil {
			t.Error(err)
		}
	}
	var shown, sent map[string]any
	if err := json.Unmarshal([]byte(fenced(text, "json")[0]), &shown); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(document(t, "webhook/testdata/json.json")), &sent); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(shown, sent) {
		t.Errorf("the document shows %v, and sent is %v", shown, sent)
	}
	if signature := webhook.Sign("key", "1800000000", []byte(`{"a":1}`)); !strings.Contains(text, "`"+signature+"`") {
		t.Errorf("the document's signature is not %s", signature)
	}
}
