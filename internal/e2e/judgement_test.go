package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// Live judgement: a real proxy and real backends at 500 requests/s, a tenth of
// them to v2.
const judgedRate = 500

// judged configures three endpoints of v2 and a guard with the given criteria.
func judged(v1 string, v2 []string, breach, more string) string {
	return fmt.Sprintf(`services:
  - name: shop
    routes: [{path: /}]
    stable: v1
    versions:
      - {name: v1, weight: 90, endpoints: [%q]}
      - {name: v2, weight: 10, endpoints: ["%s"]}
    timeouts: {response: 30s}
    guard: {breach: {%s}}
%s`, v1, strings.Join(v2, `", "`), breach, more)
}

// takes makes an origin answer after a random time around 60 ms, times factor: long enough
// that a busy machine does not hide the difference.
func (o *origin) takes(factor float64) {
	o.does(func(w http.ResponseWriter, r *http.Request) {
		wait := time.Duration(factor * float64(30*time.Millisecond+rand.N(60*time.Millisecond)))
		if r.Header.Get("X-Heavy") != "" {
			wait *= 8
		}
		select {
		case <-time.After(wait):
		case <-r.Context().Done():
		}
		fmt.Fprintln(w, "done")
	})
}

// within polls for a condition for longer than until does.
func (p *process) within(limit time.Duration, what string, ok func() bool) {
	p.t.Helper()
	deadline := time.Now().Add(limit)
	for tick := time.NewTicker(50 * time.Millisecond); ; <-tick.C {
		if ok() {
			tick.Stop()
			return
		}
		if time.Now().After(deadline) {
			var decisions any
			p.api("GET", "/api/v1/services/shop/decisions", nil, &decisions)
			p.t.Fatalf("waiting for %q: still not after %v\ndecisions: %v", what, limit, decisions)
		}
	}
}

type decision struct {
	Version, Kind, Action, Metric, Summary string
}

func (p *process) decisions() []decision {
	p.t.Helper()
	var answer struct{ Decisions []decision }
	if code := p.api("GET", "/api/v1/services/shop/decisions", nil, &answer); code != http.StatusOK {
		p.t.Fatalf("GET decisions: status %d", code)
	}
	return answer.Decisions
}

// condemned returns the verdict that quarantined a version.
func (p *process) condemned() (decision, bool) {
	for _, d := range p.decisions() {
		if d.Action == "quarantine" {
			return d, true
		}
	}
	return decision{}, false
}

// A machine that is short of time adds to the latencies of both versions, and with twice
// stable's as the limit, v2 must be slower by more than what is added.
func TestSlowVersionIsCondemned(t *testing.T) {
	t.Parallel()
	v1, v2 := startOrigin(t), startOrigin(t)
	v1.takes(1)
	v2.takes(8)
	p := boot(t, judged(v1.URL, []string{v2.URL}, `p99_latency: "> 2x stable"`, ""))
	load := startPace(t, p, judgedRate, "/")
	p.within(240*time.Second, "v2 condemned", func() bool { return p.version("shop", "v2").State == "quarantined" })
	d, ok := p.condemned()
	if !ok || d.Metric != "p99_latency" || d.Version != "v2" || d.Summary == "" {
		t.Errorf("decision: got %+v, want a verdict on p99_latency of v2", d)
	}
	t.Logf("after %d requests: %s", load.sent.Load(), d.Summary)
}

func TestTwoPercentErrorsAreCondemned(t *testing.T) {
	t.Parallel()
	v1, v2 := startOrigin(t), startOrigin(t)
	v2.fails(50)
	p := boot(t, judged(v1.URL, []string{v2.URL}, `error_rate: "> 1.5x stable"`, ""))
	load := startPace(t, p, judgedRate, "/status/200")
	p.within(240*time.Second, "v2 condemned", func() bool { return p.version("shop", "v2").State == "quarantined" })
	d, ok := p.condemned()
	if !ok || d.Metric != "error_rate" || d.Version != "v2" {
		t.Errorf("decision: got %+v, want a verdict on error_rate of v2", d)
	}
	t.Logf("after %d requests: %s", load.sent.Load(), d.Summary)
}

