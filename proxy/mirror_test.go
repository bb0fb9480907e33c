package proxy

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sluice/internal/backend"
	"sluice/router"
	"sluice/upstream"
)

const mirroredHead = "GET /x?y=1 HTTP/1.1\r\nHost: shop\r\n\r\n"

func mirrorTo(t *testing.T, endpoint string) *router.Mirror {
	t.Helper()
	u, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		t.Fatal(err)
	}
	pool, err := upstream.New(upstream.Options{
		Service: "shop", Version: "v2", ConnectTimeout: time.Second, IdleTimeout: time.Minute,
		Endpoints: []upstream.Address{{URL: endpoint, Scheme: u.Scheme, Host: u.Hostname(), Port: port}},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pool.Retire(nil) })
	return &router.Mirror{
		Version: &router.Version{Service: "shop", Name: "v2"}, Pool: pool,
		Share: 1, MaxBody: 1 << 20, Timeout: 10 * time.Second,
	}
}

// runMirrors starts Run and returns what ends it and waits for that.
func runMirrors(t *testing.T, m *mirrors) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := m.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	stop = sync.OnceFunc(func() { cancel(); <-done })
	t.Cleanup(stop)
	return stop
}

func mirrorCount(m *mirrors, result string) (n uint64) {
	for _, c := range m.counts() {
		if c.Result == result {
			n += c.Count
		}
	}
	return n
}

func wantMirrored(t *testing.T, m *mirrors, result string, n uint64) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); mirrorCount(m, result) != n; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("want %d %s, have %+v", n, result, m.counts())
		}
	}
}

