package proxy

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sluice/internal/backend"
	"sluice/router"
)

// patience is how long a test waits for what must come. It decides only how
// long a broken test takes to fail.
const patience = 10 * time.Second

// argument makes a value of Build's first parameter, whose package the proxy
// has no business importing.
func argument[C, T, W any](func(*C, *T, W) (*T, error)) *C { return new(C) }

// grow appends a zero element and returns it.
func grow[T any](s *[]T) *T {
	*s = append(*s, *new(T))
	return &(*s)[len(*s)-1]
}

// service is what a test says of the one service that it routes to. more is
// JSON over the service's configuration, by its Go field names; each, over each version's.
type service struct {
	urls    map[string]string // version → endpoint URLs, separated by blanks; "v1" is stable
	weights map[string]int    // hundredths of a percent; nil: all to v1
	shield  bool              // on all versions but v1
	more    string
	each    string
}

func table(t testing.TB, sv service, prev *router.Table) *router.Table {
	t.Helper()
	cfg := argument(router.Build)
	s := grow(&cfg.Services)
	s.Name, s.Stable = "shop", "v1"
	r := grow(&s.Routes)
	r.Path.Prefix = "/"
	s.Timeouts.Connect, s.Timeouts.Response = time.Second, 5*time.Second
	s.Timeouts.Idle, s.Timeouts.Tunnel = 5*time.Second, time.Minute
	s.Guard.Trip.Off = true
	for _, name := range []string{"v1", "v2"} {
		if sv.urls[name] == "" {
			continue
		}
		v := grow(&s.Versions)
		v.Name, v.Shield = name, sv.shield && name != "v1"
		v.WeightBP = sv.weights[name]
		if sv.weights == nil && name == "v1" {
			v.WeightBP = 10000
		}
		if sv.each != "" {
			if err := json.Unmarshal([]byte(sv.each), v); err != nil {
				t.Fatalf("each: %v", err)
			}
		}
		for _, raw := range strings.Fields(sv.urls[name]) {
			u, err := url.Parse(raw)
			if err != nil {
				t.Fatal(err)
			}
			e := grow(&v.Endpoints)
			e.URL, e.Scheme, e.Host = raw, u.Scheme, u.Hostname()
			e.Port, _ = strconv.Atoi(u.Port())
		}
	}
	if sv.more != "" {
		if err := json.Unmarshal([]byte(sv.more), s); err != nil {
			t.Fatalf("more: %v", err)
		}
	}
	tb, err := router.Build(cfg, prev, nil)
	if err != nil {
		t.Fatal(err)
	}
	return tb
}

// world is a running Server and how to reach it.
type world struct {
	t      testing.TB
	server *Server
	live   *router.Live
	addr   string
	cancel context.CancelFunc
	ended  chan struct{}
}

func start(t testing.TB, sv service, st Settings) *world {
	t.Helper()
	live := router.NewLive()
	live.Store(table(t, sv, nil))
	return serve(t, live, Options{Live: live}, st, nil)
}

