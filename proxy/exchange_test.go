package proxy

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sluice/analysis"
)

// status answers every request with a status and the version's name.
func status(t *testing.T, code int, name string) *origin {
	return newOrigin(t, func(r *originRequest) bool {
		_, _ = io.Copy(io.Discard, r.Body)
		return r.write("HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s", code, len(name), name)
	})
}

// refusing is a URL where nothing listens.
func refusing(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return "http://" + ln.Addr().String()
}

func (w *world) wantRecorded(name string, want map[analysis.Outcome]uint64) {
	w.t.Helper()
	totals := w.version(name).Split.Totals()
	var sum uint64
	for o, n := range totals.ByOutcome {
		sum += n
		if n != want[analysis.Outcome(o)] {
			w.t.Errorf("%s: recorded %+v, want %v", name, totals.ByOutcome, want)
			break
		}
	}
	if totals.Started != sum {
		w.t.Errorf("%s: started %d, finished %d", name, totals.Started, sum)
	}
	if n := w.version(name).Active.Load(); n != 0 {
		w.t.Errorf("%s: %d still active", name, n)
	}
	if n := w.version(name).Retrying.Load(); n != 0 {
		w.t.Errorf("%s: %d still retrying", name, n)
	}
}

// allIdle waits until the exchanges' last strokes are done.
func (w *world) allIdle() {
	w.t.Helper()
	await(w.t, "nothing is active", func() bool {
		for _, v := range w.live.Load().Service("shop").Versions {
			if v.Active.Load() != 0 {
				return false
			}
		}
		return true
	})
}

func TestLocalAnswers(t *testing.T) {
	hang := func(r *originRequest) bool {
		_, _ = io.Copy(io.Discard, r.br) // until the proxy gives up
		return false
	}
	tests := []struct {
		name    string
		url     func(t *testing.T) string
		more    string
		want    int
		status  string
		outcome analysis.Outcome
	}{
		{"refused", refusing, "", 502, "connection_refused", analysis.ConnectError},
		{"hangs", func(t *testing.T) string {
			return newOrigin(t, hang).URL()
		}, `{"Timeouts":{"Response":50000000,"Connect":1000000000}}`, 504, "http_response_timeout", analysis.Timeout},
		{"hangs beyond the whole exchange", func(t *testing.T) string {
			return newOrigin(t, hang).URL()
		}, `{"Timeouts":{"Whole":50000000,"Connect":1000000000}}`, 504, "http_response_timeout", analysis.Timeout},
		{"closes", func(t *testing.T) string {
			return newOrigin(t, func(*originRequest) bool { return false }).URL()
		}, "", 502, "connection_terminated", analysis.Reset},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := start(t, service{urls: map[string]string{"v1": tt.url(t)}, more: tt.more}, Settings{})
			c := w.dial()
			for n := range uint64(2) { // the connection lives on
				got := c.get("/")
				if got.status != tt.want || got.header.Get("Proxy-Status") != "sluice; error="+tt.status || got.close {
					t.Errorf("got %d %q close=%v", got.status, got.header.Get("Proxy-Status"), got.close)
				}
				if strings.Contains(got.body+fmt.Sprint(got.header), "127.0.0.1") {
					t.Errorf("the answer tells where the upstream is: %v %q", got.header, got.body)
				}
				w.allIdle()
				w.wantRecorded("v1", map[analysis.Outcome]uint64{tt.outcome: n + 1})
			}
		})
	}
}

func TestOverLimitIsAFast503(t *testing.T) {
	release := make(chan struct{})
	o := newOrigin(t, func(r *originRequest) bool { <-release; return r.ok("") })
	sv := single(o)
	sv.more = `{"Limits":{"ConnectionsPerVersion":1,"PendingPerVersion":1},"Timeouts":{"Connect":100000000}}`
	w := start(t, sv, Settings{})
	first, second := w.dial(), w.dial()
	first.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	await(t, "the first is at the upstream", func() bool { return o.requests.Load() == 1 })
	second.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n") // waits, in vain
	await(t, "the second waits", func() bool { return w.version("v1").Active.Load() == 2 })
	got := w.dial().get("/")
	if got.status != 503 || got.header.Get("Retry-After") != "1" {
		t.Errorf("got %d, want 503 with Retry-After", got.status)
	}
	if got := second.receive("GET"); got.status != 503 && got.status != 504 {
		t.Errorf("the one that waited got %d", got.status)
	}
	close(release)
	if got := first.receive("GET"); got.status != 200 {
		t.Errorf("the first got %d", got.status)
	}
}

