package upstream

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// backend answers /health with a status and a body that tests may change.
type backend struct {
	*httptest.Server
	status atomic.Int64
	body   atomic.Value
	asked  atomic.Int64
	host   atomic.Value
}

func newBackend(t *testing.T) *backend {
	b := &backend{}
	b.status.Store(200)
	b.body.Store("{}")
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.asked.Add(1)
		b.host.Store(r.Host)
		w.WriteHeader(int(b.status.Load()))
		fmt.Fprint(w, b.body.Load())
	}))
	t.Cleanup(b.Close)
	return b
}

func (b *backend) address() Address { return addressOf(b.Listener.Addr().String(), "http") }

// often is a Health whose rounds follow each other quickly.
func often(checks ...Check) *Health {
	return &Health{Interval: 5 * time.Millisecond, Timeout: patience, HealthyThreshold: 2, UnhealthyThreshold: 3, Checks: checks}
}

func TestHealthGoesDownAndUpByThresholds(t *testing.T) {
	a, b := newBackend(t), newBackend(t)
	p := retired(t, Options{Endpoints: []Address{a.address(), b.address()}, Health: often(Check{Path: "/health"})})
	_, changes := watched(t, p)
	ea, eb := p.Endpoints()[0], p.Endpoints()[1]
	eventually(t, "first checks", func() bool { return a.asked.Load() > 2 && b.asked.Load() > 2 })

	a.status.Store(500)
	c := nextChange(t, changes)
	if c.Healthy || c.Last || c.Endpoint != ea.URL() || !strings.Contains(c.Reason, "3 checks failed in a row") ||
		!strings.Contains(c.Reason, "status 500, want 200") {
		t.Errorf("change %+v", c)
	}
	if ea.Healthy() || !eb.Healthy() || !p.Usable() {
		t.Error("want one down, one up, and the version usable")
	}
	b.status.Store(404)
	if c = nextChange(t, changes); c.Healthy || !c.Last || c.Endpoint != eb.URL() {
		t.Errorf("change %+v", c)
	}
	if p.Usable() {
		t.Error("usable with every endpoint down")
	}
	pick(t, p, nil) // panic: all are used
	a.status.Store(200)
	if c = nextChange(t, changes); !c.Healthy || c.Last || c.Endpoint != ea.URL() || !strings.Contains(c.Reason, "2 checks passed") {
		t.Errorf("change %+v", c)
	}
	if !p.Usable() {
		t.Error("not usable again")
	}
}

// A new endpoint is trusted with requests, but only checks that passed prove that it is ready for more.
func TestEndpointIsProvenByItsChecks(t *testing.T) {
	good, bad := newBackend(t), newBackend(t)
	bad.status.Store(500)
	p := retired(t, Options{Endpoints: []Address{good.address(), bad.address()}, Health: often(Check{Path: "/health"})})
	eg, eb := p.Endpoints()[0], p.Endpoints()[1]
	if !p.Checked() || !eg.Healthy() || !eb.Healthy() || eg.Proven() || eb.Proven() {
		t.Fatal("before the first check: want both healthy and none proven")
	}
	_, changes := watched(t, p)
	if c := nextChange(t, changes); c.Endpoint != eb.URL() || c.Healthy || eb.Proven() {
		t.Errorf("change %+v, proven %v", c, eb.Proven())
	}
	eventually(t, "the good one is proven", eg.Proven)
	if n := good.asked.Load(); n < 2 {
		t.Errorf("proven after %d checks, want 2", n)
	}
	bad.status.Store(200)
	if c := nextChange(t, changes); !c.Healthy || !eb.Proven() {
		t.Errorf("change %+v, proven %v", c, eb.Proven())
	}
	good.status.Store(500)
	if c := nextChange(t, changes); c.Healthy || eg.Proven() {
		t.Errorf("change %+v, proven %v", c, eg.Proven())
	}
	if unchecked := newPool(t, Options{Endpoints: literals(1)}, nil); unchecked.Checked() {
		t.Error("checked without checks")
	}
}

