package main

import (
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sluice/config"
	"sluice/rollout"
)

// candidateStage is an app whose v2 is a candidate with smoke tests.
func candidateStage(t *testing.T, v2, rest string) *stage {
	t.Helper()
	b := start(t)
	return raise(t, func(s *stage) string {
		return fmt.Sprintf(`listeners: [{address: "127.0.0.1:0"}]
admin: {address: "127.0.0.1:0"}
state: {dir: %q}
access_log: {path: off}
drain: {delay: 0s, timeout: 1s}
services:
  - name: shop
    routes: [{path: /}]
    stable: v1
    versions:
      - {name: v1, weight: 100, endpoints: [%q]}
      - {name: v2, weight: 0, labels: {release-name: "2.0"}, %s}
    health: {interval: 1h, timeout: 200ms, checks: [{path: /health}]}
%s
`, filepath.Join(s.dir, "state"), b.URL(), v2, rest)
	})
}

var ofV2 = rollout.Situation{ID: "1", Service: "shop", Canary: "v2", Stable: "v1", Labels: map[string]string{"release-name": "2.0"}}

const smokeTests = `    rollout:
      strategy: canary
      canary: v2
      stages: [{name: first, weight: 5, duration: 10m}, {name: last, weight: 100, duration: 1h}]
      success: {error_rate: "< 1%"}
      smoke_tests:
        - {name: release, endpoint: "/release?v=${version}", expected_response: "${label_release_name} at shop", capture: {text: "$"}}
        - {name: again, endpoint: /echo, headers: {X-Text: "${text}"}, expected_response: "2.0 at shop"}
`

// shopV2 answers as the tests above want it, of the release given.
func shopV2(release string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/release":
			fmt.Fprintf(w, "%s at shop\n", release)
		case "/echo":
			fmt.Fprint(w, r.Header.Get("X-Text"))
		}
	}
}

