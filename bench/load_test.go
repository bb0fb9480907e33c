package bench

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"sluice/internal/backend"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T, o backend.Options) *backend.Server {
	t.Helper()
	s, err := backend.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func mustRun(t *testing.T, ctx context.Context, o LoadOptions) Report {
	t.Helper()
	r, err := Run(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// stopAfter returns an Observer that calls stop once n requests have ended.
func stopAfter(n int64, stop func()) func(Result) {
	var ended atomic.Int64
	return func(Result) {
		if ended.Add(1) >= n {
			stop()
		}
	}
}

func TestClosedLoop(t *testing.T) {
	s := start(t, backend.Options{Name: "v1", Behaviour: backend.Behaviour{Status: 201, Body: []byte("four")}})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var seen sync.Map
	enough := stopAfter(1000, cancel)
	r := mustRun(t, ctx, LoadOptions{Address: s.Addr(), Connections: 4, CountHeader: "X-Backend", Observer: func(one Result) {
		if _, twice := seen.LoadOrStore(one.N, true); twice || one.Label != "v1" || one.Status != 201 || one.Failed() || one.Latency() <= 0 {
			t.Errorf("got %+v, seen before: %v", one, twice)
		}
		enough(one)
	}})
	n := r.Requests
	if n < 1000 || r.Status[201] != n || r.Labels["v1"] != n || r.Latency.Count() != n || r.Bytes != 4*n || r.Failed() != 0 {
		t.Errorf("%+v", r)
	}
	if s.Requests() != n+r.Abandoned || r.Connections != 4 || s.Accepted() != 4 {
		t.Errorf("server saw %d requests on %d connections; %+v", s.Requests(), s.Accepted(), r)
	}
	if text := r.String(); !strings.Contains(text, fmt.Sprintf("201: %d", n)) || !strings.Contains(text, fmt.Sprintf("v1: %d", n)) {
		t.Errorf("said %s", text)
	}
}

func TestConstantRate(t *testing.T) {
	s := start(t, backend.Options{})
	r := mustRun(t, t.Context(), LoadOptions{Address: s.Addr(), Rate: 1000, Duration: 500 * time.Millisecond})
	// A slow machine sends fewer, and says so; none sends more.
	if all := r.Requests + r.Unsent; all < 490 || all > 501 || s.Requests() != r.Requests {
		t.Errorf("%d requests and %d unsent, want 500 in all; server saw %d", r.Requests, r.Unsent, s.Requests())
	}
	if r.Failed() != 0 {
		t.Errorf("%+v", r)
	}
}

// One connection, 100 requests/s, a server that stops for 300 ms: those that were
// due meanwhile waited for most of it, and the figures must say so.
func TestNoCoordinatedOmission(t *testing.T) {
	const pause = 300 * time.Millisecond
	var count atomic.Int64
	b, err := backend.StartRaw(func(conn net.Conn, br *bufio.Reader) {
		for {
			if _, err := http.ReadRequest(br); err != nil {
				return
			}
			if count.Add(1) == 10 {
				time.Sleep(pause) // the server's own slowness: what is measured
			}
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	var slow atomic.Int64
	mustRun(t, t.Context(), LoadOptions{Address: b.Addr(), Connections: 1, Rate: 100, Duration: 600 * time.Millisecond, Observer: func(r Result) {
		if r.Latency() >= pause/2 {
			slow.Add(1)
		}
	}})
	if slow.Load() < 10 {
		t.Errorf("%d requests waited, want about 15", slow.Load())
	}
}

func TestFailures(t *testing.T) {
	down := start(t, backend.Options{})
	down.Close()
	tests := []struct {
		name  string
		serve func(net.Conn, *bufio.Reader)
		want  string
	}{
		{"timeout", func(_ net.Conn, br *bufio.Reader) { _, _ = io.Copy(io.Discard, br) }, "timeout"},
		{"closed at once", func(_ net.Conn, br *bufio.Reader) { _, _ = http.ReadRequest(br) }, "reset"},
		{"cut short", func(c net.Conn, br *bufio.Reader) {
			_, _ = http.ReadRequest(br)
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx")
		}, "reset"},
		{"no HTTP", func(c net.Conn, br *bufio.Reader) {
			_, _ = http.ReadRequest(br)
			_, _ = io.WriteString(c, "hello, world\r\n\r\n")
		}, "protocol"},
		{"refused", nil, "connect"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			address := down.Addr()
			if tt.serve != nil {
				b, err := backend.StartRaw(tt.serve)
				if err != nil {
					t.Fatal(err)
				}
				defer b.Close()
				address = b.Addr()
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			r := mustRun(t, ctx, LoadOptions{Address: address, Connections: 1, Timeout: 50 * time.Millisecond, Observer: stopAfter(3, cancel)})
			if r.Requests != 3 || r.Errors[tt.want] != 3 || r.Failed() != 3 || r.Latency.Count() != 0 {
				t.Errorf("%+v, want 3 %s", r, tt.want)
			}
		})
	}
}

// A server that ends a connection after each third answer, saying so, and one that
// just closes it while it idles: neither costs a request.
func TestPoliteReconnect(t *testing.T) {
	tests := []struct {
		name   string
		header string
	}{
		{"told", "Connection: close\r\n"},
		{"untold", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b, err := backend.StartRaw(func(conn net.Conn, br *bufio.Reader) {
				for i := range 3 {
					if _, err := http.ReadRequest(br); err != nil {
						return
					}
					last := ""
					if i == 2 {
						last = tt.header
					}
					_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n"+last+"Content-Length: 0\r\n\r\n")
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			r := mustRun(t, ctx, LoadOptions{Address: b.Addr(), Connections: 2, Observer: stopAfter(30, cancel)})
			if r.Failed() != 0 || r.Connections < 10 || (r.Retried > 0) != (tt.header == "") {
				t.Errorf("%+v", r)
			}
		})
	}
}

// An unsafe request is not sent twice: a lost answer is a failure.
func TestNoRepeat(t *testing.T) {
	var posts atomic.Int64
	b, err := backend.StartRaw(func(conn net.Conn, br *bufio.Reader) {
		for range 2 {
			r, err := http.ReadRequest(br)
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, r.Body)
			if posts.Add(1)%2 == 0 {
				return
			}
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r := mustRun(t, ctx, LoadOptions{Address: b.Addr(), Connections: 1, Method: "POST", Body: []byte("x"), Observer: stopAfter(10, cancel)})
	if r.Requests != 10 || r.Errors["reset"] != 5 || r.Retried != 0 || posts.Load() != 10 {
		t.Errorf("%+v, %d received", r, posts.Load())
	}
}

func TestAbandoned(t *testing.T) {
	s := start(t, backend.Options{Behaviour: backend.Behaviour{Hang: true}})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		for s.Requests() < 3 {
			time.Sleep(time.Millisecond)
		}
		cancel()
	}()
	r := mustRun(t, ctx, LoadOptions{Address: s.Addr(), Connections: 3, Timeout: time.Hour})
	if r.Requests != 0 || r.Abandoned != 3 || r.Failed() != 0 {
		t.Errorf("%+v", r)
	}
}

// A slow server keeps none of its answers from being counted, if Grace is long enough.
func TestGrace(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		cancel()
		<-time.After(defaultGrace + defaultGrace/4)
	}))
	defer server.Close()
	r := mustRun(t, ctx, LoadOptions{Address: server.Listener.Addr().String(), Connections: 1, Grace: time.Hour})
	if r.Requests != 1 || r.Abandoned != 0 || r.Failed() != 0 {
		t.Errorf("%+v", r)
	}
}

func TestRequests(t *testing.T) {
	got := make(chan string, 100)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- fmt.Sprint(r.Method, r.URL, r.Host, r.Header.Get("X-A"), string(body))
	}))
	defer server.Close()
	address := server.Listener.Addr().String()
	tests := []struct {
		name string
		in   LoadOptions
		want string
	}{
		{"least", LoadOptions{}, "GET/" + address},
		{"all", LoadOptions{Method: "PUT", Target: "/x?y", Host: "h", Header: map[string]string{"X-A": "1"}, Body: []byte("b")}, "PUT/x?yh1b"},
		{"own", LoadOptions{Request: func(b []byte, n uint64) []byte { return fmt.Appendf(b, "GET /%d HTTP/1.1\r\nHost: h\r\n\r\n", n) }}, "GET/0h"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			tt.in.Address, tt.in.Connections, tt.in.Observer = address, 1, stopAfter(1, cancel)
			mustRun(t, ctx, tt.in)
			if one := <-got; one != tt.want {
				t.Errorf("server got %q, want %q", one, tt.want)
			}
		})
	}
}

func TestTLS(t *testing.T) {
	lender := httptest.NewTLSServer(nil)
	defer lender.Close()
	s := start(t, backend.Options{Name: "secure", TLS: lender.TLS.Clone()})
	config := lender.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r := mustRun(t, ctx, LoadOptions{Address: s.Addr(), TLS: config, CountHeader: "x-backend", Observer: stopAfter(10, cancel)})
	if r.Failed() != 0 || r.Labels["secure"] < 10 {
		t.Errorf("%+v", r)
	}
}

func TestWrongOptions(t *testing.T) {
	for _, o := range []LoadOptions{{}, {Address: "x", Rate: -1}, {Address: "x", Connections: -1}, {Address: "x", Duration: -1}, {Address: "x", Timeout: -1}} {
		if _, err := Run(t.Context(), o); err == nil {
			t.Errorf("%+v was accepted", o)
		}
	}
}

// A rate beyond what one hanging connection allows: what was due and never sent is told.
func TestUnsent(t *testing.T) {
	s := start(t, backend.Options{Behaviour: backend.Behaviour{Hang: true}})
	r := mustRun(t, t.Context(), LoadOptions{Address: s.Addr(), Connections: 1, Rate: 20000, Duration: 200 * time.Millisecond, Timeout: 300 * time.Millisecond})
	if r.Requests != 1 || r.Errors["timeout"] != 1 || r.Unsent != 3999 {
		t.Errorf("%+v, want 1 sent of 4000", r)
	}
}
