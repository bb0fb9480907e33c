package proxy

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"sluice/internal/backend"
)

// startMirrored starts a server whose v1 answers and whose v2 gets a copy of everything.
func startMirrored(t *testing.T, v1, v2 string) *world {
	t.Helper()
	return start(t, service{
		urls: map[string]string{"v1": v1, "v2": v2},
		more: `{"Mirror": {"To": "v2", "Percent": 100, "Methods": ["GET", "POST"], "MaxBody": 1000, "Timeout": 3600000000000}}`,
	}, Settings{})
}

func (w *world) mirrorCount(result string) uint64 {
	for _, c := range w.server.Stats().Mirrors {
		if c.Service == "shop" && c.Version == "v2" && c.Result == result {
			return c.Count
		}
	}
	return 0
}

func TestMirrorOfRequests(t *testing.T) {
	type seen struct{ version, line, mark, body string }
	got := make(chan seen, 10)
	listen := func(version string) string {
		b, err := backend.StartRaw(func(conn net.Conn, br *bufio.Reader) {
			for {
				r, err := http.ReadRequest(br)
				if err != nil {
					return
				}
				body, _ := io.ReadAll(r.Body)
				got <- seen{version, r.Method + " " + r.RequestURI, r.Header.Get("X-Sluice-Mirror"), string(body)}
				_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nX-V: "+version+"\r\nContent-Length: 0\r\n\r\n")
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(b.Close)
		return b.URL()
	}
	w := startMirrored(t, listen("v1"), listen("v2"))
	c := w.dial()
	long := strings.Repeat("x", 1001)
	tests := []struct {
		name, in string
		body     string
		line     string
		copied   bool
	}{
		{"get", "GET /a?b=%20c HTTP/1.1\r\nHost: h\r\n\r\n", "", "GET /a?b=%20c", true},
		{"post", "POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody", "body", "POST /p", true},
		{"chunked", "POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nbo\r\n2\r\ndy\r\n0\r\n\r\n", "body", "POST /c", true},
		{"long", "POST /l HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\n\r\n" + long, long, "POST /l", false},
		{"other method", "PUT /m HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx", "x", "PUT /m", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c.send("%s", tt.in)
			if r := c.receive("GET"); r.status != 200 || r.header.Get("X-V") != "v1" {
				t.Fatalf("got %d from %q", r.status, r.header.Get("X-V"))
			}
			want := map[seen]bool{{"v1", tt.line, "", tt.body}: true}
			if tt.copied {
				want[seen{"v2", tt.line, "1", tt.body}] = true
			}
			for n := len(want); n > 0; n-- {
				if one := <-got; !want[one] {
					t.Errorf("unexpected %.200v", one)
				}
			}
		})
	}
	await(t, "the copies are counted", func() bool { return w.mirrorCount("sent") == 3 })
	if len(got) > 0 || w.mirrorCount("skipped_body_too_large") != 1 {
		t.Errorf("%d more copies came; %+v", len(got), w.server.Stats().Mirrors)
	}
	for _, v := range []string{"v1", "v2"} {
		if n := w.version(v).Split.Totals().Requests(); (v == "v1") != (n == 5) || v == "v2" && n != 0 {
			t.Errorf("%s is recorded with %d requests", v, n)
		}
	}
}

// More requests than there may be copies, all to a target that never answers:
// each is answered, none is recorded against the target.
func TestMirrorBlackHoleMakesNobodyWait(t *testing.T) {
	good, err := backend.Start(backend.Options{Name: "v1"})
	if err != nil {
		t.Fatal(err)
	}
	defer good.Close()
	hole, err := backend.StartRaw(func(_ net.Conn, br *bufio.Reader) { _, _ = io.Copy(io.Discard, br) })
	if err != nil {
		t.Fatal(err)
	}
	defer hole.Close()
	w := startMirrored(t, good.URL(), hole.URL())
	const requests = mirrorMaxInFlight/2 + 100
	c := w.dial()
	for range requests {
		if r := c.get("/"); r.status != 200 {
			t.Fatalf("got %d", r.status)
		}
	}
	await(t, "what found no room is counted", func() bool { return w.mirrorCount("dropped_in_flight") == 100 })
	if n := w.version("v2").Split.Totals().Started; n != 0 {
		t.Errorf("v2 is recorded with %d requests", n)
	}
}