func answering(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func TestSmokeTestsRunAtEachEndpointOfTheCandidate(t *testing.T) {
	good, old := answering(t, shopV2("2.0")), answering(t, shopV2("1.9"))
	s := candidateStage(t, fmt.Sprintf("endpoints: [%q, %q]", good, old), smokeTests)
	results := newOutside(s.app).Smoke(t.Context(), ofV2)
	var got []string
	for _, r := range results {
		got = append(got, fmt.Sprintf("%s %s %v %d %s", r.Name, r.Endpoint, r.OK, r.Status, r.Message))
		if r.Took <= 0 {
			t.Errorf("%s took no time", r.Name)
		}
	}
	want := []string{
		"release " + good + " true 200 ", "again " + good + " true 200 ",
		"release " + old + ` false 200 answer: got "1.9 at shop", want "2.0 at shop"`,
		"again " + old + " false 0 header X-Text: ${text} has no value, as test release, which captures it, failed",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestSmokeTestsOverTLS(t *testing.T) {
	server := httptest.NewUnstartedServer(shopV2("2.0"))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	s := candidateStage(t, fmt.Sprintf("endpoints: [%q], tls: {ca: %q}", server.URL, ca), smokeTests)
	for _, r := range newOutside(s.app).Smoke(t.Context(), ofV2) {
		if !r.OK {
			t.Errorf("got %+v", r)
		}
	}
	wantChecks(t, newOutside(s.app).Preflight(t.Context(), ofV2), "stages warning")
	if err := os.Remove(ca); err != nil {
		t.Fatal(err)
	}
	results := newOutside(s.app).Smoke(t.Context(), ofV2)
	if len(results) != 1 || results[0].OK || !strings.Contains(results[0].Message, "ca.pem") {
		t.Errorf("without its CA file: got %+v", results)
	}
	wantChecks(t, newOutside(s.app).Preflight(t.Context(), ofV2), "secrets critical", "stages warning")
}

// wantChecks compares the names and severities of what is not OK.
func wantChecks(t *testing.T, checks []rollout.Check, want ...string) {
	t.Helper()
	var got []string
	for _, c := range checks {
		if !c.OK {
			got = append(got, c.Name+" "+c.Severity)
		}
	}
	if strings.Join(got, ", ") != strings.Join(want, ", ") {
		t.Errorf("got %+v, want %q", checks, want)
	}
}

func TestWithoutTestsThereIsNothingToFail(t *testing.T) {
	s := candidateStage(t, fmt.Sprintf("endpoints: [%q]", answering(t, shopV2("2.0"))), "")
	if got := newOutside(s.app).Smoke(t.Context(), ofV2); got != nil {
		t.Errorf("got %+v", got)
	}
}

func TestTestsThatRunNowhereHaveNotPassed(t *testing.T) {
	s := candidateStage(t, `endpoints: ["http://no-such-host.invalid:80"]`, smokeTests)
	results := newOutside(s.app).Smoke(t.Context(), ofV2)
	if len(results) != 1 || results[0].OK || results[0].Message != "version v2 has no endpoint" {
		t.Errorf("got %+v", results)
	}
	gone := ofV2
	gone.Canary = "v3"
	if got := newOutside(s.app).Smoke(t.Context(), gone); len(got) != 1 || got[0].OK || !strings.Contains(got[0].Message, "no version v3") {
		t.Errorf("a version that is gone: got %+v", got)
	}
	wantChecks(t, newOutside(s.app).Preflight(t.Context(), gone), "configuration critical")
	gone.Service = "cart"
	wantChecks(t, newOutside(s.app).Preflight(t.Context(), gone), "configuration critical")
}

func TestPreflightLooksAtWhatIsInForce(t *testing.T) {
	var unready atomic.Bool
	mux := http.NewServeMux()
	mux.HandleFunc("/health", func(w http.ResponseWriter, _ *http.Request) {
		if unready.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	s := candidateStage(t, fmt.Sprintf("endpoints: [%q]", answering(t, mux)), smokeTests)
	o := newOutside(s.app)
	wantChecks(t, o.Preflight(t.Context(), ofV2), "stages warning") // there is no traffic
	unready.Store(true)
	wantChecks(t, o.Preflight(t.Context(), ofV2), "health critical", "stages warning")
	unready.Store(false)
	text, err := os.ReadFile(s.path)
	if err != nil {
		t.Fatal(err)
	}
	s.write(t, strings.Replace(string(text), "weight: 5,", "weight: 6,", 1))
	wantChecks(t, o.Preflight(t.Context(), ofV2), "configuration warning", "stages warning")
	s.write(t, "services: nonsense")
	wantChecks(t, o.Preflight(t.Context(), ofV2), "configuration critical", "stages warning")
}

func TestPreflightAsksForFigures(t *testing.T) {
	asked := make(chan string, 10)
	var status atomic.Int64
	status.Store(http.StatusOK)
	prometheus := answering(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		if r.Form.Get("query") == "vector(1)" {
			asked <- r.Header.Get("Authorization")
		}
		w.WriteHeader(int(status.Load()))
		fmt.Fprintf(w, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[%d,"1"]}]}}`, time.Now().Unix())
	}))
	s := candidateStage(t, fmt.Sprintf("endpoints: [%q]", answering(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))),
		fmt.Sprintf(`    guard:
      metrics: [{name: orders, prometheus: {url: %q, query: 'up{v="${version}"}', token: a-bearer-token-of-use, interval: 1h}, success: "> 0"}]
`, prometheus)+smokeTests)
	o := newOutside(s.app)
	wantChecks(t, o.Preflight(t.Context(), ofV2), "stages warning")
	if got := <-asked; got != "Bearer a-bearer-token-of-use" {
		t.Errorf("asked with %q", got)
	}
	status.Store(http.StatusUnauthorized)
	wantChecks(t, o.Preflight(t.Context(), ofV2), "metrics critical", "stages warning")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range o.Preflight(ctx, ofV2) {
		if c.Name == "metrics" && c.OK {
			t.Errorf("without time: got %+v", c)
		}
	}
}

func TestChecksDocumentIsTrue(t *testing.T) {
	text := document(t, "docs/CHECKS.md")
	blocks := fenced(text, "yaml")
	if len(blocks) == 0 {
		t.Fatal("docs/CHECKS.md holds no configuration")
	}
	for _, block := range blocks {
		if _, err := config.Parse("docs/CHECKS.md", []byte(block), config.ParseOptions{Expand: true}); err != nil {
			t.Error(err)
		}
	}
	s := candidateStage(t, fmt.Sprintf("endpoints: [%q]", answering(t, shopV2("2.0"))), smokeTests)
	for _, c := range newOutside(s.app).Preflight(t.Context(), ofV2) {
		if !strings.Contains(text, "\n| "+c.Name+" | ") {
			t.Errorf("check %s is not in the table", c.Name)
		}
	}
	for _, line := range commandLines(text) {
		understood(t, "docs/CHECKS.md", line)
	}
}
