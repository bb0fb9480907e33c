package e2e

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sluice/bench"
)

// people are users with keys of their own, in turn.
func people(n uint64, address string) func(*bench.LoadOptions) {
	return func(o *bench.LoadOptions) {
		o.Request = func(dst []byte, i uint64) []byte {
			return fmt.Appendf(dst, "GET / HTTP/1.1\r\nHost: %s\r\nX-User-Id: user-%d\r\n\r\n", address, i%n)
		}
	}
}

// The example of an A/B test: each user stays on a side that can be worked out from the key
// alone, and the result tells the sides apart, each with its interval.
func TestABTestExample(t *testing.T) {
	t.Parallel()
	const users = 50
	control, treatment := startShop(t, "1"), startShop(t, "2")
	var met [users]struct{ control, treatment atomic.Uint64 }
	sell := func(delay time.Duration, count func(user int) *atomic.Uint64) *http.HandlerFunc {
		f := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			var user int
			if _, err := fmt.Sscanf(r.Header.Get("X-User-Id"), "user-%d", &user); err == nil {
				count(user).Add(1)
			}
			<-time.After(delay)
		})
		return &f
	}
	control.sell.Store(sell(2*time.Millisecond, func(u int) *atomic.Uint64 { return &met[u].control }))
	treatment.sell.Store(sell(30*time.Millisecond, func(u int) *atomic.Uint64 { return &met[u].treatment }))
	p := boot(t, example(t, "ab-test.yaml", at([]*shop{control, treatment},
		"sticky: {cookie: sluice_shop}", "sticky: {header: X-User-Id}", "weight: 5, duration: 30m", "weight: 50, duration: 1s")...))
	load := startTraffic(t, p, 300, "/", people(users, p.listen))
	p.begin()
	p.until("in its last stage, with results", func() bool {
		r := p.rollout("shop")
		return r.Stage == 1 && r.Waiting == "approval" && len(r.Results) >= 6
	})
	for i := range met { // who comes now has been led by the shares of the test alone
		met[i].control.Store(0)
		met[i].treatment.Store(0)
	}
	mark := load.answered.Load()
	p.until("everybody came ten times", func() bool { return load.answered.Load() > mark+10*users })
	wantAssigned(t, p, users, func(u int) (a, b uint64) { return met[u].control.Load(), met[u].treatment.Load() })
	wantIntervals(t, p.rollout("shop"))
	if code := p.order("promote"); code != http.StatusOK {
		t.Errorf("promote: status %d", code)
	}
	p.untilPhase("promoted")
	load.wantNoMoreTraffic(t, p, control)
	load.wantNoFailure(t)
}

// wantAssigned checks that each user met the side that the API names for the key, and no other but with
// a request that was in flight as the shares changed.
func wantAssigned(t testing.TB, p *process, users int, met func(user int) (control, treatment uint64)) {
	t.Helper()
	treated := 0
	for user := range users {
		var said struct{ Version, Why string }
		p.api("GET", "/api/v1/services/shop/assignment?key="+url.QueryEscape(fmt.Sprint("user-", user)), nil, &said)
		a, b := met(user)
		if said.Version == "treatment" {
			treated++
			a, b = b, a
		}
		if a < 5 || b > 1 {
			t.Errorf("user %d belongs to %s, was there %d times and elsewhere %d times", user, said.Version, a, b)
		}
	}
	if treated < users/5 || treated > users*4/5 {
		t.Errorf("%d of %d are treated at equal shares", treated, users)
	}
}

func wantIntervals(t testing.TB, r runRollout) {
	t.Helper()
	type interval struct{ low, high float64 }
	all := map[string]interval{}
	for _, a := range r.Results {
		if a.Low > a.Value || a.High < a.Value || a.Requests == 0 {
			t.Errorf("%+v: the value is outside of its interval", a)
		}
		all[a.Version+" "+a.Metric] = interval{a.Low, a.High}
	}
	fast, slow := all["control p50_latency"], all["treatment p50_latency"]
	if fast.low == 0 || slow.low < 25 || fast.high >= slow.low {
		t.Errorf("p50: control %+v ms, treatment %+v ms, which takes 28 ms longer", fast, slow)
	}
	if good, ok := all["treatment error_rate"]; !ok || good.low != 0 || good.high > 0.2 {
		t.Errorf("error rate of treatment: %+v", good)
	}
}

