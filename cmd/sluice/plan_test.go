package main

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const plannedFile = `services:
  - name: shop
    stable: v1
    versions:
      - {name: v1, weight: 100, endpoints: ["http://127.0.0.1:9001"]}
      - {name: v2, weight: 0, endpoints: ["http://127.0.0.1:9002"]}
    rollout:
      strategy: canary
      canary: v2
      max_wait: 2h
      stages:
        - {name: initial, weight: 5, duration: 10m, min_requests: 500}
        - {name: expansion, weight: 25, duration: 30m}
        - {name: final, weight: 100, duration: 1h}
  - name: plain
    routes: [{hosts: [plain.example.com]}]
    versions: [{name: v1, endpoints: ["http://127.0.0.1:9003"]}]
`

func planFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sluice.yaml")
	if err := os.WriteFile(path, []byte(plannedFile), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func planned(t *testing.T, args ...string) plannedRollout {
	t.Helper()
	out, err := call(t, append([]string{"plan", "shop", "-o", "json"}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	var p plannedRollout
	if err := json.Unmarshal([]byte(out), &p); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	return p
}

// The figures are those of judgement 2.6 and 2.9: 0.8 to 1.7 thousand requests to
// promote at 25 %, and one percent more errors found in a quarter of a minute at 1000 a second.
func TestPlanOfAFile(t *testing.T) {
	path := planFile(t)
	p := planned(t, "-c", path, "--rps", "1000", "--error-rate", "0.1%")
	if len(p.Stages) != 3 || p.Canary != "v2" || p.RPS != 1000 || p.ErrorRate != 0.001 {
		t.Fatalf("got %+v", p)
	}
	s := p.Stages[1]
	if !s.Decides || s.Requests < 800 || s.Requests > 1700 || s.FindsOnePercent < 5 || s.FindsOnePercent > 20 || s.SmallestRate <= 0.001 || s.SmallestRate > 0.01 {
		t.Errorf("at 1000 a second: got %+v", s)
	}
	if final := p.Stages[2]; final.SmallestRate != 0 || len(final.Warnings) != 1 || !final.Decides {
		t.Errorf("without anything on stable: got %+v", final)
	}
	slow := planned(t, "-c", path, "--rps", "0.3", "--error-rate", "0.1%").Stages[0]
	if slow.Decides || len(slow.Warnings) != 1 || !strings.Contains(slow.Warnings[0], "within max_wait 2h; then: rollback") {
		t.Errorf("at 0.3 a second: got %+v", slow)
	}
	longer := planned(t, "-c", path, "--rps", "10", "--error-rate", "0.1%").Stages[0]
	if !longer.Decides || longer.Needs < longer.Duration || len(longer.Warnings) != 1 || !strings.Contains(longer.Warnings[0], "instead of 10m") {
		t.Errorf("at 10 a second: got %+v", longer)
	}
	out, err := call(t, "plan", "shop", "-c", path, "--rps", "1000", "--error-rate", "0.001")
	if err != nil || !strings.Contains(out, "expansion  25%") || strings.Count(out, "\n") != 7 {
		t.Errorf("got %v and\n%s", err, out)
	}
	if out, err := call(t, "plan", "plain", "-c", path, "--rps", "5", "--error-rate", "0"); err != nil || !strings.Contains(out, "no rollout with stages") {
		t.Errorf("without a rollout: got %v and\n%s", err, out)
	}
}

func TestPlanOfWhatRuns(t *testing.T) {
	s, admin := two(t)
	for range 20 {
		resp, err := http.Get("http://" + s.proxy.Addresses()[0].String() + "/")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	p := planned(t, admin)
	if len(p.Stages) != 1 || p.Stages[0].Weight != 10 || p.ErrorRate != 0 {
		t.Errorf("got %+v", p)
	}
	given := planned(t, admin, "--rps", "500")
	if given.RPS != 500 || !given.Stages[0].Decides || given.Stages[0].FindsOnePercent == 0 {
		t.Errorf("with --rps: got %+v", given)
	}
	if _, err := call(t, "plan", "nobody", admin); err == nil || !strings.Contains(err.Error(), "nobody") {
		t.Errorf("an unknown service: got %v", err)
	}
}

func TestPlanIsUsedWrongly(t *testing.T) {
	path := planFile(t)
	for _, line := range []string{"plan", "plan a b", "plan shop --rps -1", "plan shop --rps 0", "plan shop --error-rate 100%", "plan shop --error-rate many",
		"plan shop --error-rate NaN", "plan shop --error-rate 1%%", "plan shop --output yaml"} {
		if out, err := call(t, append(strings.Fields(line), "-c", path)...); !errors.Is(err, errUsage) {
			t.Errorf("sluice %s: got %v and %q, want wrong usage", line, err, out)
		}
	}
}
