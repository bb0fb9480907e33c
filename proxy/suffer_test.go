package proxy

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"sluice/analysis"
)

// inject makes v2 suffer; what is JSON over a config.Injection, by its Go field names.
func (w *world) inject(what string) {
	w.t.Helper()
	if err := injected(w.live.Inject, what); err != nil {
		w.t.Fatal(err)
	}
}

// injected calls f with a value of a type whose package the proxy has no business importing.
func injected[T any](f func(service, version string, in T, until time.Time) error, what string) error {
	var in T
	if err := json.Unmarshal([]byte(what), &in); err != nil {
		return err
	}
	return f("shop", "v2", in, time.Now().Add(time.Minute))
}

// all makes an injection for all traffic.
func all(what string) string { return `{"Name":"x","Percent":100,"Traffic":"all",` + what + `}` }

const aMinute = `"Delay":60000000000`

// suffering is a world whose v2 has all the traffic, with the requests that reached either version.
func suffering(t *testing.T, more string) (w *world, v1, v2 *origin) {
	v1, v2 = echo(t), echo(t)
	return start(t, service{
		urls: map[string]string{"v1": v1.URL(), "v2": v2.URL()}, weights: map[string]int{"v2": 10000}, shield: true, more: more,
	}, Settings{}), v1, v2
}

func (w *world) held(n int64) {
	w.t.Helper()
	await(w.t, "requests held", func() bool { return w.version("v2").Active.Load() == n })
}

// unjudged fails the test if anything of what was injected was recorded as the version's.
func (w *world) unjudged(want uint64) {
	w.t.Helper()
	v := w.version("v2")
	if v.Split.Totals() != (analysis.Totals{}) || v.Ruled.Totals() != (analysis.Totals{}) || v.Exemplars.IDs() != nil {
		w.t.Errorf("judged: %+v, %+v, %v", v.Split.Totals(), v.Ruled.Totals(), v.Exemplars.IDs())
	}
	if n := v.Injected.Load(); n != want {
		w.t.Errorf("%d requests counted as injected, want %d", n, want)
	}
}

func TestInjectedAbort(t *testing.T) {
	w, v1, v2 := suffering(t, "")
	w.inject(all(`"Abort":418`))
	c := w.dial()
	for range 2 { // on one connection
		got := c.get("/", "Accept: application/json")
		if got.status != 418 || got.header.Get("X-Sluice-Injected") != "abort" || !strings.Contains(got.body, `"status":418`) {
			t.Errorf("got %d, %v, %s", got.status, got.header, got.body)
		}
		if ps := got.header.Get("Proxy-Status"); ps != `sluice; error=proxy_internal_response; details="injected fault"` {
			t.Errorf("Proxy-Status is %q", ps)
		}
	}
	if v1.requests.Load()+v2.requests.Load() != 0 {
		t.Error("an upstream was asked")
	}
	w.unjudged(2)
}

func TestInjectedReset(t *testing.T) {
	w, v1, v2 := suffering(t, "")
	w.inject(all(`"Reset":true`))
	c := w.dial().send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	if a, err := c.tryReceive("GET"); err == nil {
		t.Errorf("got an answer: %+v", a)
	}
	if v1.requests.Load()+v2.requests.Load() != 0 {
		t.Error("an upstream was asked")
	}
	w.held(0)
	w.unjudged(1)
}

func TestInjectedBlackhole(t *testing.T) {
	w, _, v2 := suffering(t, `{"Timeouts":{"Response":50000000}}`)
	w.inject(all(`"Blackhole":true`))
	c := w.dial()
	began := time.Now()
	got := c.get("/")
	if took := time.Since(began); got.status != 504 || took < 50*time.Millisecond {
		t.Errorf("got %d after %s", got.status, took)
	}
	if got.header.Get("X-Sluice-Injected") != "blackhole" || !strings.Contains(got.header.Get("Proxy-Status"), "http_response_timeout") {
		t.Errorf("got %v", got.header)
	}
	if v2.requests.Load() != 0 {
		t.Error("the upstream was asked")
	}
	w.unjudged(1)
}

func TestInjectedDelay(t *testing.T) {
	w, _, _ := suffering(t, "")
	w.inject(all(`"Delay":30000000`))
	began := time.Now()
	got := w.dial().get("/a")
	if took := time.Since(began); got.status != 200 || got.body != "GET /a " || took < 30*time.Millisecond {
		t.Errorf("got %d %q after %s", got.status, got.body, took)
	}
	if got.header.Get("X-Sluice-Injected") != "delay" {
		t.Errorf("got %v", got.header)
	}
	w.unjudged(1)
}

