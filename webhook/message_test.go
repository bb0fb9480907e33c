package webhook

import (
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sluice/config"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew; then review them as prose")

func facts(point string) Facts {
	return Facts{
		ID: "shop-20261122T120000-1", Service: "shop", Strategy: "canary", Version: "v2", Stable: "v1", Phase: "running",
		Point: point, Stage: "expansion", Weight: 25.5, Key: "shop-20261122T120000-1/before_stage/1",
		Reason: `stage "initial" passed`, Labels: map[string]string{"release": "2.0.0", "build-id": "77"}, ConfigVersion: "abc123",
		Evidence: map[string]any{"requests": 1200, "failed": 3, "rate": 0.0025},
		Time:     time.Date(2026, 11, 22, 12, 0, 0, 0, time.FixedZone("CET", 3600)),
	}
}

func eventFacts() Facts {
	f := facts("event")
	f.Event = &Event{ID: 7, Time: time.UnixMilli(1_795_345_200_123), Type: "trip", Version: "v2", By: "guard",
		Message: "v2 cut after 9 of 9 attempts failed", Fields: map[string]any{"attempts": 9, "failures": 9}}
	return f
}

// golden compares with testdata/name. Field names and their presence are a contract with receivers.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	var out bytes.Buffer
	if err := json.Indent(&out, got, "", "  "); err != nil {
		t.Fatalf("%v: %s", err, got)
	}
	out.WriteByte('\n')
	path := filepath.Join("testdata", name)
	if *rewrite {
		if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(out.Bytes(), want) {
		t.Errorf("%s: got\n%s\nwant\n%s", name, out.Bytes(), want)
	}
}

func TestMessages(t *testing.T) {
	promoted := facts("after_rollout")
	promoted.Phase = "promoted"
	for _, tt := range []struct {
		file        string
		hook        config.Hook
		facts       Facts
		contentType string
	}{
		{"json.json", config.Hook{Name: "load-test"}, facts("before_stage"), "application/json"},
		{"json-event.json", config.Hook{Name: "audit", Format: "json"}, eventFacts(), "application/json"},
		// cloudevents/spec v1.0, spec.md (required: id, source, specversion, type) and json-format.md.
		{"cloudevents.json", config.Hook{Name: "bus", Format: "cloudevents"}, facts("before_stage"), "application/cloudevents+json"},
		{"cloudevents-event.json", config.Hook{Name: "bus", Format: "cloudevents"}, eventFacts(), "application/cloudevents+json"},
		// fluxcd/flagger, pkg/apis/flagger/v1beta1, CanaryWebhookPayload; pkg/controller/webhook.go.
		{"flagger.json", config.Hook{Name: "gate", Format: "flagger"}, facts("confirm_stage"), "application/json"},
		{"flagger-metadata.json", config.Hook{Name: "gate", Format: "flagger", Metadata: map[string]string{"cmd": "hey -z 1m", "namespace": "test"}}, promoted, "application/json"},
		{"flagger-event.json", config.Hook{Name: "gate", Format: "flagger", Metadata: map[string]string{"team": "shop", "eventType": "mine"}}, eventFacts(), "application/json"},
	} {
		t.Run(tt.file, func(t *testing.T) {
			body, contentType, err := Message(tt.hook, tt.facts)
			if err != nil || contentType != tt.contentType {
				t.Fatalf("got %s, %v", contentType, err)
			}
			golden(t, tt.file, body)
		})
	}
}

func TestFlaggerDoesNotTouchTheConfiguration(t *testing.T) {
	hook := config.Hook{Format: "flagger", Metadata: map[string]string{"team": "shop"}}
	if _, _, err := Message(hook, eventFacts()); err != nil || len(hook.Metadata) != 1 {
		t.Errorf("got %v, %v", hook.Metadata, err)
	}
}

func TestFlaggerChecksum(t *testing.T) {
	a, b := facts("confirm_stage"), facts("after_rollout")
	b.ID, b.Weight, b.ConfigVersion = "another run", 100, "def"
	if a.checksum() != b.checksum() {
		t.Error("one revision has two checksums")
	}
	b.Labels = map[string]string{"release": "2.0.1"}
	if a.checksum() == b.checksum() {
		t.Error("two revisions have one checksum")
	}
}

