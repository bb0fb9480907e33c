package proxy

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"sluice/analysis"
)

// Bytes of a body are passed on as they come, in both directions at once.
func TestFullDuplex(t *testing.T) {
	o := newOrigin(t, func(r *originRequest) bool {
		r.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
		b := make([]byte, 1)
		for {
			if _, err := io.ReadFull(r.Body, b); err != nil {
				return r.write("0\r\n\r\n")
			}
			r.write("1\r\n%s\r\n", b)
		}
	})
	w := start(t, single(o), Settings{})
	c := w.dial()
	c.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
	a, err := http.ReadResponse(c.br, nil)
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 1)
	for _, want := range []string{"a", "b", "c"} {
		if want != "a" {
			c.send("1\r\n%s\r\n", want)
		}
		if _, err := io.ReadFull(a.Body, b); err != nil || string(b) != want {
			t.Fatalf("got %q, %v, want %q before more is sent", b, err, want)
		}
	}
	c.send("0\r\n\r\n")
	if rest, err := io.ReadAll(a.Body); err != nil || len(rest) > 0 {
		t.Errorf("got %q, %v at the end", rest, err)
	}
	if n := w.version("v1").Split.Totals().ByOutcome[analysis.Success]; n != 1 {
		t.Errorf("recorded %d of success", n)
	}
}

func TestEventStreamIsFlushedAtOnce(t *testing.T) {
	t.Run("until the end", func(t *testing.T) {
		testEventStream(t, "Connection: close", "%s", "")
	})
	t.Run("in chunks", func(t *testing.T) {
		testEventStream(t, "Transfer-Encoding: chunked", "8\r\n%s\r\n", "0\r\n\r\n")
	})
	t.Run("in chunks, each with the size of the next", func(t *testing.T) {
		testEventStream(t, "Transfer-Encoding: chunked\r\n\r\n8", "\r\n%s\r\n8", "")
	})
}

func testEventStream(t *testing.T, field, format, last string) {
	next := make(chan string)
	o := newOrigin(t, func(r *originRequest) bool {
		head := "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n" + field
		if !strings.HasSuffix(head, "8") {
			head += "\r\n\r\n"
		}
		r.write("%s", head)
		for event := range next {
			r.write(format, event)
		}
		r.write("%s", last)
		return false
	})
	w := start(t, single(o), Settings{})
	c := w.dial()
	c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	a, err := http.ReadResponse(c.br, nil)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(a.Body)
	for _, event := range []string{"data: 1\n", "data: 2\n", "data: 3\n"} {
		next <- event
		if got, err := lines.ReadString('\n'); got != event {
			t.Fatalf("got %q, %v, want %q", got, err, event)
		}
	}
	close(next)
	cut := strings.HasSuffix(format, "8")
	if rest, err := io.ReadAll(lines); (err != nil) != cut || len(rest) > 0 {
		t.Errorf("got %q, %v at the end", rest, err)
	}
}