func TestMirrorCopy(t *testing.T) {
	got := make(chan *http.Request, 10)
	b, err := backend.StartRaw(func(conn net.Conn, br *bufio.Reader) {
		for {
			r, err := http.ReadRequest(br)
			if err != nil {
				return
			}
			body, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(body))
			got <- r
			fmt.Fprint(conn, "HTTP/1.1 500 no\r\nContent-Length: 2\r\n\r\nno")
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	m, rt := newMirrors(mirrorLimits{}, nil), mirrorTo(t, b.URL())
	runMirrors(t, m)

	head := []byte("POST /x?y=1 HTTP/1.1\r\nHost: shop\r\nContent-Length: 4\r\n\r\n")
	body := []byte("body")
	offer(m, rt, "shop", head, body)
	clear(head) // the caller's buffers are its own again
	clear(body)
	r := <-got
	read, _ := io.ReadAll(r.Body)
	if r.Method != "POST" || r.RequestURI != "/x?y=1" || r.Host != "shop" || string(read) != "body" || r.Header.Get("X-Sluice-Mirror") != "1" {
		t.Errorf("got %s %s to %s, %v, %q", r.Method, r.RequestURI, r.Host, r.Header, read)
	}
	wantMirrored(t, m, "sent", 1) // an answer is an answer, whatever it says

	offer(m, rt, "shop", []byte(mirroredHead), nil)
	if r := <-got; r.Method != "GET" || r.Header.Get("X-Sluice-Mirror") != "1" {
		t.Errorf("got %s %v", r.Method, r.Header)
	}
	wantMirrored(t, m, "sent", 2)
	if b.Accepted() != 1 {
		t.Errorf("%d connections, want one that is used again", b.Accepted())
	}
	if n := m.inFlight.Load() + m.bytes.Load(); n != 0 {
		eventually(t, "the budget is given back", func() bool { return m.inFlight.Load()+m.bytes.Load() == 0 })
	}
}

// What an answer must be for its connection to carry another copy.
func TestMirrorAnswers(t *testing.T) {
	long := strings.Repeat("x", mirrorAnswerBytes)
	tests := []struct {
		name, method, answer string
		result               string
		connections          uint64 // for two copies
	}{
		{"fixed", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "sent", 1},
		{"chunked", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-T: 1\r\n\r\n", "sent", 1},
		{"interim first", "GET", "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 102 P\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "sent", 1},
		{"head", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "sent", 1},
		{"no content", "GET", "HTTP/1.1 204 No\r\n\r\n", "sent", 1},
		{"longest kept", "GET", fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(long), long), "sent", 1},
		{"too long", "GET", fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\nx%s", len(long)+1, long), "sent", 2},
		{"closing", "GET", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", "sent", 2},
		{"HTTP/1.0", "GET", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", "sent", 2},
		{"more than framed", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200", "sent", 2},
		{"switching", "GET", "HTTP/1.1 101 S\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "sent", 2},
		{"no HTTP", "GET", "SSH-2.0-x\r\n\r\n", "failed", 2},
		{"cut short", "GET", "HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "failed", 2},
		{"interim without end", "GET", strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", maxInterim+1), "failed", 2},
		{"head too long", "GET", "HTTP/1.1 200 OK\r\nA: " + long, "failed", 2},
		{"lengths differ", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok", "failed", 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b, err := backend.StartRaw(func(conn net.Conn, br *bufio.Reader) {
				for {
					if _, err := http.ReadRequest(br); err != nil {
						return
					}
					_, _ = io.WriteString(conn, tt.answer)
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			m, rt := newMirrors(mirrorLimits{}, nil), mirrorTo(t, b.URL())
			stop := runMirrors(t, m)
			head := []byte(tt.method + " / HTTP/1.1\r\nHost: x\r\n\r\n")
			offer(m, rt, "shop", head, nil)
			wantMirrored(t, m, tt.result, 1)
			offer(m, rt, "shop", head, nil)
			wantMirrored(t, m, tt.result, 2)
			if b.Accepted() != tt.connections {
				t.Errorf("%d connections, want %d", b.Accepted(), tt.connections)
			}
			stop()
		})
	}
}

// A target that accepts and never answers must make nobody wait, and no other
// target's copies either.
func TestMirrorBlackHole(t *testing.T) {
	asked := make(chan struct{}, 100)
	hole, err := backend.StartRaw(func(_ net.Conn, br *bufio.Reader) {
		_, _ = br.ReadString('\n')
		asked <- struct{}{}
		_, _ = io.Copy(io.Discard, br)
	})
	if err != nil {
		t.Fatal(err)
	}
	defer hole.Close()
	well, err := backend.Start(backend.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer well.Close()

	m := newMirrors(mirrorLimits{MaxInFlight: 14}, nil)
	stop := runMirrors(t, m)
	black := mirrorTo(t, hole.URL())
	black.Timeout = time.Hour
	for range 7 { // all that one mirror may hold
		offer(m, black, "shop", []byte(mirroredHead), nil)
	}
	for range 7 {
		<-asked
	}
	good := mirrorTo(t, well.URL())
	for i := range 20 {
		offer(m, good, "other", []byte(mirroredHead), nil)
		wantMirrored(t, m, "sent", uint64(i+1))
		eventually(t, "a place is free", func() bool { return m.inFlight.Load() == 7 })
	}
	for range 10000 { // each returns although nothing moves
		offer(m, black, "shop", []byte(mirroredHead), nil)
	}
	wantMirrored(t, m, "dropped_in_flight", 10000)
	stop()
	wantMirrored(t, m, "dropped_stopping", 7)
	offer(m, black, "shop", []byte(mirroredHead), nil)
	wantMirrored(t, m, "dropped_stopping", 8)
}

func TestMirrorTimeout(t *testing.T) {
	b, err := backend.Start(backend.Options{Behaviour: backend.Behaviour{Hang: true}})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	m, rt := newMirrors(mirrorLimits{}, nil), mirrorTo(t, b.URL())
	rt.Timeout = 20 * time.Millisecond
	runMirrors(t, m)
	offer(m, rt, "shop", []byte(mirroredHead), nil)
	wantMirrored(t, m, "timeout", 1)
	eventually(t, "the connection is closed", func() bool { b.Set(backend.Behaviour{}); return b.Connections() == 0 })
}

func TestMirrorBytes(t *testing.T) {
	b, err := backend.Start(backend.Options{Behaviour: backend.Behaviour{Hang: true}})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	size := len(mirroredHead) + len(mirrorMark)
	m, rt := newMirrors(mirrorLimits{MaxBytes: int64(3*size + 1)}, nil), mirrorTo(t, b.URL())
	runMirrors(t, m)
	for range 5 {
		offer(m, rt, "shop", []byte(mirroredHead), nil)
	}
	wantMirrored(t, m, "dropped_bytes", 2)
	b.Set(backend.Behaviour{})
	wantMirrored(t, m, "sent", 3)
	eventually(t, "the budget is given back", func() bool { return m.bytes.Load() == 0 })
	offer(m, rt, "shop", []byte(mirroredHead), nil)
	wantMirrored(t, m, "sent", 4)
}

// A connection that the target closed while it idled is no failure of a safe request.
func TestMirrorStaleConnection(t *testing.T) {
	b, err := backend.Start(backend.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	m, rt := newMirrors(mirrorLimits{}, nil), mirrorTo(t, b.URL())
	runMirrors(t, m)
	offer(m, rt, "shop", []byte(mirroredHead), nil)
	wantMirrored(t, m, "sent", 1)
	b.CloseConnections()
	eventually(t, "it is closed", func() bool { return b.Connections() == 0 })
	offer(m, rt, "shop", []byte(mirroredHead), nil)
	wantMirrored(t, m, "sent", 2)
	if mirrorCount(m, "failed") != 0 || b.Requests() != 2 {
		t.Errorf("%+v, %d requests", m.counts(), b.Requests())
	}
}

func TestMirrorConnectError(t *testing.T) {
	b, err := backend.Start(backend.Options{})
	if err != nil {
		t.Fatal(err)
	}
	b.Close()
	m, rt := newMirrors(mirrorLimits{}, nil), mirrorTo(t, b.URL())
	runMirrors(t, m)
	offer(m, rt, "shop", []byte(mirroredHead), nil)
	wantMirrored(t, m, "failed", 1)
}

func TestMirrorSkips(t *testing.T) {
	m, rt := newMirrors(mirrorLimits{}, nil), &router.Mirror{Version: &router.Version{Name: "v2"}, MaxBody: 3}
	offer(m, rt, "shop", []byte(mirroredHead), []byte("four"))
	m.skip(rt, "shop", "method")
	m.skip(rt, "shop", "method")
	want := "[{shop v2 skipped_body_too_large 1} {shop v2 skipped_method 2}]"
	if got := fmt.Sprint(m.counts()); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestMirrorWants(t *testing.T) {
	tests := []struct {
		name   string
		in     *router.Mirror
		method string
		want   float64 // share
	}{
		{"no mirror", nil, "GET", 0},
		{"nothing", &router.Mirror{Share: 0}, "GET", 0},
		{"all", &router.Mirror{Share: 1}, "GET", 1},
		{"unsafe by default", &router.Mirror{Share: 1}, "POST", 0},
		{"allowed by name", &router.Mirror{Share: 1, Methods: []string{"GET", "POST"}}, "POST", 1},
		{"not on the list", &router.Mirror{Share: 1, Methods: []string{"HEAD"}}, "GET", 0},
		{"a tenth", &router.Mirror{Share: 0.1}, "GET", 0.1},
	}
	m := newMirrors(mirrorLimits{}, nil)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			const n = 100000
			got := 0
			for i := range uint64(n) {
				// Low numbers alone: those that a split gave to its first version.
				if m.wants(tt.in, []byte(tt.method), i*1e9) {
					got++
				}
			}
			if share := float64(got) / n; share < tt.want-0.005 || share > tt.want+0.005 {
				t.Errorf("share %v, want %v", share, tt.want)
			}
		})
	}
}

// Many requests at once, with -race: each copy is counted exactly once.
func TestMirrorConcurrent(t *testing.T) {
	b, err := backend.Start(backend.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	m, rt := newMirrors(mirrorLimits{MaxInFlight: 16}, nil), mirrorTo(t, b.URL())
	runMirrors(t, m)
	const callers, each = 8, 500
	var wg sync.WaitGroup
	var offered atomic.Uint64
	for range callers {
		wg.Go(func() {
			for range each {
				offer(m, rt, "shop", []byte(mirroredHead), nil)
				offered.Add(1)
			}
		})
	}
	wg.Wait()
	eventually(t, "all have ended", func() bool { return m.inFlight.Load() == 0 })
	sent, dropped := mirrorCount(m, "sent"), mirrorCount(m, "dropped_in_flight")
	if sent+dropped != callers*each || b.Requests() != sent {
		t.Errorf("%+v, %d received, want %d in all", m.counts(), b.Requests(), callers*each)
	}
}

// What a copy costs the request that it is made of.
func BenchmarkMirrorOffer(b *testing.B) {
	m := newMirrors(mirrorLimits{}, nil)
	rt := &router.Mirror{Version: &router.Version{Name: "v2"}}
	head := []byte("GET /x?y=1 HTTP/1.1\r\nHost: shop\r\nUser-Agent: " + strings.Repeat("x", 500) + "\r\n\r\n")
	b.ReportAllocs()
	for b.Loop() {
		offer(m, rt, "shop", head, nil)
		c := <-m.queue
		m.count(c.to, c.service, mirrorSent)
		m.done(c)
	}
}

// offer takes a copy and has it sent.
func offer(m *mirrors, rt *router.Mirror, service string, head, body []byte) {
	if c := m.take(rt, service, head, body); c != nil {
		m.put(c)
	}
}