func TestRetries(t *testing.T) {
	tests := []struct {
		name, method, more string
		bad                func(t *testing.T) string
		want               int
		retried            bool
	}{
		{"503 of a GET", "GET", `{"Retries":{"Attempts":2,"On":["503"],"Budget":0.2}}`,
			func(t *testing.T) string { return status(t, 503, "bad").URL() }, 200, true},
		{"503 not listed", "GET", `{"Retries":{"Attempts":2,"On":["502"],"Budget":0.2}}`,
			func(t *testing.T) string { return status(t, 503, "bad").URL() }, 503, false},
		{"503 of a POST", "POST", `{"Retries":{"Attempts":2,"On":["503"],"Budget":0.2}}`,
			func(t *testing.T) string { return status(t, 503, "bad").URL() }, 503, false},
		{"503 of a PUT with a small body", "PUT", `{"Retries":{"Attempts":2,"On":["503"],"Budget":0.2}}`,
			func(t *testing.T) string { return status(t, 503, "bad").URL() }, 200, true},
		{"connect error of a POST", "POST", `{"Retries":{"Attempts":2,"On":["connect_error"],"Budget":0.2}}`, refusing, 200, true},
		{"reset of a GET", "GET", `{"Retries":{"Attempts":2,"On":["reset"],"Budget":0.2}}`,
			func(t *testing.T) string { return newOrigin(t, func(*originRequest) bool { return false }).URL() }, 200, true},
		{"reset of a POST", "POST", `{"Retries":{"Attempts":2,"On":["reset"],"Budget":0.2}}`,
			func(t *testing.T) string { return newOrigin(t, func(*originRequest) bool { return false }).URL() }, 502, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			good := status(t, 200, "good")
			w := start(t, service{urls: map[string]string{"v1": tt.bad(t) + " " + good.URL()}, more: tt.more}, Settings{})
			body := ""
			if tt.method != "GET" {
				body = "hello"
			}
			// The first endpoint is chosen by chance: some of these go to the good one at once.
			bad := 0
			for range 40 {
				before := w.version("v1").Split.Totals().ByOutcome[analysis.Success]
				got := w.dial().send("%s / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", tt.method, len(body), body).receive(tt.method)
				if w.version("v1").Split.Totals().ByOutcome[analysis.Success] > before {
					continue
				}
				if bad++; got.status != tt.want {
					t.Errorf("got %d, want %d", got.status, tt.want)
				}
				break
			}
			if bad == 0 {
				t.Fatal("the bad endpoint was never chosen")
			}
			w.allIdle()
			totals := w.version("v1").Split.Totals()
			if totals.Failed() != 1 {
				t.Errorf("recorded %+v, want one failure: first attempts are judged", totals)
			}
			if n := w.version("v1").Retries[analysis.Success].Load(); (n == 1) != tt.retried {
				t.Errorf("%d good retries", n)
			}
		})
	}
}

func TestShield(t *testing.T) {
	tests := []struct {
		name   string
		method string
		bad    func(t *testing.T) string
		want   int
	}{
		{"500", "GET", func(t *testing.T) string { return status(t, 500, "bad").URL() }, 200},
		{"refused", "GET", refusing, 200},
		{"cut before the head's end", "GET", func(t *testing.T) string {
			return newOrigin(t, func(r *originRequest) bool { r.write("HTTP/1.1 200"); return false }).URL()
		}, 200},
		{"not HTTP", "GET", func(t *testing.T) string {
			return newOrigin(t, func(r *originRequest) bool { r.write("hello\r\n\r\n"); return false }).URL()
		}, 200},
		{"a POST is not replayed", "POST", func(t *testing.T) string { return status(t, 500, "bad").URL() }, 500},
		{"404 is an answer", "GET", func(t *testing.T) string { return status(t, 404, "bad").URL() }, 404},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			good := status(t, 200, "good")
			w := start(t, service{
				urls:    map[string]string{"v1": good.URL(), "v2": tt.bad(t)},
				weights: map[string]int{"v2": 10000}, shield: true,
			}, Settings{})
			c := w.dial()
			got := c.send("%s / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", tt.method).receive(tt.method)
			if got.status != tt.want {
				t.Errorf("got %d, want %d", got.status, tt.want)
			}
			w.allIdle()
			v2 := w.version("v2")
			if tt.want == 200 {
				if v2.Split.Totals().Failed() != 1 || v2.Shielded.Load() != 1 {
					t.Errorf("v2: recorded %+v, shielded %d", v2.Split.Totals(), v2.Shielded.Load())
				}
				if n := w.version("v1").Retries[analysis.Success].Load(); n != 1 {
					t.Errorf("v1 answered %d", n)
				}
				w.wantRecorded("v1", nil) // not a first attempt of v1's
			} else if v2.Shielded.Load() != 0 {
				t.Error("shielded")
			}
			if got := c.get("/"); got.status == 0 {
				t.Error("the connection is lost")
			}
		})
	}
}