// Who waits takes no connection, and goes on when the experiment is ended.
func TestEndedInjectionReleasesWhoWaits(t *testing.T) {
	for name, what := range map[string]string{"delay": aMinute, "delay and abort": aMinute + `,"Abort":500`, "blackhole": `"Blackhole":true`} {
		t.Run(name, func(t *testing.T) {
			w, _, v2 := suffering(t, `{"Timeouts":{"Response":0}}`)
			w.inject(all(what))
			c := w.dial().send("GET /a HTTP/1.1\r\nHost: a\r\n\r\n")
			w.held(1)
			pool := w.live.Load().Service("shop").Pools[1]
			if open, waiting := pool.Connections(); open+waiting != 0 || v2.requests.Load() != 0 {
				t.Errorf("%d connections open, %d waited for", open, waiting)
			}
			if _, err := w.live.EndInjection("shop", "v2"); err != nil {
				t.Fatal(err)
			}
			if got := c.receive("GET"); got.status != 200 || got.body != "GET /a " {
				t.Errorf("got %d %q", got.status, got.body)
			}
			w.unjudged(1)
		})
	}
}

func TestClientThatLeavesEndsItsDelay(t *testing.T) {
	w, _, v2 := suffering(t, "")
	w.inject(all(aMinute))
	c := w.dial().send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	w.held(1)
	c.Close()
	w.held(0)
	if v2.requests.Load() != 0 {
		t.Error("the upstream was asked")
	}
	w.unjudged(1)
}

// A client that goes on sending is read no further than the buffer, and is found
// whole when the delay is over.
func TestInjectedDelayOfALargeBody(t *testing.T) {
	w, _, _ := suffering(t, "")
	w.inject(all(aMinute))
	body := strings.Repeat("0123456789abcdef", 64<<10)
	c := w.dial()
	sent := make(chan error, 1)
	go func() {
		_, err := c.Write([]byte("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1048576\r\n\r\n" + body))
		sent <- err
	}()
	w.held(1)
	if _, err := w.live.EndInjection("shop", "v2"); err != nil {
		t.Fatal(err)
	}
	if got := c.receive("POST"); got.status != 200 || got.body != "POST /a "+body {
		t.Errorf("got %d and %d bytes", got.status, len(got.body))
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
}

func TestWholeTimeoutEndsADelay(t *testing.T) {
	w, _, v2 := suffering(t, `{"Timeouts":{"Whole":50000000}}`)
	w.inject(all(aMinute))
	if got := w.dial().get("/"); got.status != 504 || got.header.Get("X-Sluice-Injected") != "delay" {
		t.Errorf("got %d, %v", got.status, got.header)
	}
	if v2.requests.Load() != 0 {
		t.Error("the upstream was asked")
	}
}

// A drain waits for requests, and not for experiments.
func TestDrainReleasesWhoWaits(t *testing.T) {
	w, _, _ := suffering(t, "")
	w.inject(all(aMinute))
	c := w.dial().send("GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	w.held(1)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	drained := make(chan error, 1)
	go func() { drained <- w.server.Drain(ctx) }()
	if got := c.receive("GET"); got.status != 200 {
		t.Errorf("got %d", got.status)
	}
	if err := <-drained; err != nil {
		t.Error(err)
	}
}

// The end of Run does not wait for experiments either.
func TestStopBreaksADelayOff(t *testing.T) {
	w, _, _ := suffering(t, "")
	w.inject(all(aMinute))
	w.dial().send("GET /a HTTP/1.1\r\nHost: a\r\n\r\n")
	w.held(1)
	w.stop() // fails the test if Run does not return
}

func TestInjectionIntoPreviews(t *testing.T) {
	w, _, _ := suffering(t, `{"Rollout":{"Canary":"v2","Preview":{"Headers":{"X-Preview":{"Exact":"yes"}}}}}`)
	w.inject(`{"Percent":100,"Abort":500}`)
	if got := w.dial().get("/"); got.status != http.StatusOK {
		t.Errorf("a user got %d", got.status)
	}
	if got := w.dial().get("/", "X-Preview: yes"); got.status != 500 || got.header.Get("X-Sluice-Injected") != "abort" {
		t.Errorf("a preview got %d, %v", got.status, got.header)
	}
}

// What an endpoint really does after an injected delay is not judged either.
func TestFailureAfterAnInjectedDelayIsNotJudged(t *testing.T) {
	bad := newOrigin(t, func(r *originRequest) bool {
		return r.write("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n")
	})
	w := start(t, service{urls: map[string]string{"v1": echo(t).URL(), "v2": bad.URL()}, weights: map[string]int{"v2": 10000}}, Settings{})
	w.inject(all(`"Delay":1000000`))
	if got := w.dial().get("/"); got.status != 500 || got.header.Get("X-Sluice-Injected") != "delay" {
		t.Errorf("got %d, %v", got.status, got.header)
	}
	w.unjudged(1)
}
