package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sluice/comparison"
	"sluice/internal/backend"
	"sluice/rollout"

	"github.com/valyala/fasthttp"
)

// exampleWith is an example as it stands, but for what pairs replace: endpoints, and
// times that a test can't wait for. Each must be there, so that no example drifts away from its test.
func exampleWith(t *testing.T, name string, pairs ...string) func(*stage) string {
	t.Helper()
	text := document(t, "examples/"+name)
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Fatalf("%s: no %q", name, pairs[i])
		}
		text = strings.ReplaceAll(text, pairs[i], pairs[i+1])
	}
	return func(s *stage) string {
		return fmt.Sprintf("listeners: [{address: '127.0.0.1:0'}]\nadmin: {address: '127.0.0.1:0'}\naccess_log: {path: off}\ndrain: {delay: 0s, timeout: 1s}\nstate: {dir: %q}\n",
			s.dir+"/state") + text
	}
}

// shopping starts a backend of a shop whose carts fn makes; n counts its requests.
func shopping(t *testing.T, fn func(ctx *fasthttp.RequestCtx, n int64)) *backend.Server {
	t.Helper()
	var n atomic.Int64
	b, err := backend.Start(backend.Options{Handler: func(ctx *fasthttp.RequestCtx, body io.Reader) {
		_, _ = io.Copy(io.Discard, body)
		fn(ctx, n.Add(1))
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

// users send requests, up to 200 a second each, until stop. do may change a request.
func (s *stage) users(t *testing.T, how int, do func(user int, r *http.Request)) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: how}}
	url := "http://" + s.proxy.Addresses()[0].String() + "/cart"
	var all sync.WaitGroup
	for user := range how {
		all.Go(func() {
			pace := time.NewTicker(5 * time.Millisecond)
			defer pace.Stop()
			for ctx.Err() == nil {
				<-pace.C
				r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
				if err != nil {
					t.Error(err)
					return
				}
				do(user, r)
				resp, err := client.Do(r)
				if err != nil {
					continue // the end: a failed request shows in its version's counts
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
			}
		})
	}
	stop = sync.OnceFunc(func() { cancel(); all.Wait(); client.CloseIdleConnections() })
	t.Cleanup(stop)
	return stop
}

// begin starts the service's rollout, once the endpoints have been found usable.
func (s *stage) begin(t *testing.T) {
	t.Helper()
	if _, err := s.controller.StartRollout(rollout.Command{Service: "shop", By: "api:test"}, ""); err != nil {
		t.Fatal(err)
	}
}

// ask reads JSON from the admin API.
func (s *stage) ask(t *testing.T, path string, to any) {
	t.Helper()
	ln, _ := s.adminHost.current()
	resp, err := http.Get("http://" + ln.Addr().String() + "/api/v1/services/shop" + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", path, resp.Status)
	}
	if err := json.NewDecoder(resp.Body).Decode(to); err != nil {
		t.Fatal(err)
	}
}

// cart is an answer whose request id and times are noise that the example leaves
// out, and whose stamp is noise that it does not know of.
func cart(ctx *fasthttp.RequestCtx, n, price int64) {
	ctx.SetContentType("application/json")
	fmt.Fprintf(ctx, `{"request_id": "%p", "stamp": %d, "items": [{"price": 5, "updated_at": %d}, {"price": %d, "updated_at": 1}]}`, ctx, stamps.Add(1), n, price)
}

var stamps atomic.Int64 // never the same twice, whichever version asks

// The example of a shadow, in front of real backends: it tells what differs from what is
// noise, and users never meet it.
func TestShadowExample(t *testing.T) {
	for name, tt := range map[string]struct {
		price func(n int64) int64
		want  rollout.Phase
	}{
		"alike":              {func(int64) int64 { return 7 }, rollout.PhaseCompleted},
		"a third costs more": {func(n int64) int64 { return 7 + (n%3)/2 }, rollout.PhaseRolledBack},
	} {
		t.Run(name, func(t *testing.T) {
			var exposed atomic.Int64
			v1 := shopping(t, func(ctx *fasthttp.RequestCtx, n int64) { cart(ctx, n, 7) })
			v2 := shopping(t, func(ctx *fasthttp.RequestCtx, n int64) {
				if string(ctx.Request.Header.Peek("X-Sluice-Mirror")) != "1" {
					exposed.Add(1)
				}
				cart(ctx, n, tt.price(n))
			})
			s := raise(t, exampleWith(t, "shadow.yaml", "http://127.0.0.1:9001", v1.URL(), "http://127.0.0.1:9002", v2.URL(),
				"percent: 10\n", "percent: 100\n", "duration: 10m", "duration: 1s", "min_requests: 1000", "min_requests: 500"))
			s.users(t, 5, func(int, *http.Request) {})
			s.begin(t)
			until(t, "over", func() bool { return s.controller.Rollout("shop").Phase == tt.want })

			st := s.controller.Rollout("shop")
			if st.Shadow == nil || st.Shadow.Compared < 500 || st.Shadow.Noise != 1 || st.Shadow.Reported != (tt.want == rollout.PhaseRolledBack) {
				t.Errorf("%s: %s: %+v", st.Phase, st.Reason, st.Shadow)
			}
			if w := s.live.Load().Service("shop").Split.Weights(); w.Stable != "v1" || w.BP["v1"] != 10000 || exposed.Load() != 0 {
				t.Errorf("%d users met v2; weights %+v", exposed.Load(), w)
			}
			var report comparison.Report
			s.ask(t, "/comparison", &report)
			wantReport(t, report, tt.want == rollout.PhaseRolledBack)
			wantDifferences(t, s, tt.want == rollout.PhaseRolledBack)
		})
	}
}

// wantReport checks that times are told from prices, and that prices come with examples.
func wantReport(t *testing.T, r comparison.Report, dearer bool) {
	t.Helper()
	verdicts := map[string]comparison.Verdict{}
	for _, f := range r.Fields {
		verdicts[f.Path] = f.Verdict
		if f.Path == "$.items[*].price" && (len(f.Examples) != 5 || f.Examples[0].Field != "$.items[1].price" || f.Examples[0].Stable != "7" || f.Examples[0].Shadow != "8") {
			t.Errorf("examples: %+v", f.Examples)
		}
	}
	want := map[string]comparison.Verdict{"$.stamp": comparison.Noise}
	if dearer {
		want["$.items[*].price"] = comparison.Reported
	}
	if fmt.Sprint(verdicts) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", verdicts, want)
	}
}

// wantDifferences checks that the command names the price and not the noise.
func wantDifferences(t *testing.T, s *stage, dearer bool) {
	t.Helper()
	ln, _ := s.adminHost.current()
	out, err := call(t, "rollout", "status", "shop", "--admin="+ln.Addr().String())
	if err != nil || strings.Contains(out, "$.stamp") || strings.Contains(out, "reported  $.items[*].price (value)") != dearer ||
		strings.Contains(out, ": 7, in the copy 8\n") != dearer {
		t.Errorf("%v: got %s", err, out)
	}
}

// The example of an A/B test, in front of real backends: each user stays on one side, the key
// alone tells which, and the result tells the sides apart.
func TestABExample(t *testing.T) {
	const people = 40
	var seen [people]struct{ control, treatment atomic.Int64 }
	side := func(count func(user int) *atomic.Int64) func(*fasthttp.RequestCtx, int64) {
		return func(ctx *fasthttp.RequestCtx, _ int64) {
			var user int
			if _, err := fmt.Sscan(string(ctx.Request.Header.Peek("X-User-Id")), &user); err == nil {
				count(user).Add(1)
			}
		}
	}
	control := shopping(t, side(func(u int) *atomic.Int64 { return &seen[u].control }))
	treatment := shopping(t, side(func(u int) *atomic.Int64 { return &seen[u].treatment }))
	control.Set(backend.Behaviour{Delay: 5 * time.Millisecond})
	treatment.Set(backend.Behaviour{Delay: 50 * time.Millisecond})
	s := raise(t, exampleWith(t, "ab-test.yaml", "http://127.0.0.1:9001", control.URL(), "http://127.0.0.1:9002", treatment.URL(),
		"sticky: {cookie: sluice_shop}", "sticky: {header: X-User-Id}", "weight: 5, duration: 30m", "weight: 50, duration: 1s"))
	stop := s.users(t, people, func(user int, r *http.Request) { r.Header.Set("X-User-Id", fmt.Sprint(user)) })
	s.begin(t)
	until(t, "in its last stage, with results", func() bool {
		st := s.controller.Rollout("shop")
		return st.Stage == 1 && st.Waiting == "approval" && len(st.Results) >= 4
	})
	for i := range seen { // who comes now has been led by the shares of the test alone
		seen[i].control.Store(0)
		seen[i].treatment.Store(0)
	}
	until(t, "everybody has come", func() bool {
		for i := range seen {
			if seen[i].control.Load()+seen[i].treatment.Load() < 3 {
				return false
			}
		}
		return true
	})
	stop()
	treated := 0
	for user := range seen {
		a, b := seen[user].control.Load(), seen[user].treatment.Load()
		version, _ := s.live.Assign("shop", fmt.Sprint(user))
		if a > 1 && b > 1 || b > a && version != "treatment" || a > b && version != "control" {
			t.Errorf("user %d was %d times on control and %d times on treatment, and belongs to %s", user, a, b, version)
		}
		if version == "treatment" {
			treated++
		}
	}
	if treated < people/5 || treated > people*4/5 {
		t.Errorf("%d of %d are treated at equal shares", treated, people)
	}
	wantArms(t, s.controller.Rollout("shop").Results)
}

// wantArms checks that each figure lies in its interval, and that the slower side
// is told from the other beyond chance.
func wantArms(t *testing.T, results []rollout.ArmResult) {
	t.Helper()
	all := map[string]rollout.ArmResult{}
	for _, r := range results {
		if r.Low > r.Value || r.High < r.Value {
			t.Errorf("%+v: the value is outside of its interval", r)
		}
		all[r.Version+" "+r.Metric] = r
	}
	if a, b := all["control p50_latency"], all["treatment p50_latency"]; a.Requests == 0 || b.Requests == 0 || a.High >= b.Low {
		t.Errorf("control %+v, treatment %+v", a, b)
	}
	if a, b := all["control error_rate"], all["treatment error_rate"]; a.Requests == 0 || b.Requests == 0 || a.Value+b.Value != 0 {
		t.Errorf("control %+v, treatment %+v", a, b)
	}
}