func TestHealthOutlivesAReload(t *testing.T) {
	b := newBackend(t)
	b.status.Store(500)
	o := Options{Endpoints: []Address{b.address()}, Health: often(Check{Path: "/health"})}
	old := newPool(t, o, nil)
	prober, changes := watched(t, old)
	if c := nextChange(t, changes); c.Healthy {
		t.Fatalf("change %+v", c)
	}
	next := newPool(t, o, old)
	prober.Watch([]*Pool{next})
	old.Retire([]*Pool{next})
	if next.Usable() {
		t.Error("the reload made a version healthy")
	}
	// Without checks there is nothing to hold against an endpoint.
	o.Health = nil
	last := newPool(t, o, next)
	prober.Watch([]*Pool{last})
	next.Retire([]*Pool{last})
	eventually(t, "the finding is forgotten", last.Usable)
	last.Retire(nil)
}

func TestWatchKeepsExactlyTheJobsWanted(t *testing.T) {
	o := Options{Endpoints: literals(3), Health: often(Check{})}
	checked := newPool(t, o, nil)
	named := newPool(t, namedOptions(&fakeResolver{}, "shop.internal", 80), nil)
	s := newSchedule(context.Background(), func(Change) {})
	for _, test := range []struct {
		name            string
		pools           []*Pool
		checks, lookups int
	}{
		{"both", []*Pool{checked, named}, 3, 1},
		{"both again", []*Pool{checked, named}, 3, 1},
		{"one endpoint gone", []*Pool{newPool(t, Options{Endpoints: literals(2), Health: o.Health}, checked)}, 2, 0},
		{"checks removed", []*Pool{newPool(t, Options{Endpoints: literals(3)}, checked)}, 0, 0},
		{"name alone", []*Pool{named}, 0, 1},
		{"nothing", nil, 0, 0},
	} {
		s.watch(test.pools)
		if c, l := len(s.checks.jobs), len(s.lookups.jobs); c != test.checks || l != test.lookups {
			t.Errorf("%s: %d checks and %d lookups, want %d and %d", test.name, c, l, test.checks, test.lookups)
		}
	}
}

func TestAllChecksMustPass(t *testing.T) {
	b := newBackend(t)
	b.body.Store(`{"connected":true}`)
	p := retired(t, Options{Endpoints: []Address{b.address()}, Health: often(
		Check{Path: "/health", Host: "shop.example.com"},
		Check{Path: "/db", JSON: map[string]any{"connected": true}},
	)})
	_, changes := watched(t, p)
	eventually(t, "checks are made", func() bool { return b.asked.Load() > 10 })
	if len(changes) > 0 {
		t.Fatalf("change %+v", <-changes)
	}
	b.body.Store(`{"connected":false}`)
	if c := nextChange(t, changes); c.Healthy || !strings.Contains(c.Reason, "GET /db: json connected") {
		t.Errorf("change %+v", c)
	}
}