func TestFlaggerPhases(t *testing.T) {
	for _, tt := range []struct{ point, phase, want string }{
		{"confirm_rollout", "checking", "Initialized"}, {"confirm_rollout", "waiting", "Waiting"},
		{"before_rollout", "checking", "Progressing"}, {"during_stage", "running", "Progressing"},
		{"confirm_stage", "waiting", "Progressing"}, {"confirm_promotion", "waiting", "Progressing"},
		{"rollback_query", "running", "Progressing"}, {"rollback_query", "waiting", "Waiting"}, {"rollback_query", "paused", "Waiting"},
		{"after_rollout", "promoted", "Succeeded"}, {"after_rollout", "completed", "Succeeded"},
		{"after_rollout", "rolled_back", "Failed"}, {"after_rollout", "aborted", "Failed"}, {"after_rollout", "superseded", "Failed"},
		{"event", "running", "Progressing"}, {"event", "promoted", "Succeeded"}, {"rollback", "rolled_back", "Failed"},
	} {
		f := Facts{Point: tt.point, Phase: tt.phase}
		if got := f.flaggerPhase(); got != tt.want {
			t.Errorf("%s in %s: got %s, want %s", tt.point, tt.phase, got, tt.want)
		}
	}
}

func TestEvidenceThatJSONCannotHold(t *testing.T) {
	f := facts("before_stage")
	f.Evidence = map[string]any{"requests": 12, "bound": math.Inf(1)}
	body, _, err := Message(config.Hook{}, f)
	if err != nil {
		t.Fatal(err)
	}
	var got struct{ Evidence map[string]any }
	if err := json.Unmarshal(body, &got); err != nil || got.Evidence["requests"] != 12.0 || !strings.Contains(got.Evidence["bound"].(string), "can't be shown") {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestBodyOfItsOwn(t *testing.T) {
	hook := config.Hook{Name: "load-test", Format: "flagger", Body: map[string]any{
		"text":  "${service}: ${version} at ${weight} % ($$5, 100$)",
		"deep":  []any{"${label_build_id}", map[string]any{"why": "${reason}"}, 7, 0.5, true, nil},
		"rate":  "${evidence_rate}",
		"all":   "${evidence}",
		"said":  "labels: ${labels}",
		"plain": "$service",
		"key":   "${key}",
		"when":  "${time}",
	}}
	body, contentType, err := Message(hook, facts("before_stage"))
	if err != nil || contentType != "application/json" {
		t.Fatalf("got %s, %v", contentType, err)
	}
	golden(t, "body.json", body)
	if hook.Body.(map[string]any)["rate"] != "${evidence_rate}" {
		t.Error("the configuration was changed")
	}
}

func TestBodyOfAnEvent(t *testing.T) {
	hook := config.Hook{Body: map[string]any{"text": "${event_type} of ${event_version} by ${event_by} at ${event_time}: ${event_message}"}}
	for want, f := range map[string]Facts{
		`{"text":"trip of v2 by guard at 2026-11-22T11:00:00.123Z: v2 cut after 9 of 9 attempts failed"}`: eventFacts(),
		`{"text":" of  by  at : "}`: facts("before_stage"),
	} {
		if body, _, err := Message(hook, f); err != nil || string(body) != want {
			t.Errorf("got %s, %v, want %s", body, err, want)
		}
	}
}

// TestVariablesAreThoseOfTheConfiguration: what validate lets through must be filled in, and the other way round.
func TestVariablesAreThoseOfTheConfiguration(t *testing.T) {
	f := eventFacts()
	for name := range f.variables(config.Hook{}) {
		text := "services: [{name: shop, routes: [{path: /}], stable: v1, versions: [{name: v1, weight: 100, endpoints: ['http://127.0.0.1:1']}, {name: v2, weight: 0, endpoints: ['http://127.0.0.1:2'], labels: {release: '1', build-id: '2'}}],\n" +
			" rollout: {strategy: canary, canary: v2, stages: progressive, hooks: [{name: a, on: event, url: 'http://127.0.0.1:3', body: {x: '${" + name + "}'}}]}}]\n"
		path := filepath.Join(t.TempDir(), "sluice.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := config.Load(path); err != nil {
			t.Errorf("${%s}: %v", name, err)
		}
	}
}

func TestBodyCannotBeBrokenOutOf(t *testing.T) {
	f := facts("before_stage")
	f.Reason = `"},"admin":true,{"x":"${id}\`
	body, _, err := Message(config.Hook{Body: map[string]any{"reason": "${reason}"}}, f)
	var got map[string]any
	if err != nil || json.Unmarshal(body, &got) != nil || len(got) != 1 || got["reason"] != f.Reason {
		t.Errorf("got %s, %v", body, err)
	}
}

func TestBodiesThatCannotBeFilled(t *testing.T) {
	for in, want := range map[string]string{
		"${nobody}":         "got ${nobody}, want one of config_version, event_by",
		"${label_missing}":  "got ${label_missing}",
		"${evidence_none}":  "got ${evidence_none}",
		"${open":            "got ${open",
		"x ${a${service}} ": "got ${a${service}",
	} {
		_, _, err := Message(config.Hook{Body: []any{map[string]any{"a": in}}}, facts("before_stage"))
		if err == nil || !strings.HasPrefix(err.Error(), "body: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", in, err, want)
		}
	}
	for _, body := range []any{map[string]any{"a": math.NaN()}, strings.Repeat("x", maxBody)} {
		if _, _, err := Message(config.Hook{Body: body}, facts("before_stage")); err == nil {
			t.Error("got no error")
		}
	}
	if _, _, err := Message(config.Hook{Format: "xml"}, facts("before_stage")); err == nil {
		t.Error("an unknown format: got no error")
	}
}

func TestCall(t *testing.T) {
	type sent struct {
		header http.Header
		body   []byte
	}
	got := make(chan sent, 1)
	code := 204
	s, count := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- sent{r.Header, body}
		w.WriteHeader(code)
	})
	hook := config.Hook{Name: "gate", URL: s.URL, Secret: "key", Timeout: time.Second}
	if r := quick().Call(t.Context(), hook, facts("confirm_stage")); !r.OK || r.Status != 204 {
		t.Errorf("json: got %+v, want 204 to pass", r)
	}
	g := <-got
	if err := Verify("key", g.header, g.body, time.Now(), 0); err != nil {
		t.Error(err)
	}
	if g.header.Get("Sluice-Event") != "confirm_stage" || g.header.Get("Sluice-Delivery") != "shop-20261122T120000-1/before_stage/1/gate" {
		t.Errorf("got %v", g.header)
	}
	golden(t, "call.json", g.body)

	hook.Format = "flagger"
	if r := quick().Call(t.Context(), hook, facts("confirm_stage")); r.OK || r.Message != "answered 204" {
		t.Errorf("flagger: got %+v, want 204 to fail", r)
	}
	<-got
	hook.Body = "${nobody}"
	if r := quick().Call(t.Context(), hook, facts("confirm_stage")); r.OK || r.Attempts != 0 || count.Load() != 2 {
		t.Errorf("a body that can't be filled: got %+v after %d requests", r, count.Load())
	}
}

func FuzzFill(f *testing.F) {
	for _, seed := range []string{"", "$", "$$", "${", "${}", "${service}", "a${service}b$${x}$", "${evidence}"} {
		f.Add(seed, "value")
	}
	f.Fuzz(func(t *testing.T, in, value string) {
		vars := map[string]any{"service": value, "evidence": map[string]any{"a": value}}
		out, err := fill(map[string]any{"x": in}, vars)
		if err != nil {
			return
		}
		if _, err := json.Marshal(out); err != nil {
			t.Fatalf("%q: %v", in, err)
		}
		if !strings.Contains(in, "$") && out.(map[string]any)["x"] != in {
			t.Fatalf("%q: got %v", in, out)
		}
	})
}
