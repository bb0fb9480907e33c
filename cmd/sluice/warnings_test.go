package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A standby without health checks is a way back to nobody knows what.
func TestBlindStandbyIsWarnedOf(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sluice.yaml")
	for _, c := range []struct {
		more   string
		warned bool
	}{
		{"    rollout: {strategy: blue_green, canary: v2}\n", true},
		{"    rollout: {strategy: blue_green, canary: v2, standby: 0s}\n", false},
		{"    rollout: {strategy: blue_green, canary: v2}\n    health: {checks: [{path: /health}]}\n", false},
		{"    rollout: {strategy: shadow, canary: v2}\n    mirror: {to: v2, percent: 10, compare: true}\n", false},
		{"", false},
	} {
		text := "services:\n  - name: shop\n    routes: [{path: /}]\n    stable: v1\n    versions:\n" +
			"      - {name: v1, weight: 100, endpoints: [\"http://127.0.0.1:9001\"]}\n      - {name: v2, weight: 0, endpoints: [\"http://127.0.0.1:9002\"]}\n" + c.more
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := call(t, "validate", "-c", path)
		if err != nil || strings.Contains(out, "warning: services[0].rollout.standby: the service has no health checks") != c.warned {
			t.Errorf("%s: got %v and %s", c.more, err, out)
		}
		out, err = call(t, "validate", "-c", path, "-o", "json")
		if err != nil || strings.Contains(out, "services[0].rollout.standby") != c.warned {
			t.Errorf("%s: got %v and %s", c.more, err, out)
		}
	}
}

// What a file does to a version that became stable meanwhile is told before it is loaded.
func TestValidateTellsWhatTakesAPromotionBack(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "sluice.yaml")
	text := "state: {dir: " + dir + "}\nservices:\n  - name: shop\n    routes: [{path: /}]\n    stable: v1\n    versions:\n" +
		"      - {name: v1, weight: 100, endpoints: [\"http://127.0.0.1:9001\"]}\n      - {name: v2, weight: 0, endpoints: [\"http://127.0.0.1:9002\"]}\n"
	state := `{"schema":1,"services":{"shop":{"declared":"of another file","stable":"v2","weights_bp":{"v1":0,"v2":10000}}}}`
	for name, content := range map[string]string{path: text, filepath.Join(dir, "state.json"): state} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err := call(t, "validate", "-c", path)
	if err != nil || !strings.Contains(out, "warning: services[0].stable: the file's weights or versions changed, which makes v1 stable in place of v2") {
		t.Errorf("got %v and %s", err, out)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 2 {
		t.Errorf("validate left %v behind, %v", entries, err)
	}
}

func TestWindowIsWarnedOf(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sluice.yaml")
	guarded := func(guard string) string {
		text := strings.Replace(strings.SplitAfter(plannedFile, "9002\"]}\n")[0], "stable: v1", "stable: v1\n    guard: "+guard, 1)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := call(t, "validate", "-c", path)
		if err != nil || !strings.Contains(out, ": valid\n") {
			t.Fatalf("got %v and %s", err, out)
		}
		return out
	}
	out := guarded(`{mode: window, window: 60s, min_requests: 100, breach: {error_rate: ["> 1.5x stable", "> 5%"], p99_latency: "> 2x stable"}}`)
	if strings.Count(out, ": warning: services[0].guard.mode: ") != 2 ||
		!strings.Contains(out, `"> 1.5x stable" over 1m0s would condemn a healthy canary within an hour in 100% of cases`) ||
		!strings.Contains(out, `"> 5%" over 1m0s would condemn a healthy canary within an hour in 0% of cases`) {
		t.Errorf("got %s", out)
	}
	if out := guarded(`{mode: window, window: 10s, min_requests: 1000, breach: {error_rate: "> 1%"}}`); !strings.Contains(out, "never holds the 1000 requests") {
		t.Errorf("got %s", out)
	}
	if out := guarded(`{breach: {error_rate: "> 1.5x stable"}}`); strings.Contains(out, "warning") {
		t.Errorf("mode evidence: got %s", out)
	}
	guarded(`{mode: window, window: 10s, breach: {success_rate: "< 95%"}}`)
	out, err := call(t, "validate", "-c", path, "-o", "json")
	var answer struct {
		Valid    bool
		Warnings []string
	}
	if err != nil || json.Unmarshal([]byte(out), &answer) != nil || !answer.Valid || len(answer.Warnings) != 1 {
		t.Errorf("got %v and %s", err, out)
	}
}