// An answer that comes before the body has been sent reaches the client then,
// and what the client still sends never becomes a request (fasthttp#2368).
func TestEarlyAnswer(t *testing.T) {
	o := newOrigin(t, func(r *originRequest) bool {
		r.write("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
		return false
	})
	w := start(t, single(o), Settings{})
	c := w.dial()
	c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n%s", strings.Repeat("x", 1000))
	got := c.receive("POST")
	if got.status != 403 || got.body != "no" || !got.close {
		t.Fatalf("got %+v", got)
	}
	_, _ = io.WriteString(c.Conn, "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n") // the proxy may have closed already
	if b, _ := io.ReadAll(c.br); len(b) > 0 {
		t.Errorf("the rest of the body was answered: %q", b)
	}
	if n := o.requests.Load(); n != 1 {
		t.Errorf("the upstream saw %d requests", n)
	}
}

func TestUnreadBodyIsNoRequest(t *testing.T) {
	o := echo(t)
	sv := single(o)
	sv.more = `{"Routes":[{"Hosts":["a"],"Path":{"Prefix":"/"}}],"Limits":{"MaxBody":10}}`
	w := start(t, sv, Settings{})
	smuggled := "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
	tests := []struct {
		name, head string
		want       int
	}{
		{"no route", "POST / HTTP/1.1\r\nHost: other\r\nContent-Length: %d\r\n\r\n%s", 404},
		{"too large", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", 413},
		{"too large in chunks", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", 413},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := w.dial()
			got := c.send(tt.head, len(smuggled), smuggled).receive("POST")
			if got.status != tt.want || !got.close {
				t.Errorf("got %d close=%v, want %d and close", got.status, got.close, tt.want)
			}
			c.closed()
		})
	}
	if n := o.requests.Load(); n != 0 {
		t.Errorf("the upstream saw %d requests", n)
	}
}

// The limit holds in a stream too: the upstream is cut off, the client told.
func TestBodyLimitInStream(t *testing.T) {
	broken := make(chan error, 1)
	o := newOrigin(t, func(r *originRequest) bool {
		_, err := io.Copy(io.Discard, r.Body)
		broken <- err
		return false
	})
	sv := single(o)
	sv.more = `{"Limits":{"MaxBody":100000}}`
	w := start(t, sv, Settings{})
	c := w.dial()
	c.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
	chunk := "8000\r\n" + strings.Repeat("x", 0x8000) + "\r\n"
	for range 4 {
		_, _ = io.WriteString(c.Conn, chunk) // the last one may be cut off
	}
	if got := c.receive("POST"); got.status != 413 || !got.close {
		t.Errorf("got %d, want 413", got.status)
	}
	if err := <-broken; err == nil {
		t.Error("the upstream took the body for whole")
	}
	totals := w.version("v1").Split.Totals()
	if totals.ByOutcome[analysis.LocalRefusal] != 1 || totals.Started != 1 {
		t.Errorf("recorded %+v, want one local refusal", totals)
	}
}

func TestBrokenRequestBodies(t *testing.T) {
	tests := []struct {
		name, body string
		want       int
	}{
		{"no size", "x\r\nabc\r\n", 400},
		{"size with sign", "+3\r\nabc\r\n", 400},
		{"size with space", "3 \r\nabc\r\n0\r\n\r\n", 400},
		{"bare LF after size", "3\nabc\r\n0\r\n\r\n", 400},
		{"bare LF after chunk", "3\r\nabc\n0\r\n\r\n", 400},
		{"bare LF after the last size", "3\r\nabc\r\n0\n\r\n", 400},
		{"bare LF after a trailer", "3\r\nabc\r\n0\r\nA: b\n\r\n", 400},
		{"bare CR in extension", "3;a\rb\r\nabc\r\n0\r\n\r\n", 400},
		{"size in another base", "0x3\r\nabc\r\n0\r\n\r\n", 400},
		{"size that overflows", "10000000000000003\r\nabc\r\n0\r\n\r\n", 400},
		{"negative size", "-1\r\nabc\r\n0\r\n\r\n", 400},
		{"empty size", "\r\nabc\r\n0\r\n\r\n", 400},
		{"no CRLF after chunk", "3\r\nabcd\r\n0\r\n\r\n", 400},
		{"size too long", "11111111111111111\r\n", 400},
		{"control byte in extension", "3;a\x00b\r\nabc\r\n", 400},
		{"endless extension", "3;" + strings.Repeat("a", 5000) + "\r\n", 400},
		{"trailers too large", "0\r\n" + strings.Repeat("X: "+strings.Repeat("a", 1000)+"\r\n", 12), 400},
		{"malformed trailer", "0\r\nX Y: z\r\n\r\n", 400},
	}
	o := echo(t)
	w := start(t, single(o), Settings{})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := w.dial()
			got := c.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n%s", tt.body).receive("POST")
			if got.status != tt.want || !got.close {
				t.Errorf("got %d close=%v, want %d and close", got.status, got.close, tt.want)
			}
		})
	}
}

