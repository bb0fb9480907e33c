package proxy

import (
	"strings"
	"testing"

	"sluice/analysis"
)

// answering starts a proxy before an upstream that gives one answer's bytes and then
// closes, or not.
func answering(t *testing.T, raw string, stays bool) *world {
	t.Helper()
	return start(t, single(newOrigin(t, func(r *originRequest) bool {
		r.write("%s", raw)
		return stays
	})), Settings{})
}

func TestAnswerFraming(t *testing.T) {
	tests := []struct {
		name, method, version, upstream string
		status                          int
		body                            string
		chunked, closes                 bool
	}{
		{"length", "GET", "1.1", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", 200, "abc", false, false},
		{"length to 1.0", "GET", "1.0", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", 200, "abc", false, true},
		{"chunks", "GET", "1.1", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x=\"y\"\r\nc\r\n0\r\n\r\n", 200, "abc", true, false},
		{"chunks to 1.0", "GET", "1.0", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 200, "abc", false, true},
		{"HEAD with length", "HEAD", "1.1", "HTTP/1.1 200 OK\r\nContent-Length: 300\r\n\r\n", 200, "", false, false},
		{"HEAD with chunks", "HEAD", "1.1", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 200, "", false, false},
		{"204", "GET", "1.1", "HTTP/1.1 204 No Content\r\n\r\n", 204, "", false, false},
		{"304 with length", "GET", "1.1", "HTTP/1.1 304 Not Modified\r\nContent-Length: 300\r\n\r\n", 304, "", false, false},
		{"empty", "GET", "1.1", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, "", false, false},
		{"upstream of 1.0 with length", "GET", "1.1", "HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabc", 200, "abc", false, false},
		{"interim answers first", "GET", "1.1", "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", 102, "", false, false},
		{"interim answers to 1.0", "GET", "1.0", "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", 200, "abc", false, true},
		{"unasked 100", "GET", "1.1", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", 200, "abc", false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := answering(t, tt.upstream, true)
			c := w.dial()
			c.send("%s / HTTP/%s\r\nHost: shop.test\r\n\r\n", tt.method, tt.version)
			got := c.receive(tt.method)
			if got.err != nil || got.status != tt.status || got.body != tt.body || got.chunked != tt.chunked {
				t.Errorf("got %+v", got)
			}
			if got.status == 102 {
				if got = c.receive(tt.method); got.status != 200 || got.body != "abc" {
					t.Errorf("after the interim answer: got %+v", got)
				}
			}
			if tt.closes {
				c.closed()
			} else if got.close {
				t.Error("the answer says close")
			}
			if tt.status == 304 && got.header.Get("Content-Length") != "300" {
				t.Errorf("304 without its length: %v", got.header)
			}
		})
	}
}

func TestCloseDelimitedAnswer(t *testing.T) {
	w := answering(t, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc", false)
	c := w.dial()
	if got := c.get("/"); got.body != "abc" || !got.chunked || got.close {
		t.Errorf("1.1: got %+v, want chunks on a connection that stays", got)
	}
	if got := c.get("/"); got.body != "abc" {
		t.Errorf("second: got %+v", got)
	}
	c.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
	if got := c.receive("GET"); got.body != "abc" || got.chunked {
		t.Errorf("1.0: got %+v", got)
	}
	c.closed()
}

func TestKeepAliveOfHTTP10(t *testing.T) {
	w := start(t, single(echo(t)), Settings{})
	c := w.dial()
	for range 2 {
		got := c.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").receive("GET")
		if got.status != 200 || !strings.EqualFold(got.header.Get("Connection"), "keep-alive") {
			t.Fatalf("got %+v", got)
		}
	}
	c.send("GET / HTTP/1.0\r\n\r\n").receive("GET")
	c.closed()
}

// Answers that can't be trusted are not passed on, and speak against the version.
func TestBadAnswers(t *testing.T) {
	tests := []struct {
		name, upstream string
		want           analysis.Outcome
	}{
		{"length and encoding", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", analysis.BadResponse},
		{"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc", analysis.BadResponse},
		{"bad encoding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", analysis.BadResponse},
		{"not HTTP", "SSH-2.0-OpenSSH\r\n\r\n", analysis.BadResponse},
		{"bare LF", "HTTP/1.1 200 OK\nContent-Length: 0\n\n", analysis.BadResponse},
		{"fold", "HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 0\r\n\r\n", analysis.BadResponse},
		{"101 unasked", "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", analysis.BadResponse},
		{"interim answers without end", strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 60), analysis.BadResponse},
		{"CR in a value", "HTTP/1.1 200 OK\r\nA: b\rContent-Length: 9\r\nContent-Length: 0\r\n\r\n", analysis.BadResponse},
		{"CR in the reason", "HTTP/1.1 200 OK\rA: b\r\nContent-Length: 0\r\n\r\n", analysis.BadResponse},
		{"NUL in a value", "HTTP/1.1 200 OK\r\nA: b\x00\r\nContent-Length: 0\r\n\r\n", analysis.BadResponse},
		{"space before colon", "HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n", analysis.BadResponse},
		{"length that overflows", "HTTP/1.1 200 OK\r\nContent-Length: 21000000000000000000\r\n\r\n", analysis.BadResponse},
		{"two encodings", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", analysis.BadResponse},
		{"encoding on 1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", analysis.BadResponse},
		{"HTTP/2.0", "HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n", analysis.BadResponse},
		{"status of two digits", "HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n", analysis.BadResponse},
		{"too many fields", "HTTP/1.1 200 OK\r\n" + strings.Repeat("A: b\r\n", 257) + "Content-Length: 0\r\n\r\n", analysis.BadResponse},
		{"head too large", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("a", 64<<10) + "\r\n\r\n", analysis.BadResponse},
		{"nothing", "", analysis.Reset},
		{"half a head", "HTTP/1.1 200 OK\r\nContent-", analysis.Reset},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := answering(t, tt.upstream, false)
			c := w.dial()
			c.send("GET / HTTP/1.0\r\n\r\n") // no interim answers
			got := c.receive("GET")
			if got.status != 502 {
				t.Errorf("got %d, want 502", got.status)
			}
			if n := w.version("v1").Split.Totals().ByOutcome[tt.want]; n != 1 {
				t.Errorf("recorded %+v, want one of outcome %d", w.version("v1").Split.Totals(), tt.want)
			}
		})
	}
}

// A body cut short must never look whole to the client.
func TestShortBodiesAbort(t *testing.T) {
	tests := []struct{ name, version, upstream string }{
		{"length", "1.1", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"},
		{"length to 1.0", "1.0", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"},
		{"chunks", "1.1", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"},
		{"chunks to 1.0", "1.0", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"},
		{"cut in a chunk", "1.1", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n30\r\nabc"},
		{"broken chunk size", "1.1", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nxyz\r\n"},
		{"chunk size that overflows", "1.1", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000003\r\nabc\r\n0\r\n\r\n"},
		{"bare LF in a chunk line", "1.1", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n"},
		{"bare LF after a chunk", "1.1", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\n0\r\n\r\n"},
		{"malformed trailer", "1.1", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX Y: z\r\n\r\n"},
		{"chunk without its end", "1.1", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcdef\r\n0\r\n\r\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := answering(t, tt.upstream, false)
			c := w.dial()
			c.send("GET / HTTP/%s\r\nHost: shop.test\r\n\r\n", tt.version)
			got, err := c.tryReceive("GET")
			if err == nil && got.err == nil {
				t.Errorf("the client took %q for whole", got.body)
			}
			await(t, "the break is recorded", func() bool {
				return w.version("v1").Split.Totals().ByOutcome[analysis.Reset] == 1
			})
		})
	}
}

// More bytes than framed must not become the answer to somebody else.
func TestSurplusBytesEndTheUpstreamConnection(t *testing.T) {
	o := newOrigin(t, func(r *originRequest) bool {
		return r.write("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
	})
	w := start(t, single(o), Settings{})
	c := w.dial()
	for range 3 {
		if got := c.get("/"); got.body != "abc" {
			t.Fatalf("got %q", got.body)
		}
	}
	if n := o.Accepted(); n != 3 {
		t.Errorf("%d upstream connections, want 3", n)
	}
}

func TestTrailers(t *testing.T) {
	seen := make(chan string, 1)
	o := newOrigin(t, func(r *originRequest) bool {
		b := make([]byte, 5)
		n, _ := r.Body.Read(b)
		_, _ = r.Body.Read(b[n:])
		seen <- r.Trailer.Get("X-Sum") + "|" + r.Trailer.Get("Content-Length") + "|" + r.head
		return r.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Back\r\n\r\n2\r\nok\r\n0\r\nX-Back: yes\r\nContent-Length: 9\r\nAuthorization: no\r\n\r\n")
	})
	w := start(t, single(o), Settings{})
	c := w.dial()
	c.send("POST / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 7\r\nHost: evil\r\n\r\n")
	got := c.receive("POST")
	if got.body != "ok" || got.trailer.Get("X-Back") != "yes" || got.trailer.Get("Authorization") != "" {
		t.Errorf("got %q, trailers %v", got.body, got.trailer)
	}
	request := <-seen
	if !strings.HasPrefix(request, "7||POST") || !strings.Contains(request, "TE: trailers\r\n") {
		t.Errorf("the upstream saw %q", request)
	}
}
