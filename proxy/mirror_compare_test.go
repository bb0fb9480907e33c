package proxy

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sluice/comparison"
	"sluice/internal/backend"
	"sluice/router"

	"github.com/valyala/fasthttp"
)

// comparing is a service whose v1 answers and whose v2 is compared with it.
func comparing(v1, v2, more string) service {
	return service{
		urls: map[string]string{"v1": v1, "v2": v2},
		more: `{"Mirror": {"To": "v2", "Percent": 100, "Methods": ["GET", "HEAD", "POST"], "MaxBody": 1000, "Timeout": 20000000000,
			"Compare": true, "Headers": ["Content-Type", "Set-Cookie"]` + more + `}}`,
	}
}

// startComparing starts a server; set changes its comparer before anything runs.
func startComparing(t testing.TB, sv service, set func(c *comparer)) *world {
	t.Helper()
	live := router.NewLive()
	live.Store(table(t, sv, nil))
	s, err := New(Options{Live: live})
	if err != nil {
		t.Fatal(err)
	}
	if set != nil {
		set(s.mirrors.comparer)
	}
	if err := s.Listen([]Listener{{Address: "127.0.0.1:0"}}); err != nil {
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

func (w *world) report() comparison.Report {
	w.t.Helper()
	r, ok := w.server.Comparison("shop")
	if !ok {
		w.t.Fatal("there is no comparison")
	}
	return r
}

// compared waits until so many requests have been compared, and all else has ended.
func (w *world) compared(n uint64) comparison.Report {
	w.t.Helper()
	await(w.t, fmt.Sprintf("%d are compared", n), func() bool { return w.report().Mirrored >= n })
	w.idle()
	if r := w.report(); r.Compared != n {
		w.t.Fatalf("%d are compared, want %d: %+v", r.Compared, n, r)
	}
	return w.report()
}

// idle waits until nothing is under way, and the budget is given back.
func (w *world) idle() {
	w.t.Helper()
	m := w.server.mirrors
	await(w.t, "all copies and comparisons have ended", func() bool {
		return m.inFlight.Load() == 0 && m.comparer.bytes.Load() == 0 && len(m.comparer.queue) == 0
	})
}

// compareResult is a count as the metrics show it.
func (w *world) compareResult(result string) uint64 {
	for _, c := range w.server.Stats().Comparisons {
		if c.Service == "shop" && c.Version == "v2" && c.Result == result {
			return c.Count
		}
	}
	return 0
}

// replying starts a backend whose good answers fn makes. n counts its requests from 0.
func replying(t testing.TB, fn func(ctx *fasthttp.RequestCtx, n int64)) *backend.Server {
	t.Helper()
	var n atomic.Int64
	b, err := backend.Start(backend.Options{Handler: func(ctx *fasthttp.RequestCtx, body io.Reader) {
		_, _ = io.Copy(io.Discard, body)
		fn(ctx, n.Add(1)-1)
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

func asJSON(text func(n int64) string) func(*fasthttp.RequestCtx, int64) {
	return func(ctx *fasthttp.RequestCtx, n int64) {
		ctx.SetContentType("application/json")
		ctx.SetBodyString(text(n))
	}
}

func fixed(text string) func(*fasthttp.RequestCtx, int64) {
	return asJSON(func(int64) string { return text })
}

// told is what a report says of its fields, in short.
func told(r comparison.Report) string {
	var all []string
	for _, f := range r.Fields {
		all = append(all, fmt.Sprintf("%s %s %s", f.Kind, f.Path, f.Verdict))
	}
	return strings.Join(all, ", ")
}

func TestCompareAnswers(t *testing.T) {
	const cart = `{"total": 30, "items": [{"id": 1, "price": 10}, {"id": 2, "price": 20}]}`
	var clock atomic.Int64
	stamped := func(rest string) func(*fasthttp.RequestCtx, int64) {
		return asJSON(func(int64) string { return fmt.Sprintf(`{"at": %d, %s}`, clock.Add(1), rest) })
	}
	long := func(tail string) func(*fasthttp.RequestCtx, int64) {
		return fixed(`"` + strings.Repeat("x", 1<<20-len(tail)) + tail + `"`)
	}
	zipped := func(ctx *fasthttp.RequestCtx, _ int64) {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = z.Write([]byte(cart))
		_ = z.Close()
		ctx.SetContentType("application/json")
		ctx.Response.Header.Set("Content-Encoding", "gzip")
		ctx.SetBody(b.Bytes())
	}
	chunked := func(ctx *fasthttp.RequestCtx, _ int64) {
		ctx.SetContentType("application/json")
		ctx.SetBodyStream(strings.NewReader(cart), -1)
	}
	status := func(code int) func(*fasthttp.RequestCtx, int64) {
		return func(ctx *fasthttp.RequestCtx, _ int64) { ctx.SetStatusCode(code) }
	}
	cookie := func(value string) func(*fasthttp.RequestCtx, int64) {
		return func(ctx *fasthttp.RequestCtx, _ int64) { ctx.Response.Header.Add("Set-Cookie", value) }
	}
	third := asJSON(func(n int64) string {
		if n%3 == 0 {
			return strings.Replace(cart, "20", "21", 1)
		}
		return cart
	})
	tests := []struct {
		name      string
		v1, v2    func(*fasthttp.RequestCtx, int64)
		more      string
		requests  int
		want      string
		differing uint64
		truncated uint64
	}{
		{"equal", fixed(cart), fixed(`{"items":[{"price":10.0,"id":1},{"price":2e1,"id":2}],"total":30}`), "", 30, "", 0, 0},
		{"status", fixed(cart), status(500), "", 60, "status status reported", 60, 0},
		{"a price for a third", fixed(cart), third, "", 300, "value $.items[*].price reported", 100, 0},
		{"timestamps", stamped(`"a": 1`), stamped(`"a": 1`), "", 60, "value $.at noise", 60, 0},
		{"timestamps ignored", stamped(`"a": 1`), stamped(`"a": 1`), `, "Ignore": ["$.at"]`, 30, "", 0, 0},
		{"behind timestamps", stamped(`"a": 1`), stamped(`"a": "1"`), "", 60, "type $.a reported, value $.at noise", 60, 0},
		{"gzip", zipped, fixed(cart), "", 30, "", 0, 0},
		{"chunked", fixed(cart), chunked, "", 30, "", 0, 0},
		{"1 MiB, equal", long(""), long(""), "", 30, "", 0, 30},
		{"1 MiB, different past the cap", long("a"), long("b"), "", 30, "", 0, 30},
		{"1 MiB, other lengths", long(""), fixed(`"` + strings.Repeat("x", 1<<20+1) + `"`), "", 60, "length body reported", 60, 60},
		{"1 MiB, different at once", long(""), long(strings.Repeat("y", 1<<20)), "", 60, "body body reported", 60, 60},
		{"secret header", cookie("sid=1"), cookie("sid=2"), "", 60, "header header Set-Cookie reported", 60, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v1, v2 := replying(t, tt.v1), replying(t, tt.v2)
			w := startComparing(t, comparing(v1.URL(), v2.URL(), tt.more), nil)
			c := w.dial()
			for range tt.requests {
				c.get("/cart?user=jane")
				await(t, "the copies keep up", func() bool { return w.server.mirrors.inFlight.Load() < 100 })
			}
			r := w.compared(uint64(tt.requests))
			if got := told(r); got != tt.want || r.Differing != tt.differing || r.Truncated != tt.truncated || r.Reported != strings.Contains(tt.want, "reported") {
				t.Errorf("got %q, want %q; %+v", got, tt.want, r)
			}
			if r.NoiseCompared < noiseFirst || v1.Requests() != uint64(tt.requests)+r.NoiseCompared || v2.Requests() != uint64(tt.requests) {
				t.Errorf("%d at stable and %d at the shadow for %d requests, %d of them for the noise", v1.Requests(), v2.Requests(), tt.requests, r.NoiseCompared)
			}
			if got := w.compareResult("different"); got != tt.differing {
				t.Errorf("the metric says %d different, want %d", got, tt.differing)
			}
			for _, f := range r.Fields {
				wantExamples(t, f, tt.requests)
			}
		})
	}
}

// wantExamples checks that examples tell enough to find the request, and not too much.
func wantExamples(t *testing.T, f comparison.Field, requests int) {
	t.Helper()
	if len(f.Examples) != 5 {
		t.Errorf("%s: %d examples", f.Path, len(f.Examples))
	}
	for _, x := range f.Examples {
		if x.Method != "GET" || x.Path != "/cart?user=…" || len(x.RequestID) != 32 || x.Stable == x.Shadow && !strings.Contains(x.Stable, "hidden") {
			t.Errorf("%s: example %+v", f.Path, x)
		}
		if s := fmt.Sprintf("%+v", x); strings.Contains(s, "sid=") || strings.Contains(s, "jane") {
			t.Errorf("%s: the example tells too much: %s", f.Path, s)
		}
	}
}

// What the metrics count a difference as.
func TestCompareKinds(t *testing.T) {
	v1 := replying(t, fixed(`{"a": 1, "b": [1, 2], "c": 3, "d": 4}`))
	v2 := replying(t, fixed(`{"a": 2, "b": [2, 1, 3], "c": 4, "e": 5}`))
	w := startComparing(t, comparing(v1.URL(), v2.URL(), ""), nil)
	c := w.dial()
	for range 3 {
		c.get("/")
	}
	w.compared(3)
	got := map[string]uint64{}
	for _, d := range w.server.Stats().Differences {
		got[d.Service+" "+d.Version+" "+d.Result] = d.Count
	}
	want := map[string]uint64{"shop v2 value": 3, "shop v2 length": 3, "shop v2 missing": 3, "shop v2 added": 3}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// Methods that change something are compared where they are allowed by name,
// and never sent to stable twice.
func TestCompareMethods(t *testing.T) {
	v1, v2 := replying(t, fixed(`{"a": 1}`)), replying(t, fixed(`{"a": 2}`))
	w := startComparing(t, comparing(v1.URL(), v2.URL(), ""), nil)
	c := w.dial()
	for range 30 {
		c.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nok").receive("POST")
	}
	r := w.compared(30)
	if v1.Requests() != 30 || r.NoiseCompared != 0 || told(r) != "value $.a unclear" {
		t.Errorf("%d requests at stable; %+v", v1.Requests(), r)
	}
	w.server.ResetComparison("shop")
	for range 30 {
		c.send("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n").receive("HEAD")
	}
	if r := w.compared(30); r.Differing != 0 || r.NoiseCompared != noiseFirst && r.NoiseCompared > 25 {
		t.Errorf("HEAD: %+v", r)
	}
	c.send("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n").receive("PUT")
	w.idle()
	if r := w.report(); r.Mirrored != 30 {
		t.Errorf("a method that is not copied was compared: %+v", r)
	}
}

// A shadow that does not answer is different, and costs the client nothing.
func TestCompareWithoutAnswer(t *testing.T) {
	v1 := replying(t, fixed(`{}`))
	hole, err := backend.Start(backend.Options{Behaviour: backend.Behaviour{Hang: true}})
	if err != nil {
		t.Fatal(err)
	}
	defer hole.Close()
	gone, err := backend.Start(backend.Options{})
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	says := func(answer string) string {
		return newOrigin(t, func(r *originRequest) bool { return r.write("%s", answer) }).URL()
	}
	for name, tt := range map[string]struct{ url, why string }{
		"black hole": {hole.URL(), "none (timeout)"},
		"refused":    {gone.URL(), "none (no whole answer)"},
		"broken off": {says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), "none (no whole answer)"},
		"switching":  {says("HTTP/1.1 101 S\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"), "101"},
	} {
		t.Run(name, func(t *testing.T) {
			w := startComparing(t, comparing(v1.URL(), tt.url, `, "Timeout": 200000000`), nil)
			if r := w.dial().get("/"); r.status != 200 {
				t.Errorf("got %d", r.status)
			}
			r := w.compared(1)
			if told(r) != "status status unclear" || r.Fields[0].Examples[0].Shadow != tt.why {
				t.Errorf("got %+v", r)
			}
		})
	}
}

// The comparison is held: every client is answered all the same, what the queue
// can't take is dropped and counted, and nothing is left over.
func TestCompareHoldsNobody(t *testing.T) {
	v1, v2 := replying(t, fixed(`{"a": 1}`)), replying(t, fixed(`{"a": 1}`))
	entered, release := make(chan struct{}, 1000), make(chan struct{})
	w := startComparing(t, comparing(v1.URL(), v2.URL(), ""), func(c *comparer) {
		c.queue = make(chan *pair, 10)
		c.diff = func(a, b comparison.Answer, p *comparison.Policy) []comparison.Difference {
			entered <- struct{}{}
			<-release
			return comparison.Diff(a, b, p)
		}
	})
	c := w.dial()
	c.get("/")
	<-entered
	for range 60 {
		if r := c.get("/"); r.status != 200 || r.body != `{"a": 1}` {
			t.Fatalf("got %d %q", r.status, r.body)
		}
	}
	await(t, "what found no room is counted", func() bool { return w.compareResult("dropped_busy") == 50 })
	close(release)
	await(t, "the others are compared", func() bool { return w.report().Compared == 11 })
	w.idle()
	if r := w.report(); r.Skipped["dropped_busy"] != 50 || r.Mirrored != 61 {
		t.Errorf("got %+v", r)
	}
}

// Of a long answer to a client that does not read nothing is held but its
// beginning, and that is compared while the client still sleeps.
func TestCompareBesideASlowClient(t *testing.T) {
	body := strings.Repeat("0123456789abcdef", 2<<20/16*8)
	big := func(ctx *fasthttp.RequestCtx, _ int64) {
		ctx.SetContentType("text/plain")
		ctx.SetBodyString(body)
	}
	v1, v2 := replying(t, big), replying(t, big)
	w := startComparing(t, comparing(v1.URL(), v2.URL(), ""), nil)
	c := w.dial()
	c.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	r := w.compared(1) // waits for the budget to be given back as well
	if r.Differing != 0 || r.Truncated != 1 {
		t.Errorf("got %+v", r)
	}
	if got := c.receive("GET"); got.body != body || got.err != nil {
		t.Errorf("%d bytes and %v, want %d", len(got.body), got.err, len(body))
	}
}

// An answer that takes for ever is given up, and goes on.
func TestCompareStalled(t *testing.T) {
	release := make(chan struct{})
	v1 := replying(t, func(ctx *fasthttp.RequestCtx, _ int64) {
		ctx.SetContentType("text/plain")
		ctx.SetBodyStream(io.MultiReader(strings.NewReader("begin "), awaited(release), strings.NewReader("end")), -1)
	})
	v2 := replying(t, fixed(`{}`))
	w := startComparing(t, comparing(v1.URL(), v2.URL(), `, "Timeout": 1000000`), func(c *comparer) { c.limits.Life = 50 * time.Millisecond })
	c := w.dial()
	c.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	await(t, "the pair is given up", func() bool { return w.compareResult("dropped_stalled") == 1 })
	w.idle()
	close(release)
	if r := c.receive("GET"); r.body != "begin end" || r.err != nil {
		t.Errorf("got %q, %v", r.body, r.err)
	}
}

// awaited is a reader that ends when its channel is closed.
type awaited chan struct{}

func (a awaited) Read([]byte) (int, error) {
	<-a
	return 0, io.EOF
}

func TestCompareBudget(t *testing.T) {
	body := strings.Repeat("x", 5000)
	v1, v2 := replying(t, fixed(`"`+body+`"`)), replying(t, fixed(`"`+body+`"`))
	w := startComparing(t, comparing(v1.URL(), v2.URL(), ""), func(c *comparer) { c.limits.MaxBytes = 4000 })
	c := w.dial()
	for range 10 {
		if r := c.get("/"); r.body != `"`+body+`"` {
			t.Fatalf("got %d bytes", len(r.body))
		}
	}
	await(t, "what finds no room is counted", func() bool { return w.compareResult("dropped_bytes") == 10 })
	w.idle()
}

// What can't be compared is told apart.
func TestCompareSkips(t *testing.T) {
	v1 := replying(t, func(ctx *fasthttp.RequestCtx, _ int64) {
		switch string(ctx.Path()) {
		case "/events":
			ctx.SetContentType("text/event-stream")
			ctx.SetBodyString("data: x\n\n")
		case "/broken":
			ctx.Response.Header.Set("Content-Length", "100")
			ctx.Response.ImmediateHeaderFlush = true
			ctx.SetBodyStream(strings.NewReader("short"), 100)
		}
	})
	v2 := replying(t, fixed(`{}`))
	w := startComparing(t, comparing(v1.URL(), v2.URL(), ""), nil)
	w.dial().get("/events")
	await(t, "a stream is counted", func() bool { return w.compareResult("skipped_stream") == 1 })
	if r := w.dial().get("/broken"); r.err == nil {
		t.Errorf("a broken answer looks whole: %q", r.body)
	}
	await(t, "a broken answer is counted", func() bool { return w.compareResult("skipped_incomplete") == 1 })
	w.idle()

	sv := comparing(v1.URL(), v2.URL(), "")
	sv.weights = map[string]int{"v2": 10000}
	other := startComparing(t, sv, nil)
	other.dial().get("/")
	await(t, "what stable did not answer is counted", func() bool { return other.compareResult("skipped_not_stable") == 1 })
	for _, w := range []*world{w, other} {
		if r := w.report(); r.Compared != 0 || r.Mirrored == 0 {
			t.Errorf("got %+v", r)
		}
	}
}

func TestCompareReset(t *testing.T) {
	v1, v2 := replying(t, fixed(`{"a": 1}`)), replying(t, fixed(`{"a": 2}`))
	w := startComparing(t, comparing(v1.URL(), v2.URL(), ""), nil)
	if _, ok := w.server.Comparison("nobody"); ok {
		t.Error("a service that is not there is compared")
	}
	if r := w.report(); r.Compared != 0 || r.Service != "shop" || r.Stable != "v1" || r.Shadow != "v2" {
		t.Errorf("before anything: %+v", r)
	}
	c := w.dial()
	c.get("/")
	w.compared(1)
	w.server.ResetComparison("shop")
	if r := w.report(); r.Mirrored != 0 || len(r.Fields) != 0 {
		t.Errorf("after the reset: %+v", r)
	}
	before := v1.Requests()
	c.get("/")
	if r := w.compared(1); r.NoiseCompared != 1 || v1.Requests() != before+2 {
		t.Errorf("the noise was not measured anew: %+v", r)
	}
	// Without the mirror the last report stays; a reset ends it.
	w.live.Store(table(t, service{urls: map[string]string{"v1": v1.URL(), "v2": v2.URL()}}, w.live.Load()))
	if r := w.report(); r.Compared != 1 {
		t.Errorf("without the mirror: %+v", r)
	}
	w.server.ResetComparison("shop")
	if _, ok := w.server.Comparison("shop"); ok {
		t.Error("a service without a mirror is compared")
	}
}

// Many clients, with -race: each request ends in exactly one count.
func TestCompareConcurrently(t *testing.T) {
	v1 := replying(t, fixed(`{"a": 1}`))
	v2 := replying(t, asJSON(func(n int64) string { return `{"a": ` + strconv.FormatInt(n%2, 10) + `}` }))
	w := startComparing(t, comparing(v1.URL(), v2.URL(), ""), nil)
	const clients, each = 8, 200
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			c := w.dial()
			for range each {
				if r, err := c.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n").tryReceive("GET"); err != nil || r.status != 200 {
					t.Errorf("got %+v, %v", r, err)
					return
				}
			}
		})
	}
	wg.Wait()
	w.idle()
	dropped := w.mirrorCount("dropped_in_flight")
	await(t, "all are counted", func() bool { return w.report().Mirrored+dropped == clients*each })
	r := w.report()
	if w.compareResult("equal")+w.compareResult("different") != r.Compared || w.compareResult("different") != r.Differing || r.Compared == 0 {
		t.Errorf("%+v and %+v", r, w.server.Stats().Comparisons)
	}
}

// What comparing costs the request that is compared.
func BenchmarkCompareRequest(b *testing.B) {
	v1, v2 := replying(b, fixed(`{"a": 1}`)), replying(b, fixed(`{"a": 1}`))
	for _, compare := range []string{"false", "true"} {
		b.Run("compare="+compare, func(b *testing.B) {
			w := startComparing(b, comparing(v1.URL(), v2.URL(), `, "Compare": `+compare), nil)
			c := w.dial()
			b.ReportAllocs()
			for b.Loop() {
				c.get("/")
			}
		})
	}
}
