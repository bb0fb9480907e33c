package proxy

import (
	"io"
	"strings"
	"testing"

	"sluice/analysis"
)

// What an upstream sends after an answer's end is nobody's answer, however soon
// the connection is wanted again.
func TestLateSurplusIsNobodysAnswer(t *testing.T) {
	const evil = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
	tests := []struct {
		name, method, answer, late string
		first                      analysis.Outcome
	}{
		{"a second answer", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", evil, analysis.Success},
		{"after chunks", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", evil, analysis.Success},
		{"the body of a HEAD", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 42\r\n\r\n", evil, analysis.Success},
		{"the body of a 304", "GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 42\r\n\r\n", evil, analysis.Redirect},
		{"an interim answer", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 103 Early Hints\r\nLink: evil\r\n\r\n", analysis.Success},
		{"one byte", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "x", analysis.Success},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			answered, sent := make(chan struct{}), make(chan struct{})
			o := newOrigin(t, func(r *originRequest) bool {
				if r.RequestURI == "/next" {
					return r.ok("good")
				}
				r.write("%s", tt.answer)
				<-answered
				r.write("%s", tt.late)
				delivered(t, r.conn)
				close(sent)
				return true
			})
			w := start(t, single(o), Settings{})
			c := w.dial()
			c.send("%s / HTTP/1.1\r\nHost: a\r\n\r\n", tt.method).receive(tt.method)
			close(answered)
			<-sent
			if got := c.get("/next"); got.status != 200 || got.body != "good" {
				t.Errorf("the next request got %d %q", got.status, got.body)
			}
			w.allIdle()
			want := map[analysis.Outcome]uint64{tt.first: 1}
			want[analysis.Success]++
			w.wantRecorded("v1", want)
		})
	}
}

// A 204 has no body; an upstream that frames one may send it at any time.
func TestFramed204EndsTheUpstreamConnection(t *testing.T) {
	for _, field := range []string{"Content-Length: 4", "Transfer-Encoding: chunked"} {
		o := newOrigin(t, func(r *originRequest) bool {
			return r.write("HTTP/1.1 204 No Content\r\n%s\r\n\r\n", field)
		})
		w := start(t, single(o), Settings{})
		c := w.dial()
		for range 2 {
			if got := c.get("/"); got.status != 204 || got.header.Get("Content-Length") != "" || got.chunked {
				t.Errorf("%s: got %+v", field, got)
			}
		}
		if n := o.Accepted(); n != 2 {
			t.Errorf("%s: %d upstream connections, want 2", field, n)
		}
	}
}

func TestHeadOfAnAnswerByteByByte(t *testing.T) {
	o := newOrigin(t, func(r *originRequest) bool {
		for _, b := range []byte("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n") {
			r.write("%c", b)
		}
		return true
	})
	w := start(t, single(o), Settings{})
	for range 2 {
		if got := w.dial().send("GET / HTTP/1.0\r\nHost: a\r\n\r\n").receive("GET"); got.status != 200 || got.body != "abc" {
			t.Fatalf("got %+v", got)
		}
	}
}

// Heads up to 64 KiB pass, and the connection that brought one serves on.
func TestLargeHeadOfAnAnswer(t *testing.T) {
	large := strings.Repeat("a", 12<<10)
	o := newOrigin(t, func(r *originRequest) bool {
		if r.RequestURI == "/plain" {
			return r.ok("plain")
		}
		return r.write("HTTP/1.1 200 OK\r\n%sContent-Length: 70000\r\n\r\n%s", strings.Repeat("X: "+large+"\r\n", 4), strings.Repeat("b", 70000))
	})
	c := start(t, single(o), Settings{}).dial()
	for range 2 {
		got := c.get("/")
		if got.status != 200 || len(got.header["X"]) != 4 || got.header["X"][3] != large || len(got.body) != 70000 || got.err != nil {
			t.Fatalf("got %d, %d fields, %d bytes, %v", got.status, len(got.header["X"]), len(got.body), got.err)
		}
		if got := c.get("/plain"); got.body != "plain" {
			t.Fatalf("after it: %+v", got)
		}
	}
	if n := o.Accepted(); n != 1 {
		t.Errorf("%d upstream connections, want 1", n)
	}
}

// An upgrade that is refused opens nothing: what follows is the next request,
// by our rules.
func TestRefusedUpgradeOpensNothing(t *testing.T) {
	var heads []string
	o := newOrigin(t, func(r *originRequest) bool {
		heads = append(heads, r.head)
		return r.ok(r.RequestURI)
	})
	c := start(t, single(o), Settings{}).dial()
	c.send("GET /ws HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nGET /next HTTP/1.1\r\nHost: a\r\n\r\nPOST /bad HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n")
	for _, want := range []string{"/ws", "/next"} {
		if got := c.receive("GET"); got.status != 200 || got.body != want {
			t.Fatalf("got %+v", got)
		}
	}
	if got := c.receive("POST"); got.status != 400 {
		t.Errorf("got %d, want 400", got.status)
	}
	c.closed()
	if len(heads) != 2 || !strings.Contains(heads[1], "X-Forwarded-For") {
		t.Errorf("the upstream saw %q", heads)
	}
}

// 426 must name what to upgrade to (RFC 9110, 15.5.22); no other answer but 101 may.
func TestUpgradeFieldOfAnswers(t *testing.T) {
	for status, want := range map[int]string{426: "TLS/1.2, HTTP/1.1", 200: "", 400: ""} {
		o := newOrigin(t, func(r *originRequest) bool {
			return r.write("HTTP/1.1 %d X\r\nConnection: Upgrade\r\nUpgrade: TLS/1.2, HTTP/1.1\r\nContent-Length: 0\r\n\r\n", status)
		})
		got := start(t, single(o), Settings{}).dial().get("/")
		named := strings.EqualFold(got.header.Get("Connection"), "upgrade")
		if got.status != status || got.header.Get("Upgrade") != want || named != (want != "") {
			t.Errorf("%d: got %d %v", status, got.status, got.header)
		}
	}
}

// One empty line before a request is let pass, not any number of them.
func TestEmptyLinesBeforeARequest(t *testing.T) {
	w := start(t, single(echo(t)), Settings{})
	c := w.dial()
	if got := c.send("\r\nGET /1 HTTP/1.1\r\nHost: a\r\n\r\n").receive("GET"); got.status != 200 {
		t.Fatalf("before the first: got %d", got.status)
	}
	c.send("\r\n")
	delivered(t, c.Conn)
	if got := c.get("/2"); got.status != 200 {
		t.Fatalf("after one: got %d", got.status)
	}
	for range 50 {
		_, _ = io.WriteString(c.Conn, "\r\n") // refused soon
		delivered(t, c.Conn)
	}
	if got := c.receive("GET"); got.status != 400 || !got.close {
		t.Errorf("got %d close=%v, want 400 and close", got.status, got.close)
	}
}
