package notify

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"go.uber.org/goleak"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew; then review them as prose")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func rolledBack() Note {
	return Note{
		ID: 1830412345344, Time: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), Type: "rollback", Service: "shop", Version: "v2", By: "guard",
		Message: "v2 quarantined: error_rate > 1.5x stable & rising <fast>", ConfigVersion: "abc123",
		Fields: map[string]any{
			"metric": "error_rate", "threshold": "> 1.5x stable", "evidence": 1.25e6, "bound": 1e6,
			"requests": uint64(400), "failed": uint64(12), "rate": 0.03, "stable_requests": uint64(4000), "stable_failed": uint64(2), "stable_rate": 0.0005,
			"p99_ms": 120.5, "since": time.Date(2026, 11, 22, 11, 59, 0, 0, time.UTC), "request_ids": []string{"a1", "b2"},
		},
	}
}

func approval() Note {
	return Note{
		ID: 7, Time: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), Type: "approval", Service: "shop", Version: "v2", Message: "stage expansion waits for approval",
		Links: Links{Approve: "https://sluice.example/links/a?x=1&y=2", Abort: "https://sluice.example/links/b", Page: "https://sluice.example/"},
	}
}

// TestFormats keeps what is sent as it is. The schemas are those of docs.slack.dev (Block Kit),
// adaptivecards.io 1.4 within learn.microsoft.com's message for Workflows, discord.com/developers (Execute
// Webhook, embed), and cloudevents/spec v1.0 (json-format.md).
func TestFormats(t *testing.T) {
	repeated := rolledBack()
	repeated.repeats = 3
	for kind, contentType := range map[string]string{
		typeSlack: contentJSON, typeTeams: contentJSON, typeDiscord: contentJSON, typeWebhook: contentJSON, typeCloudEvents: "application/cloudevents+json",
	} {
		for name, n := range map[string]Note{"rollback": rolledBack(), "approval": approval(), "repeated": repeated} {
			t.Run(kind+" "+name, func(t *testing.T) {
				body, got, err := render(kind, &n)
				if err != nil || got != contentType {
					t.Fatalf("got %s, %v", got, err)
				}
				golden(t, kind+"-"+name+".json", body)
			})
		}
	}
}

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

// texts are all strings of a JSON tree, with the key that each stands under.
func texts(v any, key string, into map[string][]string) {
	switch v := v.(type) {
	case string:
		into[key] = append(into[key], v)
	case []any:
		for _, item := range v {
			texts(item, key, into)
		}
	case map[string]any:
		for name, item := range v {
			texts(item, name, into)
		}
	}
}

func rendered(t *testing.T, kind string, n Note) (map[string][]string, []byte) {
	t.Helper()
	body, _, err := render(kind, &n)
	if err != nil {
		t.Fatal(err)
	}
	var tree any
	if err := json.Unmarshal(body, &tree); err != nil {
		t.Fatal(err)
	}
	out := map[string][]string{}
	texts(tree, "", out)
	return out, body
}

const hostile = "<!channel> <@U123> @everyone <https://evil.example|click> [click](https://evil.example) ``` **b** <at>all</at> \u202e\x07"

func TestNothingPingsOrLinks(t *testing.T) {
	n := rolledBack()
	n.Message, n.By, n.Fields = hostile, hostile, map[string]any{"reason": hostile}

	slack, _ := rendered(t, typeSlack, n)
	for _, text := range slack["text"] {
		if strings.ContainsAny(text, "<>") {
			t.Errorf("slack: %q holds markup", text)
		}
	}
	discord, body := rendered(t, typeDiscord, n)
	inside := strings.TrimSuffix(strings.TrimPrefix(discord["description"][0], "```\n"), "\n```")
	if len(discord["description"]) != 1 || strings.Contains(inside, "`") || !strings.Contains(inside, "@everyone") {
		t.Errorf("discord: %q leaves its code block", discord["description"])
	}
	if !bytes.Contains(body, []byte(`"allowed_mentions":{"parse":[]}`)) {
		t.Errorf("discord: mentions are allowed: %s", body)
	}
	var card struct {
		Attachments []struct {
			Content struct {
				Body []struct{ Type, Text string }
			}
		}
	}
	_, body = rendered(t, typeTeams, n)
	if err := json.Unmarshal(body, &card); err != nil {
		t.Fatal(err)
	}
	for _, block := range card.Attachments[0].Content.Body {
		if block.Type == "TextBlock" && block.Text != "shop: rolled back" {
			t.Errorf("teams: %q would be read as Markdown", block.Text)
		}
	}
	for _, kind := range []string{typeSlack, typeDiscord, typeTeams} {
		if _, body := rendered(t, kind, n); bytes.ContainsAny(body, "\u202e\x07") {
			t.Errorf("%s: control characters are sent", kind)
		}
	}
}