// A healthy canary is found promotable by evidence, at the weight it has, and the API says so.
func TestHealthyCanaryIsFoundPromotable(t *testing.T) {
	t.Parallel()
	v1, v2 := startOrigin(t), startOrigin(t)
	services := judged(v1.URL, []string{v2.URL}, `error_rate: "> 1.5x stable"`,
		`    rollout: {strategy: canary, canary: v2, stages: progressive, success: {error_rate: "< 1.5x stable"}}
`)
	p := boot(t, services)
	// A canary with a rollout starts at nothing.
	if out, code := p.run("weights", "shop", "v1=90", "v2=10"); code != 0 {
		t.Fatalf("sluice weights: exit %d: %s", code, out)
	}
	startPace(t, p, judgedRate, "/status/200")
	var last promotion
	p.within(240*time.Second, "v2 promotable", func() bool { last = p.promotion("v2"); return last.Ready })
	if last.Requests > 2000 || last.M < last.Bound || last.Summary == "" {
		t.Errorf("promotion: got %+v, want evidence at its bound within 2,000 canary requests", last)
	}
	t.Log(last.Summary)
	// At another weight it must show so anew.
	if out, code := p.run("weights", "shop", "v1=80", "v2=20"); code != 0 {
		t.Fatalf("sluice weights: exit %d: %s", code, out)
	}
	if again := p.promotion("v2"); again.Ready || again.Requests >= last.Requests {
		t.Errorf("promotion after a change of weight: got %+v, want it to begin anew", again)
	}
	// The same where the file sets the weight.
	p.until("evidence at 20 %", func() bool { return p.promotion("v2").Requests > 400 })
	p.write(strings.NewReplacer("weight: 90", "weight: 85", "weight: 10", "weight: 15").Replace(services))
	p.until("the file's weight", func() bool { return p.version("shop", "v2").Weight == 15 })
	if again := p.promotion("v2"); again.Requests > 400 {
		t.Errorf("promotion after a reload that sets the weight: got %+v, want it to begin anew", again)
	}
	p.uncut()
}

type promotion struct {
	Ready    bool
	M, Bound float64
	Requests uint64
	Summary  string
}

func (p *process) promotion(version string) promotion {
	p.t.Helper()
	var s struct {
		Versions []struct {
			Name      string
			Promotion promotion
		}
	}
	p.api("GET", "/api/v1/services/shop", nil, &s)
	for _, v := range s.Versions {
		if v.Name == version {
			return v.Promotion
		}
	}
	return promotion{}
}

// What slows or breaks both versions is the environment's fault: nothing is cut, and an event says so.
func TestBothSlowIsTheEnvironment(t *testing.T) {
	t.Parallel()
	v1, v2 := startOrigin(t), startOrigin(t)
	v1.takes(1)
	v2.takes(1)
	p := boot(t, judged(v1.URL, []string{v2.URL}, `p99_latency: ["> 60ms", "> 2x stable"]`, ""))
	load := startPace(t, p, judgedRate, "/")
	p.until("both take part", func() bool { return v2.hits.Load() > 100 })
	v1.takes(8)
	v2.takes(8)
	p.within(240*time.Second, "environment told", func() bool {
		out, _ := p.run("events", "--output", "json")
		return strings.Contains(out, "environment")
	})
	load.stop()
	p.uncut()
}

// uncut asserts that v2 takes part and was never condemned.
func (p *process) uncut() {
	p.t.Helper()
	if d, ok := p.condemned(); ok {
		p.t.Errorf("condemned: %+v", d)
	}
	if state := p.version("shop", "v2").State; state != "active" {
		p.t.Errorf("state of v2: got %s, want active", state)
	}
}

