package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sluice/analysis"
	"sluice/recording"
)

// simulateLine runs one command line of sluice simulate.
func simulateLine(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	root := newRoot()
	root.SetArgs(append([]string{"simulate"}, args...))
	root.SetOut(&out)
	root.SetErr(&out)
	err := root.ExecuteContext(t.Context())
	return out.String(), err
}

func TestSimulateWrongUsage(t *testing.T) {
	for _, line := range []string{
		"nowhere", "null --runs 0", "null --runs -1", "null --detectors nobody", "null --detectors envoy", "null --table 3.2",
		"--table 9", "null --output yaml", "null -c x.yaml", "--replay x null", "--replay x --table 3.2", "--replay x --detectors z",
	} {
		if out, err := simulateLine(t, strings.Fields(line)...); !errors.Is(err, errUsage) {
			t.Errorf("sluice simulate %s: got %v and %q, want wrong usage", line, err, out)
		}
	}
}

func TestSimulatePrintsTheSameForTheSameSeed(t *testing.T) {
	line := strings.Fields("down null_1 --runs 3 --seed 5 --detectors sluice,flagger")
	first, err := simulateLine(t, line...)
	second, _ := simulateLine(t, line...)
	if err != nil || first != second {
		t.Fatalf("error %v, first\n%ssecond\n%s", err, first, second)
	}
	for _, want := range []string{"| down     | sluice     |", "| null_1   | flagger-x1 |", "3 runs a scenario, seed 5"} {
		if !strings.Contains(first, want) {
			t.Errorf("no %q in\n%s", want, first)
		}
	}
}

func TestSimulateJSON(t *testing.T) {
	out, err := simulateLine(t, strings.Fields("down --runs 3 --detectors sluice --output json")...)
	var got simulated
	if err != nil || json.Unmarshal([]byte(out), &got) != nil {
		t.Fatalf("error %v, %s", err, out)
	}
	if got.Runs != 3 || got.Seed != 1 || len(got.Results) != 1 || got.Results[0].Found != 3 || got.Results[0].Median != 5 {
		t.Errorf("%+v", got)
	}
}

func TestSimulateTableAndList(t *testing.T) {
	out, err := simulateLine(t, strings.Fields("--table promotion --runs 1 --detectors promotion-1.5-0.5")...)
	if err != nil || !strings.Contains(out, "| promote_100 |") {
		t.Errorf("error %v, %s", err, out)
	}
	out, err = simulateLine(t, "--list")
	if err != nil || !strings.Contains(out, "plus1_lastage") || !strings.Contains(out, "lindon-malek") {
		t.Errorf("error %v, %s", err, out)
	}
	out, err = simulateLine(t, "--list", "-o", "json")
	if err != nil || !json.Valid([]byte(out)) {
		t.Errorf("error %v, %s", err, out)
	}
}

// shopRecording is ten minutes in which v2 fails three of five from second 300 on.
func shopRecording(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "shop.jsonl")
	f, err := recording.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := recording.NewWriter(f, recording.Header{Service: "shop", Versions: []string{"v1", "v2"}, Stable: "v1"})
	if err != nil {
		t.Fatal(err)
	}
	counts := func(n, failed uint64) recording.Counts {
		c := analysis.Counts{Requests: n, Failed: failed}
		return recording.Counts{Split: c, All: c}
	}
	for n := range 600 {
		bad := uint64(0)
		if n >= 300 {
			bad = 3
		}
		at := time.Date(2026, 11, 20, 12, 0, n, 0, time.UTC)
		if err := w.Write(recording.Second{At: at, Versions: []recording.Counts{counts(95, 0), counts(5, bad)}}); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

func TestReplayCommand(t *testing.T) {
	path := shopRecording(t)
	out, err := simulateLine(t, "--replay", path)
	if err != nil || !strings.Contains(out, "with this policy v2 would have been cut at") || !strings.Contains(out, "recorded after that") {
		t.Errorf("error %v, %s", err, out)
	}
	policy := filepath.Join(t.TempDir(), "policy.yaml")
	text := `services:
  - name: shop
    stable: v1
    versions:
      - {name: v1, weight: 95, endpoints: ["http://127.0.0.1:1"]}
      - {name: v2, weight: 5, endpoints: ["http://127.0.0.1:2"]}
    guard:
      trip: off
      breach: {error_rate: "> 90%"}
`
	if err := os.WriteFile(policy, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err = simulateLine(t, "--replay", path, "-c", policy)
	if err != nil || !strings.Contains(out, "v2 would not have been cut: 900 of 3000 answers were bad") {
		t.Errorf("error %v, %s", err, out)
	}
	out, err = simulateLine(t, "--replay", path, "-o", "json")
	if err != nil || !json.Valid([]byte(out)) || !strings.Contains(out, `"by":"trip"`) {
		t.Errorf("error %v, %s", err, out)
	}
	if _, err = simulateLine(t, "--replay", policy); err == nil || !strings.Contains(err.Error(), "line 1") {
		t.Errorf("a file that is no recording: %v", err)
	}
}