func TestLimits(t *testing.T) {
	n := approval()
	n.Message, n.By = strings.Repeat("&<ä", 5000), strings.Repeat("&", 5000)
	n.Fields = map[string]any{}
	for i := range 100 {
		n.Fields[strings.Repeat("x", i+1)] = strings.Repeat("&🙂", 500)
	}
	slack, _ := rendered(t, typeSlack, n)
	for _, text := range slack["text"] {
		if got := utf8.RuneCountInString(text); got > slackSection {
			t.Errorf("slack: a text of %d characters", got)
		}
	}
	discord, _ := rendered(t, typeDiscord, n)
	all := 0
	for _, key := range []string{"description", "title", "text"} {
		all += utf8.RuneCountInString(discord[key][0])
	}
	if description := discord["description"][0]; utf8.RuneCountInString(description) > 4096 || !strings.Contains(description, "[Approve](") || all > 6000 {
		t.Errorf("discord: %d characters in all, and %q", all, description)
	}
	if _, body := rendered(t, typeTeams, n); len(body) > 28<<10 {
		t.Errorf("teams: %d bytes", len(body))
	}
}

func TestEmptyNote(t *testing.T) {
	for _, kind := range types {
		if _, _, err := render(kind, &Note{}); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
	if _, _, err := render("pager", &Note{}); err == nil {
		t.Error("an unknown type: got no error")
	}
}

// rollbackFields are those of an event of rollout, as its journal has them.
func rollbackFields() map[string]any {
	return map[string]any{
		"id": "shop-1", "strategy": "canary", "stage": "expansion", "phase": "rolled_back", "weight": 25.5, "stable": "v1", "config_version": "abc",
		"evidence": map[string]any{
			"requests": uint64(400), "failed": uint64(12), "rate": 0.03, "stable_requests": uint64(4000), "stable_failed": uint64(2), "stable_rate": 0.0005,
			"p50_ms": 20.0, "p99_ms": 120.5, "stable_p50_ms": 18.0, "stable_p99_ms": 80.0,
			"verdict":   map[string]any{"metric": "error_rate", "threshold": "> 1.5x stable", "evidence": 20.5, "bound": 13.8, "requests": uint64(9)},
			"promotion": struct{ Ready bool }{true},
			"captured":  map[string]any{"versions": map[string]any{"v2": map[string]any{"failed_request_ids": []string{"a1", "b2"}}}},
		},
	}
}

func TestEvidence(t *testing.T) {
	for _, tt := range []struct {
		name string
		in   map[string]any
		want string
	}{
		{"nothing", nil, ""},
		{"a verdict", rolledBack().Fields, "error_rate > 1.5x stable|v2: 12 of 400 requests failed (3 %)|stable: 2 of 4000 requests failed (0.05 %)|p99: 120.5 ms|evidence 1250000 of 1000000|since: 2026-11-22T11:59:00Z"},
		{"a trip", map[string]any{"attempts": uint64(9), "failures": uint64(9), "score": 13.9123, "threshold": 13.81551, "tolerated_rate": 0.01, "cause": "failures"},
			"v2: 9 of 9 attempts failed (100 %)|evidence 13.91 of 13.82|cause: failures|tolerated rate: 0.01"},
		{"a rollback", rollbackFields(), "stage expansion, v2 at 25.5 %|failed requests: a1, b2|error_rate > 1.5x stable|evidence 20.5 of 13.8|v2: 12 of 400 requests failed (3 %)|stable: 2 of 4000 requests failed (0.05 %)|p50: 20 ms, stable 18 ms|p99: 120.5 ms, stable 80 ms"},
		{"no requests", map[string]any{"requests": uint64(0), "failed": uint64(0)}, "v2: 0 of 0 requests failed"},
		{"half a pair", map[string]any{"requests": 3, "evidence": "none"}, "evidence: none|requests: 3"},
		{"what can't be shown", map[string]any{"a": []any{math.Inf(1)}, "b": "", "c": nil, "d": true}, "d: true"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := Note{Version: "v2", Fields: tt.in}
			before := fmt.Sprint(tt.in)
			if got := strings.Join(n.evidence(), "|"); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if fmt.Sprint(tt.in) != before {
				t.Error("the fields were changed")
			}
		})
	}
}
