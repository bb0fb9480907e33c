package dashboard

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"sluice/bench"
)

// shopper is a backend whose faults and pace a test sets.
type shopper struct {
	*httptest.Server
	hits  atomic.Uint64
	fails atomic.Int64 // answers of 10,000 that are a 500
	pace  atomic.Int64 // nanoseconds, about
	body  atomic.Value // string, JSON; none: no body
}

func startShopper(t testing.TB, pace time.Duration) *shopper {
	t.Helper()
	s := &shopper{}
	s.pace.Store(int64(pace))
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	return s
}

func (s *shopper) serve(w http.ResponseWriter, r *http.Request) {
	s.hits.Add(1)
	timer := time.NewTimer(time.Duration(float64(s.pace.Load()) * (0.6 + rand.ExpFloat64()*0.5)))
	defer timer.Stop()
	select {
	case <-r.Context().Done():
	case <-timer.C:
	}
	if rand.Int64N(10_000) < s.fails.Load() {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	if body, ok := s.body.Load().(string); ok {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, body)
	}
}

// drive sends requests to a service until the test ends.
func (p *process) drive(host string, perSecond float64) { p.t.Cleanup(p.load(host, perSecond)) }

// load sends requests to a service until stop is called, which waits for those in flight.
func (p *process) load(host string, perSecond float64) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = bench.Run(ctx, bench.LoadOptions{Address: p.listen, Host: host, Rate: perSecond, Connections: 16}) // ends with ctx
	}()
	return func() { cancel(); <-done }
}

// page is where the dashboard is.
func (p *process) page(fragment string) string { return "http://" + p.admin + "/" + fragment }

// rollout tells the rollout of a service what to do.
func (p *process) rollout(service, action string) {
	p.t.Helper()
	if code := p.api("POST", "/api/v1/services/"+service+"/rollout", map[string]string{"action": action}, nil); code != http.StatusOK {
		p.t.Fatalf("%s of %s: status %d", action, service, code)
	}
}

// gate waits until the rollout of a service waits for a person.
func (p *process) gate(service, want string) {
	p.t.Helper()
	p.until("the gate "+want, func() bool {
		var st struct{ Gate string }
		p.api("GET", "/api/v1/services/"+service+"/rollout", nil, &st)
		return st.Gate == want
	})
}

// shopService is a service of v1 and v2 with a rollout; more is added to it.
func shopService(name string, v1, v2 *shopper, weight float64, more string) string {
	return fmt.Sprintf(`  - name: %s
    routes: [{hosts: [%s.test]}]
    stable: v1
    versions:
      - {name: v1, weight: %v, endpoints: [%q]}
      - {name: v2, weight: %v, endpoints: [%q]}
%s`, name, name, 100-weight, v1.URL, weight, v2.URL, more)
}

// gatedRollout waits for a person before its second stage.
const gatedRollout = `    rollout:
      strategy: canary
      canary: v2
      preflight: off
      analysis: none
      stages:
        - {name: initial, weight: 10, duration: 1s}
        - {name: expansion, weight: 50, duration: 10m, approval: manual}
        - {name: final, weight: 100, duration: 10m}
`