func serve(t testing.TB, live *router.Live, o Options, st Settings, listeners []Listener) *world {
	t.Helper()
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	s.Configure(st)
	if listeners == nil {
		listeners = []Listener{{Address: "127.0.0.1:0"}}
	}
	if err := s.Listen(listeners); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	w := &world{t: t, server: s, live: live, addr: s.Addresses()[0].String(), cancel: cancel, ended: make(chan struct{})}
	go func() {
		defer close(w.ended)
		if err := s.Run(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
	}()
	t.Cleanup(w.stop)
	return w
}

func (w *world) stop() {
	w.cancel()
	select {
	case <-w.ended:
	case <-time.After(patience):
		w.t.Error("Run has not returned")
	}
	for _, p := range w.live.Load().Pools() {
		p.Retire(nil)
	}
}

func (w *world) version(name string) *router.Version {
	for _, v := range w.live.Load().Service("shop").Versions {
		if v.Name == name {
			return v
		}
	}
	w.t.Fatalf("no version %s", name)
	return nil
}

// client is a raw connection to the proxy.
type client struct {
	t testing.TB
	net.Conn
	br *bufio.Reader
}

func (w *world) dial() *client {
	w.t.Helper()
	nc, err := net.Dial("tcp", w.addr)
	if err != nil {
		w.t.Fatal(err)
	}
	return newClient(w.t, nc)
}

func newClient(t testing.TB, nc net.Conn) *client {
	t.Cleanup(func() { nc.Close() })
	if err := nc.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return &client{t: t, Conn: nc, br: bufio.NewReader(nc)}
}

func (c *client) send(format string, args ...any) *client {
	c.t.Helper()
	if _, err := io.WriteString(c.Conn, fmt.Sprintf(format, args...)); err != nil {
		c.t.Fatalf("send: %v", err)
	}
	return c
}

// reply is an answer read whole.
type reply struct {
	status  int
	header  http.Header
	body    string
	trailer http.Header
	close   bool
	chunked bool
	err     error // of reading the body
}

func (c *client) receive(method string) *reply {
	c.t.Helper()
	r, err := c.tryReceive(method)
	if err != nil {
		c.t.Fatalf("receive: %v", err)
	}
	return r
}

func (c *client) tryReceive(method string) (*reply, error) {
	a, err := http.ReadResponse(c.br, &http.Request{Method: method})
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(a.Body)
	return &reply{
		status: a.StatusCode, header: a.Header, body: string(b), trailer: a.Trailer, close: a.Close, err: err,
		chunked: len(a.TransferEncoding) > 0,
	}, nil
}

// get sends a GET for path and reads its answer.
func (c *client) get(path string, fields ...string) *reply {
	c.t.Helper()
	c.send("GET %s HTTP/1.1\r\nHost: shop.test\r\n%s\r\n", path, lines(fields))
	return c.receive("GET")
}

func lines(fields []string) string {
	var b strings.Builder
	for _, f := range fields {
		b.WriteString(f + "\r\n")
	}
	return b.String()
}

// closed fails the test unless the connection has ended, with nothing more to read.
func (c *client) closed() {
	c.t.Helper()
	b, err := io.ReadAll(c.br)
	if ne, ok := err.(net.Error); ok && ne.Timeout() {
		c.t.Fatal("the connection is still open")
	}
	if len(b) > 0 {
		c.t.Fatalf("more came before the end: %q", b)
	}
}

// await waits for what other goroutines have still to do.
func await(t testing.TB, what string, done func() bool) {
	t.Helper()
	poll := time.NewTicker(time.Millisecond)
	defer poll.Stop()
	deadline := time.After(patience)
	for !done() {
		select {
		case <-poll.C:
		case <-deadline:
			t.Fatalf("still not so: %s", what)
		}
	}
}

// origin is a raw upstream. Its handler is given each request and writes the
// answer's bytes itself; it returns false to close the connection.
type origin struct {
	*backend.Raw
	requests atomic.Int64
}

// originRequest is a request as an upstream sees it.
type originRequest struct {
	*http.Request
	head string // as it came
	conn net.Conn
	br   *bufio.Reader
}

func (r *originRequest) write(format string, args ...any) bool {
	_, err := io.WriteString(r.conn, fmt.Sprintf(format, args...))
	return err == nil
}

// ok answers 200 with body.
func (r *originRequest) ok(body string) bool {
	return r.write("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

func newOrigin(t testing.TB, handle func(r *originRequest) bool) *origin {
	t.Helper()
	o := &origin{}
	raw, err := backend.StartRaw(func(nc net.Conn, br *bufio.Reader) {
		br = bufio.NewReaderSize(br, 64<<10)
		for {
			head, err := peekHead(br)
			if err != nil {
				return
			}
			req, err := http.ReadRequest(br)
			if err != nil {
				t.Errorf("the upstream can't read %q: %v", head, err)
				return
			}
			o.requests.Add(1)
			if !handle(&originRequest{Request: req, head: head, conn: nc, br: br}) {
				return
			}
			_, _ = io.Copy(io.Discard, req.Body)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	o.Raw = raw
	t.Cleanup(raw.Close)
	return o
}

// peekHead returns the next head without consuming it.
func peekHead(br *bufio.Reader) (string, error) {
	for n := 1; ; n = br.Buffered() + 1 {
		if _, err := br.Peek(n); err != nil {
			return "", err
		}
		b, _ := br.Peek(br.Buffered())
		if i := strings.Index(string(b), "\r\n\r\n"); i >= 0 {
			return string(b[:i+4]), nil
		}
	}
}

func single(o *origin) service { return service{urls: map[string]string{"v1": o.URL()}} }