// basket is an answer whose request id and times the example leaves out, and whose stamp is noise
// that it does not know of.
func basket(price func(n uint64) int) *http.HandlerFunc {
	var n atomic.Uint64
	f := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		now := time.Now().UnixNano()
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"request_id": %d, "stamp": %d, "items": [{"price": 5, "updated_at": %d}, {"price": %d, "updated_at": 1}]}`, now, now, now, price(n.Add(1)))
	})
	return &f
}

// The example of a shadow: users never meet it, and what it answers otherwise is told by path and field.
func TestShadowExample(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		price  func(n uint64) int
		end    string
		fields string
	}{
		"alike":              {func(uint64) int { return 7 }, "completed", "map[$.stamp:noise]"},
		"a third costs more": {func(n uint64) int { return 7 + int(n%3)/2 }, "rolled_back", "map[$.items[*].price:reported $.stamp:noise]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v1, v2 := startShop(t, "1"), startShop(t, "2")
			v1.sell.Store(basket(func(uint64) int { return 7 }))
			v2.sell.Store(basket(tt.price))
			p := boot(t, example(t, "shadow.yaml", at([]*shop{v1, v2}, "percent: 10\n", "percent: 100\n",
				"duration: 10m", "duration: 1s", "min_requests: 1000", "min_requests: 500")...))
			load := startTraffic(t, p, 300, "/basket")
			p.begin()
			r := p.untilPhase(tt.end)
			load.wantNoFailure(t)
			if r.Shadow == nil || r.Shadow.Compared < 500 || r.Shadow.Reported != (tt.end == "rolled_back") {
				t.Errorf("%s: %+v", r.Reason, r.Shadow)
			}
			if all, copies := v2.sold.Load(), v2.copies.Load(); all != copies || copies == 0 {
				t.Errorf("v2 had %d requests, of which %d were copies", all, copies)
			}
			wantDifferences(t, p, tt.fields)
		})
	}
}

func wantDifferences(t testing.TB, p *process, want string) {
	t.Helper()
	var report struct {
		Fields []struct {
			Path, Verdict string
			Examples      []struct{ Field, Stable, Shadow string }
		}
	}
	p.api("GET", "/api/v1/services/shop/comparison", nil, &report)
	got := map[string]string{}
	for _, f := range report.Fields {
		got[f.Path] = f.Verdict
		if f.Path == "$.items[*].price" && (len(f.Examples) == 0 || f.Examples[0].Field != "$.items[1].price" || f.Examples[0].Stable != "7" || f.Examples[0].Shadow != "8") {
			t.Errorf("examples of price: %+v", f.Examples)
		}
	}
	if fmt.Sprint(got) != want {
		t.Errorf("differences: got %v, want %s", got, want)
	}
}

// The example of a rolling update: the share follows the endpoints that are ready, one by one.
func TestRollingExample(t *testing.T) {
	t.Parallel()
	// In the order of the example's ports: 9001 and 9003 are v1's.
	shops := []*shop{startShop(t, "1"), startShop(t, "2"), startShop(t, "1"), startShop(t, "2")}
	first, second := shops[1], shops[3]
	first.sick.Store(true)
	second.sick.Store(true)
	p := boot(t, example(t, "rolling.yaml", at(shops, "interval: 5s", "interval: 500ms", "timeout: 1s", "timeout: 100ms",
		"duration: 10s", "duration: 1s", "max_unavailable: 1", "max_unavailable: 0")...))
	load := startTraffic(t, p, 500, "/")
	p.begin()
	p.until("it waits for endpoints", func() bool { r := p.rollout("shop"); return r.Waiting == "endpoints" && r.Weight == 0 })
	if n := first.sold.Load() + second.sold.Load(); n != 0 {
		t.Errorf("%d users met an instance that is not ready", n)
	}
	first.sick.Store(false)
	p.until("the first half", func() bool { return p.version("shop", "v2").Weight == 50 })
	p.until("the first has traffic", func() bool { return first.sold.Load() > 300 })
	if n, w := second.sold.Load(), p.version("shop", "v2").Weight; n != 0 || w != 50 {
		t.Errorf("with one of two endpoints: weight %g, %d users met the other", w, n)
	}
	second.sick.Store(false)
	p.untilPhase("promoted")
	load.wantNoMoreTraffic(t, p, shops[0])
	if first.sold.Load() == 0 || second.sold.Load() == 0 {
		t.Errorf("endpoints of v2 had %d and %d requests", first.sold.Load(), second.sold.Load())
	}
	load.wantNoFailure(t)
}

// A rolling update whose second instance never comes up goes back after max_wait.
func TestRollingExampleThatHalts(t *testing.T) {
	t.Parallel()
	shops := []*shop{startShop(t, "1"), startShop(t, "2"), startShop(t, "1"), startShop(t, "2")}
	shops[3].sick.Store(true)
	p := boot(t, example(t, "rolling.yaml", at(shops, "interval: 5s", "interval: 100ms", "timeout: 1s", "timeout: 100ms",
		"duration: 10s", "duration: 1s", "max_unavailable: 1", "max_unavailable: 0", "max_wait: 10m", "max_wait: 6s")...))
	load := startTraffic(t, p, 500, "/")
	p.begin()
	r := p.untilPhase("rolled_back")
	if !strings.Contains(r.Reason, "needs 2 of the endpoints of v2 ready; 1 are") {
		t.Errorf("the reason is %s", r.Reason)
	}
	load.wantNoMoreTraffic(t, p, shops[1])
	load.wantNoFailure(t)
	if n := shops[3].sold.Load(); n != 0 {
		t.Errorf("%d users met an instance that was never ready", n)
	}
}