// One of three endpoints stalls: it is ejected by the age of its requests in flight, and the version is not condemned.
func TestStalledEndpointIsEjected(t *testing.T) {
	t.Parallel()
	v1 := startOrigin(t)
	v1.takes(1)
	origins := []*origin{startOrigin(t), startOrigin(t), startOrigin(t)}
	var urls []string
	for _, o := range origins {
		o.takes(1)
		urls = append(urls, o.URL)
	}
	p := boot(t, judged(v1.URL, urls, `error_rate: "> 1.5x stable", p99_latency: "> 2x stable"`, ""))
	load := startPace(t, p, judgedRate, "/")
	p.until("each endpoint answers", func() bool {
		return origins[0].hits.Load() > 100 && origins[1].hits.Load() > 100 && origins[2].hits.Load() > 100
	})
	release := make(chan struct{})
	origins[1].does(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	p.within(120*time.Second, "the stalled endpoint ejected", func() bool { return p.ejected(urls[1]) })
	close(release)
	origins[1].takes(1)
	p.within(240*time.Second, "the endpoint back", func() bool { return !p.ejected(urls[1]) })
	load.stop()
	p.uncut()
}

func (p *process) ejected(url string) bool {
	p.t.Helper()
	var s struct {
		Versions []struct {
			Endpoints []struct {
				URL     string
				Ejected bool
			}
		}
	}
	p.api("GET", "/api/v1/services/shop", nil, &s)
	for _, v := range s.Versions {
		for _, e := range v.Endpoints {
			if e.URL == url && e.Ejected {
				return true
			}
		}
	}
	return false
}

// A rule that sends only heavy requests to v2 makes it look slow; rules are not compared with stable.
func TestHeavyRequestsByRuleCondemnNobody(t *testing.T) {
	t.Parallel()
	v1, v2 := startOrigin(t), startOrigin(t)
	v1.takes(1)
	v2.takes(1)
	p := boot(t, judged(v1.URL, []string{v2.URL}, `p99_latency: "> 2x stable", error_rate: "> 1.5x stable"`,
		"    rules: [{name: heavy, when: {headers: {X-Heavy: {present: true}}}, to: v2}]\n"))
	var heavy atomic.Uint64
	c := client(t, 16)
	load := startPace(t, p, judgedRate, "/")
	done := make(chan struct{})
	go func() {
		defer close(done)
		each(t, 600, 8, func(int) error {
			req, err := http.NewRequest("GET", p.url("/"), nil)
			if err != nil {
				return err
			}
			req.Header.Set("X-Heavy", "1")
			_, _, err = fetch(c, req)
			heavy.Add(1)
			return err
		})
	}()
	<-done
	load.stop()
	if heavy.Load() != 600 {
		t.Errorf("heavy requests: got %d, want 600", heavy.Load())
	}
	p.uncut()
}

// failsSpread makes the origin fail 30 % of its answers, never two in a row: passive ejection,
// which needs five, stays silent.
func (o *origin) failsSpread() {
	var count atomic.Uint64
	o.does(func(w http.ResponseWriter, _ *http.Request) {
		switch count.Add(1) % 10 {
		case 1, 4, 7:
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
}

// One of three endpoints fails some of its answers: it is ejected on the evidence of the
// other two, and the version is not condemned.
func TestOneBadEndpointIsEjected(t *testing.T) {
	t.Parallel()
	v1 := startOrigin(t)
	origins := []*origin{startOrigin(t), startOrigin(t), startOrigin(t)}
	var urls []string
	for _, o := range origins {
		urls = append(urls, o.URL)
	}
	config := strings.Replace(judged(v1.URL, urls, `error_rate: "> 1.5x stable"`, ""), "guard: {", "guard: {trip: off, ", 1)
	p := boot(t, config)
	load := startPace(t, p, judgedRate, "/status/200")
	p.until("each endpoint answers", func() bool {
		return origins[0].hits.Load() > 100 && origins[1].hits.Load() > 100 && origins[2].hits.Load() > 100
	})
	origins[1].failsSpread()
	var found decision
	p.within(120*time.Second, "the bad endpoint ejected by the guard", func() bool {
		for _, d := range p.decisions() {
			if d.Kind == "endpoint" && d.Action == "eject" {
				found = d
				return true
			}
		}
		return false
	})
	if found.Version != "v2" || found.Metric != "error_rate" || !strings.Contains(found.Summary, strings.TrimPrefix(urls[1], "http://")) {
		t.Errorf("decision: got %+v, want endpoint %s of v2 by error_rate", found, urls[1])
	}
	if out, _ := p.run("events", "--output", "json"); !strings.Contains(out, "other endpoints do not") {
		t.Errorf("events tell of no ejection by the judge:\n%s", out)
	}
	if p.ejected(urls[0]) || p.ejected(urls[2]) {
		t.Error("a good endpoint is ejected")
	}
	origins[1].recovers()
	p.within(120*time.Second, "the endpoint back", func() bool { return !p.ejected(urls[1]) })
	load.stop()
	p.uncut()
	t.Log(found.Summary)
}