// A connection that the upstream closed while it idled is not a failure.
func TestStaleConnectionIsNoFailure(t *testing.T) {
	var conns atomic.Int64
	o := newOrigin(t, func(r *originRequest) bool {
		if strings.Contains(r.RequestURI, "last") {
			r.ok("")
			_ = r.conn.(*net.TCPConn).CloseWrite() // the proxy may have closed
			delivered(t, r.conn)                   // before it is closed here: a POST can't be repeated if its connection ends under it
			return false
		}
		conns.Add(1)
		return r.ok("")
	})
	w := start(t, single(o), Settings{})
	c := w.dial()
	for n := range 20 {
		if got := c.get("/last"); got.status != 200 {
			t.Fatalf("%d: got %d", n, got.status)
		}
		await(t, "the upstream has closed", func() bool { return o.Connections() == 0 })
		got := c.send("%s / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx", []string{"GET", "POST"}[n%2]).receive("GET")
		if got.status != 200 {
			t.Fatalf("%d: got %d after the connection went stale", n, got.status)
		}
	}
	w.allIdle()
	w.wantRecorded("v1", map[analysis.Outcome]uint64{analysis.Success: 40})
}

// A client that leaves takes its request with it, and its leaving speaks
// against nobody.
func TestClientGone(t *testing.T) {
	tests := []struct{ name, request, answer string }{
		{"before the head", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", ""},
		{"after a streamed body", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 70000\r\n\r\n" + strings.Repeat("x", 70000), ""},
		{"while it sends", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 70000\r\n\r\nxxx", ""},
		{"in the answer's body", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ended, arrived := make(chan struct{}), make(chan struct{})
			o := newOrigin(t, func(r *originRequest) bool {
				r.write("%s", tt.answer)
				close(arrived)
				_, _ = io.Copy(io.Discard, r.br) // until the proxy closes
				close(ended)
				return false
			})
			w := start(t, single(o), Settings{})
			c := w.dial().send("%s", tt.request)
			<-arrived
			c.Close()
			select {
			case <-ended:
			case <-time.After(patience):
				t.Fatal("the upstream still works for a client that has gone")
			}
			w.allIdle()
			w.wantRecorded("v1", map[analysis.Outcome]uint64{analysis.ClientGone: 1})
		})
	}
}

// An answer longer than a second counts when that second is over.
func TestLongAnswersCountEarly(t *testing.T) {
	release := make(chan struct{})
	o := newOrigin(t, func(r *originRequest) bool {
		r.write("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc")
		<-release
		return false
	})
	w := start(t, single(o), Settings{})
	c := w.dial().send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	await(t, "it counts as good", func() bool { return w.version("v1").Split.Totals().ByOutcome[analysis.Success] == 1 })
	close(release)
	if got := c.receive("GET"); got.err == nil {
		t.Error("the cut was not passed on")
	}
	await(t, "the break is counted", func() bool { return w.server.Stats().BrokenBodies == 1 })
	w.allIdle()
	w.wantRecorded("v1", map[analysis.Outcome]uint64{analysis.Success: 1})
}

func TestIdleAnswerBody(t *testing.T) {
	o := newOrigin(t, func(r *originRequest) bool {
		r.write("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc")
		_, _ = io.Copy(io.Discard, r.br) // until the proxy gives up
		return false
	})
	sv := single(o)
	sv.more = `{"Timeouts":{"Idle":50000000,"Connect":1000000000,"Response":1000000000}}`
	w := start(t, sv, Settings{})
	if got := w.dial().get("/"); got.err == nil || got.body != "abc" {
		t.Errorf("got %+v, want a cut answer", got)
	}
	w.allIdle()
	w.wantRecorded("v1", map[analysis.Outcome]uint64{analysis.Reset: 1})
}
