package proxy

import (
	"bufio"
	"bytes"
	"net/http"
	"strings"
	"testing"
)

var testLimits = headLimits{fields: 100}

// Each refusal of the strict head, by name of what is wrong with it.
var refusedHeads = []struct {
	name, in string
	want     *refusal
}{
	{"length and encoding", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", refuseBoth},
	{"encoding and length", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n", refuseBoth},
	{"two lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n", refuseLength},
	{"length list", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3\r\n\r\n", refuseLength},
	{"two lengths that differ", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 0\r\n\r\n", refuseLength},
	{"length with a space inside", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3 3\r\n\r\n", refuseLength},
	{"length of a GET, twice", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n", refuseLength},
	{"signed length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\n", refuseLength},
	{"negative length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", refuseLength},
	{"hexadecimal length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x3\r\n\r\n", refuseLength},
	{"empty length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", refuseLength},
	{"length of 19 digits", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000000000000\r\n\r\n", refuseLength},
	{"length that overflows (fasthttp#2343)", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 21000000000000000000\r\n\r\n", refuseLength},
	{"encoding identity", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n", refuseEncoding},
	{"encoding gzip, chunked", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", refuseEncoding},
	{"encoding xchunked", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n", refuseEncoding},
	{"encoding chunked twice in a line", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n", refuseEncoding},
	{"encoding with a parameter", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked;a=b\r\n\r\n", refuseEncoding},
	{"encoding in quotes", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \"chunked\"\r\n\r\n", refuseEncoding},
	{"encoding after a vertical tab", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0bchunked\r\n\r\n", refuseValue},
	{"encoding after a space before the colon", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n", refuseName},
	{"encoding identity, then chunked", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n", refuseEncoding},
	{"encoding twice", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", refuseEncoding},
	{"encoding empty", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n\r\n", refuseEncoding},
	{"encoding on 1.0 (fasthttp#2330)", "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", refuseEncoding},
	{"method in lower case", "head / HTTP/1.1\r\nHost: a\r\n\r\n", refuseMethod},
	{"method in mixed case", "Post / HTTP/1.1\r\nHost: a\r\n\r\n", refuseMethod},
	{"bare LF after the request line", "GET / HTTP/1.1\nHost: a\r\n\r\n", refuseBareLF},
	{"bare LF after a field", "GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n", refuseBareLF},
	{"bare LF at the end", "GET / HTTP/1.1\r\nHost: a\r\nX: y\n\r\n", refuseBareLF},
	{"bare CR in a value", "GET / HTTP/1.1\r\nHost: a\r\nX: y\rz\r\n\r\n", refuseBareLF},
	{"bare CR in the request line", "GET /\r HTTP/1.1\r\nHost: a\r\n\r\n", refuseTarget},
	{"fold", "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n", refuseFold},
	{"fold by tab", "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\tz\r\n\r\n", refuseFold},
	{"space before the first field", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", refuseFold},
	{"space before colon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", refuseName},
	{"tab before colon", "GET / HTTP/1.1\r\nHost: a\r\nX\t: a\r\n\r\n", refuseName},
	{"no colon", "GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n", refuseName},
	{"empty name", "GET / HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n", refuseName},
	{"name no token", "GET / HTTP/1.1\r\nHost: a\r\nX(y): x\r\n\r\n", refuseName},
	{"name with high byte", "GET / HTTP/1.1\r\nHost: a\r\nX\xff: x\r\n\r\n", refuseName},
	{"NUL in a value", "GET / HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n", refuseValue},
	{"DEL in a long value", "GET / HTTP/1.1\r\nHost: a\r\nX: abcdefghijklmnop\x7fqrstuvwxyz\r\n\r\n", refuseValue},
	{"escape in a value", "GET / HTTP/1.1\r\nHost: a\r\nX: \x1b[31m\r\n\r\n", refuseValue},
	{"no Host", "GET / HTTP/1.1\r\n\r\n", refuseHost},
	{"two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", refuseHost},
	{"two Hosts on 1.0", "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", refuseHost},
	{"no Host but an authority", "GET http://a/ HTTP/1.1\r\n\r\n", refuseHost},
	{"authority on 1.0 without Host", "GET http://a/ HTTP/1.0\r\n\r\n", refuseHost},
	{"empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", refuseHost},
	{"Host with user", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", refuseHost},
	{"Host with path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", refuseHost},
	{"Host list", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", refuseHost},
	{"Host with space", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", refuseHost},
	{"Host with bad port", "GET / HTTP/1.1\r\nHost: a:x\r\n\r\n", refuseHost},
	{"Host with empty port", "GET / HTTP/1.1\r\nHost: a:\r\n\r\n", refuseHost},
	{"Host with huge port", "GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n", refuseHost},
	{"Host with open bracket", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", refuseHost},
	{"version 1.2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", refuseVersion},
	{"version 2.0", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", refuseVersion},
	{"version 0.9", "GET / HTTP/0.9\r\nHost: a\r\n\r\n", refuseVersion},
	{"preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", refuseVersion},
	{"no version", "GET /\r\nHost: a\r\n\r\n", refuseLine},
	{"version in lower case", "GET / http/1.1\r\nHost: a\r\n\r\n", refuseLine},
	{"version of two digits", "GET / HTTP/1.10\r\nHost: a\r\n\r\n", refuseLine},
	{"method no token", "G@T / HTTP/1.1\r\nHost: a\r\n\r\n", refuseMethod},
	{"empty lines for a request line", "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", refuseLine},
	{"space in target", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", refuseTarget},
	{"two spaces", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", refuseTarget},
	{"tab in target", "GET /\ta HTTP/1.1\r\nHost: a\r\n\r\n", refuseTarget},
	{"high byte in target", "GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n", refuseTarget},
	{"fragment in target", "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", refuseTarget},
	{"relative target", "GET a HTTP/1.1\r\nHost: a\r\n\r\n", refuseTarget},
	{"asterisk for GET", "GET * HTTP/1.1\r\nHost: a\r\n\r\n", refuseTarget},
	{"other scheme", "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", refuseTarget},
	{"CONNECT", "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", refuseConnect},
	{"CONNECT with a path", "CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n", refuseConnect},
	{"authority-form of another method", "GET a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", refuseTarget},
	{"authority differs in its port", "GET http://a:81/ HTTP/1.1\r\nHost: a\r\n\r\n", refuseAuthority},
	{"authority differs", "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", refuseAuthority},
	{"authority with user", "GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n", refuseAuthority},
	{"target too long", "GET /" + strings.Repeat("a", maxTarget) + " HTTP/1.1\r\nHost: a\r\n\r\n", refuseLongTarget},
	{"too many fields", "GET / HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("X: y\r\n", 100) + "\r\n", refuseCount},
}

func TestParseHeadRefuses(t *testing.T) {
	for _, tt := range refusedHeads {
		t.Run(tt.name, func(t *testing.T) {
			var h head
			if got := parseHead([]byte(tt.in), &h, testLimits); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestParseHeadAccepts(t *testing.T) {
	tests := []struct {
		name, in   string
		check      func(h *head) bool
		persistent bool
	}{
		{"plain", "GET /a?b HTTP/1.1\r\nHost: a.b:80\r\n\r\n", func(h *head) bool { return string(h.path) == "/a" && string(h.query) == "b" }, true},
		{"IPv6 host", "GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n", func(h *head) bool { return string(h.host) == "[::1]:8080" }, true},
		{"close in any case", "GET / HTTP/1.1\r\nHost: a\r\nConnection: foo, CLOSE\r\n\r\n", func(h *head) bool { return len(h.listed) == 1 }, false},
		{"close on a second line", "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nConnection: x\r\n\r\n", func(h *head) bool { return h.close }, false},
		{"1.0", "GET / HTTP/1.0\r\n\r\n", func(h *head) bool { return h.minor == 0 }, false},
		{"1.0 keep-alive", "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", func(h *head) bool { return h.hosts == 0 }, true},
		{"length of 18 digits", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999999999999\r\n\r\n", func(h *head) bool { return h.contentLength == 999999999999999999 }, true},
		{"chunked in any case", "POST / HTTP/1.1\r\nHost: a\r\ntransfer-encoding: Chunked\r\n\r\n", func(h *head) bool { return h.chunked }, true},
		{"underscores are dropped", "GET / HTTP/1.1\r\nHost: a\r\nX_Y: z\r\nContent_Length: 3\r\n\r\n", func(h *head) bool { return len(h.fields) == 1 && h.contentLength == -1 }, true},
		{"tab in a value", "GET / HTTP/1.1\r\nHost: a\r\nX: abcdefg\thijklmnop\r\n\r\n", func(h *head) bool { return len(h.fields[1].Value) == 17 }, true},
		{"high bytes in a value", "GET / HTTP/1.1\r\nHost: a\r\nX: \xe4\xf6\xfc\xe4\xf6\xfc\xe4\xf6\xfc\r\n\r\n", func(h *head) bool { return len(h.fields[1].Value) == 9 }, true},
		{"websocket", "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", (*head).upgrades, true},
		{"no upgrade to h2c", "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", func(h *head) bool { return !h.upgrades() }, true},
		{"absolute form", "GET HTTP://A/b?c HTTP/1.1\r\nHost: a\r\n\r\n", func(h *head) bool { return string(h.target) == "/b?c" }, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var h head
			if r := parseHead([]byte(tt.in), &h, testLimits); r != nil {
				t.Fatalf("refused: %v", r)
			}
			if !tt.check(&h) {
				t.Errorf("parsed as %+v", h)
			}
			if h.persistent() != tt.persistent {
				t.Errorf("persistent is %v", h.persistent())
			}
		})
	}
}

func TestParseAnswer(t *testing.T) {
	tests := []struct {
		name, in string
		want     *refusal
	}{
		{"plain", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", nil},
		{"no reason", "HTTP/1.1 200\r\n\r\n", nil},
		{"empty reason", "HTTP/1.1 200 \r\n\r\n", nil},
		{"1.0", "HTTP/1.0 200 OK\r\n\r\n", nil},
		{"version 2", "HTTP/2.0 200 OK\r\n\r\n", refuseStatus},
		{"status of two digits", "HTTP/1.1 20 OK\r\n\r\n", refuseStatus},
		{"status of four digits", "HTTP/1.1 2000 OK\r\n\r\n", refuseStatus},
		{"status 099", "HTTP/1.1 099 OK\r\n\r\n", refuseStatus},
		{"no status", "HTTP/1.1\r\n\r\n", refuseStatus},
		{"length and encoding", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", refuseBoth},
		{"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n", refuseLength},
		{"encoding on 1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", refuseEncoding},
		{"other encoding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", refuseEncoding},
		{"fold", "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", refuseFold},
		{"bare LF", "HTTP/1.1 200 OK\nA: b\r\n\r\n", refuseBareLF},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var a answerHead
			if got := parseAnswer([]byte(tt.in), &a); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// checkLines holds that lines copied in one piece are those that one would write field by field,
// whichever are left out.
func checkLines(t *testing.T, f *fieldSet) {
	t.Helper()
	for _, passes := range []func(i int) bool{
		func(int) bool { return true }, func(int) bool { return false },
		func(i int) bool { return i%2 == 0 }, func(i int) bool { return i%3 != 0 }, func(i int) bool { return f.kinds[i] == plain },
	} {
		var want []byte
		for i, field := range f.fields {
			if passes(i) {
				want = append(append(append(append(want, field.Name...), ": "...), field.Value...), "\r\n"...)
			}
		}
		if got := f.appendLines(nil, passes); !bytes.Equal(got, want) {
			t.Errorf("lines: got %q, want %q", got, want)
		}
	}
}

func TestLinesAreWrittenAlike(t *testing.T) {
	for _, in := range []string{
		"A: 1\r\nB: 2\r\nC: 3\r\n", "A:1\r\nB: 2\r\nC:  3\r\nD: 4\r\n", "A: 1 \r\nB: 2\r\nC:\r\nD: \r\nE: 5\r\n",
		"A: 1\r\na_b: 2\r\nC: 3\r\n", "A:\t1\r\nB: 2\t\r\nC: 3\r\n", "a_b: 1\r\nB: 2\r\n", "",
	} {
		var f fieldSet
		if r := f.scan([]byte(in+"\r\n"), 10, false); r != nil {
			t.Fatalf("%q: %v", in, r)
		}
		checkLines(t, &f)
	}
}

// FuzzHead: the parser never panics, and whatever it accepts net/http reads in
// the same way: no other reader can be made to see another request.
func FuzzHead(f *testing.F) {
	for _, tt := range refusedHeads {
		f.Add([]byte(tt.in))
	}
	f.Add([]byte("GET /a?b=c HTTP/1.1\r\nHost: a\r\nCookie: x=y\r\nConnection: close\r\n\r\n"))
	f.Add([]byte("POST http://a/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		n, ok := findHeadEnd(in, 0)
		if !ok || n == 0 {
			return
		}
		in = in[:n]
		var h head
		if r := parseHead(in, &h, headLimits{fields: 100, underscores: true}); r != nil {
			if r.status < 400 {
				t.Fatalf("refused with %d", r.status)
			}
			return
		}
		checkLines(t, &h.fieldSet)
		req, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(in)))
		if err != nil {
			// net/http refuses escapes and hosts that backends may like: a head that
			// it does not read at all can't be read in two ways.
			return
		}
		if req.Method != string(h.method) {
			t.Errorf("method %q, net/http reads %q", h.method, req.Method)
		}
		if h.hosts > 0 && !strings.EqualFold(req.Host, string(h.host)) {
			t.Errorf("host %q, net/http reads %q", h.host, req.Host)
		}
		if chunked := len(req.TransferEncoding) > 0; chunked != h.chunked {
			t.Errorf("chunked %v, net/http reads %v", h.chunked, req.TransferEncoding)
		}
		if !h.chunked && req.ContentLength != max(0, h.contentLength) {
			t.Errorf("length %d, net/http reads %d", h.contentLength, req.ContentLength)
		}
		fields := 0
		for _, values := range req.Header {
			fields += len(values)
		}
		ours := 0
		for i := range h.fields {
			switch h.kinds[i] {
			case kindHost, kindTransferEncoding, kindTrailer: // net/http takes them out
			default:
				ours++
			}
		}
		if _, hasTrailer := req.Header["Trailer"]; !hasTrailer && fields != ours {
			t.Errorf("%d fields, net/http reads %d: %v", ours, fields, req.Header)
		}
	})
}
