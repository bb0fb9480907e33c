package e2e

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sluice/bench"
)

// example is a file of examples/ as it stands, but for what pairs replace: endpoints, and
// times that a test can't wait for. Each must be there, so that no example drifts away from its test.
func example(t testing.TB, name string, pairs ...string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "examples", name))
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Fatalf("%s: no %q", name, pairs[i])
		}
		text = strings.ReplaceAll(text, pairs[i], pairs[i+1])
	}
	return text
}

// at are shops in place of the addresses that the examples name, as pairs for example.
func at(shops []*shop, more ...string) (pairs []string) {
	for i, s := range shops {
		pairs = append(pairs, fmt.Sprintf("http://127.0.0.1:%d", 9001+i), s.URL)
	}
	return append(pairs, more...)
}

// runRollout is what the API tells of a rollout.
type runRollout struct {
	ID, Phase, Reason, Gate, Canary string
	Waiting                         string `json:"waiting_for"`
	Stage                           int
	Weight                          float64
	StartedAt                       time.Time `json:"started_at"`
	Stages                          []struct{ Name, State string }
	Checks                          []struct{ Name, Message string }
	Smoke                           []struct {
		Name    string
		OK      bool
		Message string
	} `json:"smoke_tests"`
	Hooks []struct {
		Name, Point, Message string
		OK                   bool
	}
	Results []struct {
		Version, Metric  string
		Value, Low, High float64
		Requests         uint64
	}
	Shadow *struct {
		Compared, Differing uint64
		Difference          float64
		Reported            bool
	}
}

func (p *process) rollout(service string) (r runRollout) {
	p.t.Helper()
	if code := p.api("GET", "/api/v1/services/"+service+"/rollout", nil, &r); code != http.StatusOK {
		p.t.Fatalf("GET rollout of %s: status %d", service, code)
	}
	return r
}

// order sends a verb to the rollout of shop and returns the status of the answer.
func (p *process) order(verb string) int {
	p.t.Helper()
	return p.api("POST", "/api/v1/services/shop/rollout", map[string]string{"action": verb}, nil)
}

func (p *process) begin() {
	p.t.Helper()
	if code := p.order("start"); code != http.StatusOK {
		p.t.Fatalf("start: status %d", code)
	}
}

// untilPhase waits for a phase of shop's rollout and fails the test at any other end.
func (p *process) untilPhase(want string) (r runRollout) {
	p.t.Helper()
	p.until(want, func() bool {
		r = p.rollout("shop")
		switch r.Phase {
		case want:
			return true
		case "promoted", "rolled_back", "aborted", "superseded", "completed":
			p.t.Fatalf("rollout: %s: %s; want %s\n%+v", r.Phase, r.Reason, want, r)
		}
		return false
	})
	return r
}

// stable is the version of a service that is stable now.
func (p *process) stable(service string) string {
	p.t.Helper()
	var s struct{ Stable string }
	if code := p.api("GET", "/api/v1/services/"+service, nil, &s); code != http.StatusOK {
		p.t.Fatalf("GET service %s: status %d", service, code)
	}
	return s.Stable
}

// traffic is users at a constant rate, on connections that are kept.
type traffic struct {
	answered, failed atomic.Uint64
	stop             func() bench.Report
}

// startTraffic sends requests until stopped. more may change the options.
func startTraffic(t testing.TB, p *process, rate float64, target string, more ...func(*bench.LoadOptions)) *traffic {
	t.Helper()
	l := &traffic{}
	ctx, cancel := context.WithCancel(context.Background())
	o := bench.LoadOptions{Address: p.listen, Host: "shop", Target: target, Connections: 64, Rate: rate, Timeout: patience, Grace: patience,
		Observer: func(r bench.Result) {
			if r.Failed() {
				l.failed.Add(1)
			}
			l.answered.Add(1)
		}}
	for _, f := range more {
		f(&o)
	}
	done := make(chan bench.Report, 1)
	go func() {
		report, err := bench.Run(ctx, o)
		if err != nil {
			t.Error(err)
		}
		done <- report
	}()
	l.stop = sync.OnceValue(func() bench.Report { cancel(); return <-done })
	t.Cleanup(func() { l.stop() })
	return l
}

// wantNoFailure ends the traffic and wants every request to have been answered well.
func (l *traffic) wantNoFailure(t testing.TB) {
	t.Helper()
	report := l.stop()
	if n := report.Failed() + report.Abandoned; n > 0 {
		t.Errorf("%d of %d requests failed:\n%s", n, report.Requests, report.String())
	}
}