func TestExpectContinue(t *testing.T) {
	request := "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
	t.Run("the upstream says continue", func(t *testing.T) {
		w := start(t, single(newOrigin(t, func(r *originRequest) bool {
			if r.Method == "GET" {
				return r.ok("")
			}
			if !strings.Contains(r.head, "Expect: 100-continue\r\n") {
				t.Errorf("no Expect in %q", r.head)
			}
			r.write("HTTP/1.1 100 Continue\r\n\r\n")
			b, _ := io.ReadAll(r.Body)
			return r.ok(string(b))
		})), Settings{})
		c := w.dial().send("%s", request)
		if got := c.receive("POST"); got.status != 100 {
			t.Fatalf("got %d, want 100", got.status)
		}
		if got := c.send("hello").receive("POST"); got.status != 200 || got.body != "hello" || got.close {
			t.Errorf("got %+v", got)
		}
		if got := c.get("/"); got.status != 200 {
			t.Errorf("next request: got %d", got.status)
		}
	})
	t.Run("the upstream refuses", func(t *testing.T) {
		w := start(t, single(newOrigin(t, func(r *originRequest) bool {
			r.write("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
			return false
		})), Settings{})
		c := w.dial().send("%s", request)
		if got := c.receive("POST"); got.status != 401 || !got.close {
			t.Errorf("got %+v, want 401 and close", got)
		}
		c.closed()
	})
	t.Run("the upstream ignores it", func(t *testing.T) {
		w := start(t, single(echo(t)), Settings{})
		c := w.dial().send("%s", request)
		if got := c.receive("POST"); got.status != 100 {
			t.Fatalf("got %d, want 100", got.status)
		}
		if got := c.send("hello").receive("POST"); got.body != "POST / hello" {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("the client does not wait", func(t *testing.T) {
		w := start(t, single(echo(t)), Settings{})
		if got := w.dial().send("%shello", request).receive("POST"); got.status != 200 || got.body != "POST / hello" {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("another expectation", func(t *testing.T) {
		w := start(t, single(echo(t)), Settings{})
		got := w.dial().send("POST / HTTP/1.1\r\nHost: a\r\nExpect: magic\r\nContent-Length: 5\r\n\r\n").receive("POST")
		if got.status != 417 || !got.close {
			t.Errorf("got %+v", got)
		}
	})
}

func TestPipelining(t *testing.T) {
	w := start(t, single(echo(t)), Settings{})
	c := w.dial()
	c.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nPOST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc" +
		"POST /3 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\nGET /4 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	for _, want := range []string{"GET /1 ", "POST /2 abc", "POST /3 abc", "GET /4 "} {
		if got := c.receive("GET"); got.body != want {
			t.Fatalf("got %q, want %q", got.body, want)
		}
	}
	c.closed()
}

func TestSlowBodyIsRefused(t *testing.T) {
	tests := []struct {
		name string
		st   Settings
	}{
		{"no byte for the body timeout", Settings{BodyTimeout: 50 * time.Millisecond}},
		{"below the rate", Settings{BodyTimeout: 200 * time.Millisecond, MinBodyRate: 1 << 30}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := start(t, single(echo(t)), tt.st)
			c := w.dial()
			c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nabc")
			drip := make(chan struct{})
			go func() {
				defer close(drip)
				for tt.st.MinBodyRate > 0 {
					if _, err := io.WriteString(c.Conn, "x"); err != nil {
						return
					}
					time.Sleep(5 * time.Millisecond) // a client's pace, not synchronisation
				}
			}()
			if got := c.receive("POST"); got.status != 408 || !got.close {
				t.Errorf("got %d close=%v, want 408 and close", got.status, got.close)
			}
			c.Close()
			<-drip
			totals := w.version("v1").Split.Totals()
			if totals.Requests() != 0 {
				t.Errorf("recorded %+v against the version", totals)
			}
		})
	}
}

// Large bodies pass both ways, whole, in bounded memory, while a client that
// reads slowly holds up nothing but its own answer.
func TestLargeBodiesInBoundedMemory(t *testing.T) {
	const size = 64 << 20
	block := bytes.Repeat([]byte("0123456789abcdef"), 4096)
	o := newOrigin(t, func(r *originRequest) bool {
		if r.Method == "GET" {
			return r.ok("")
		}
		n, err := io.Copy(io.Discard, r.Body)
		if err != nil || n != size {
			t.Errorf("the upstream read %d bytes, %v", n, err)
		}
		r.write("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", size)
		for range size / len(block) {
			if _, err := r.conn.Write(block); err != nil {
				return false
			}
		}
		return true
	})
	w := start(t, single(o), Settings{})
	c := w.dial()
	var before, during runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", size)
	for range size / len(block) {
		if _, err := c.Write(block); err != nil {
			t.Fatal(err)
		}
	}
	a, err := http.ReadResponse(c.br, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(io.Discard, a.Body, 1<<20); err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	runtime.ReadMemStats(&during)
	if grown := int64(during.HeapAlloc) - int64(before.HeapAlloc); grown > 8<<20 {
		t.Errorf("the heap grew by %d bytes", grown)
	}
	if n, err := io.Copy(io.Discard, a.Body); err != nil || n != size-1<<20 {
		t.Errorf("the client read %d bytes more, %v", n, err)
	}
	if got := c.get("/"); got.status != 200 {
		t.Errorf("next request: got %d", got.status)
	}
}