func TestCheckFailures(t *testing.T) {
	raw := func(t *testing.T, answer string) Address {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			for {
				c, err := ln.Accept()
				if err != nil {
					return
				}
				buf := make([]byte, 4096)
				_, _ = c.Read(buf)
				_, _ = c.Write([]byte(answer))
				if answer != "" {
					c.Close()
				} else {
					defer c.Close()
				}
			}
		}()
		t.Cleanup(func() { ln.Close(); <-done })
		return addressOf(ln.Addr().String(), "http")
	}
	ok := "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n{\"a\":1}"
	for _, test := range []struct {
		name, answer, want string
	}{
		{"good", ok, ""},
		{"interim answers are not final", "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + ok, ""},
		{"interim answers only", strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 20), "interim answers without end"},
		{"switches protocols", "HTTP/1.1 101 Switching Protocols\r\n\r\n", "status 101, want 200"},
		{"until close", "HTTP/1.0 200 OK\r\n\r\n{\"a\":1}", ""},
		{"chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7\r\n{\"a\":1}\r\n0\r\n\r\n", ""},
		{"short body", "HTTP/1.1 200 OK\r\nContent-Length: 70\r\n\r\n{\"a\":1}", "unexpected EOF"},
		{"redirect", "HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", "status 302, want 200"},
		{"no http", "SSH-2.0-OpenSSH\r\n", "bad answer"},
		{"too long", "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + strings.Repeat(" ", 70_000), "longer than 65536"},
		{"endless head", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 70_000), "bad answer"},
		{"hangs", "", "no answer within 100ms"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := retired(t, Options{Endpoints: []Address{raw(t, test.answer)}})
			timeout := patience
			if test.answer == "" {
				timeout = 100 * time.Millisecond
			}
			h, err := Health{Timeout: timeout, Checks: []Check{{JSON: map[string]any{"a": 1}}}}.filled()
			if err != nil {
				t.Fatal(err)
			}
			err = h.probe(context.Background(), p.Endpoints()[0])
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestRunEndsWhileChecksHang(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0") // accepts in the kernel, says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	h := often(Check{})
	h.Timeout = time.Hour
	p := retired(t, Options{Endpoints: []Address{addressOf(ln.Addr().String(), "http")}, Health: h})
	prober := NewProber(nil)
	prober.Watch([]*Pool{p})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- prober.Run(ctx) }()
	c, err := ln.Accept() // the check is under way
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	cancel()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("Run: %v", err)
		}
	case <-time.After(patience):
		t.Fatal("Run waits for a check that hangs")
	}
}

func TestSweepClosesWhatIdledTooLong(t *testing.T) {
	s := newLineServer(t, "127.0.0.1:0")
	p := retired(t, Options{Endpoints: []Address{s.address()}, IdleTimeout: 200 * time.Millisecond})
	e := p.Endpoints()[0]
	a, b := conn(t, p, e, false), conn(t, p, e, false)
	a.Release()
	watched(t, p)
	eventually(t, "the idle one is closed", func() bool { return e.idle.len() == 0 && s.open.Load() == 1 })
	if open, _ := p.Connections(); open != 1 {
		t.Errorf("%d open, want 1", open)
	}
	say(t, b, "in use, so not idle")
	b.Release()
	eventually(t, "this one too, once it idles", func() bool { return e.idle.len() == 0 && s.open.Load() == 0 })
}

func TestOlderTakesTheLowerEnd(t *testing.T) {
	var i idle
	var open atomic.Bool
	for k := range 10 {
		i.push(&link{since: int64(k)}, &open)
	}
	if n := len(i.older(4)); n != 4 {
		t.Errorf("%d taken, want 4", n)
	}
	for want := int64(9); want >= 4; want-- {
		if l := i.pop(); l == nil || l.since != want {
			t.Fatalf("got %v, want %d", l, want)
		}
	}
	if i.pop() != nil || i.len() != 0 {
		t.Error("want nothing left")
	}
}

// Ten thousand services without checks must not keep the scheduler busy.
func TestManyPoolsWithoutChecksAreNoJobs(t *testing.T) {
	var pools []*Pool
	for i := range 10_000 {
		pools = append(pools, newPool(t, Options{Service: fmt.Sprint(i), Version: "v", Endpoints: literals(2)}, nil))
	}
	s := newSchedule(context.Background(), func(Change) {})
	s.watch(pools)
	if n := len(s.checks.jobs) + len(s.lookups.jobs); n != 0 {
		t.Errorf("%d jobs, want none", n)
	}
	var next []*Pool
	for i, p := range pools {
		next = append(next, newPool(t, Options{Service: fmt.Sprint(i), Version: "v", Endpoints: literals(1)}, p))
	}
	for _, p := range pools {
		p.Retire(next)
	}
	for i, p := range pools {
		if p.Endpoints()[0].retired.Load() || !p.Endpoints()[1].retired.Load() || next[i].Endpoints()[0] != p.Endpoints()[0] {
			t.Fatal("retirement hit the wrong endpoints")
		}
	}
}
