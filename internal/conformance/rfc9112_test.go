package conformance

import (
	"strings"
	"testing"
)

const start = "GET / HTTP/1.1\r\nHost: a.test\r\n"

func upload(fields, body string) string {
	return "POST / HTTP/1.1\r\nHost: a.test\r\n" + fields + "\r\n" + body
}

func ok(fields, body string) string { return "HTTP/1.1 200 OK\r\n" + fields + "\r\n" + body }

// TestRFC9112 holds HTTP/1.1's message syntax and connection handling, by section.
func TestRFC9112(t *testing.T) {
	runSections(t, "RFC 9112", []section{
		{"2.2", "message parsing", []exchange{
			{name: "an empty line before the request", send: "\r\n" + start + "\r\n", upstream: []string{"GET / HTTP/1.1\r\n"}},
			{name: "bare LF", send: "GET / HTTP/1.1\nHost: a.test\n\n", none: true, status: 400, closes: true},
			{name: "bare CR in a field", send: start + "X: a\rb\r\n\r\n", none: true, status: 400, closes: true},
			{name: "whitespace before the first field", send: "GET / HTTP/1.1\r\n Host: a.test\r\n\r\n", none: true, status: 400, closes: true},
			{name: "another protocol", send: "SSH-2.0-OpenSSH_9\r\n\r\n", none: true, status: 400, closes: true},
			{name: "bare LF from the origin", answer: "HTTP/1.1 200 OK\nContent-Length: 0\n\n", cut: true, status: 502, closes: false},
			{name: "bare CR from the origin", answer: ok("X: a\rb\r\nContent-Length: 0\r\n", ""), cut: true, status: 502},
		}},
		{"2.3", "HTTP version", []exchange{
			{name: "1.0 becomes 1.1 upstream", send: "GET / HTTP/1.0\r\nHost: a.test\r\n\r\n", upstream: []string{"GET / HTTP/1.1\r\n"}, head: []string{"HTTP/1.1 200 OK\r\n"}, closes: true},
			{name: "1.0 of the origin becomes 1.1", answer: "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", cut: true, head: []string{"HTTP/1.1 200 OK\r\n"}, body: "ok"},
			{name: "2.0 is not supported", send: "GET / HTTP/2.0\r\nHost: a.test\r\n\r\n", none: true, status: 505, closes: true},
			{name: "lower case", send: "GET / http/1.1\r\nHost: a.test\r\n\r\n", none: true, status: 400, closes: true},
			{name: "2.0 of the origin", answer: "HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n", cut: true, status: 502},
		}},
		{"3", "request line", []exchange{
			{name: "too long", send: "GET /" + strings.Repeat("a", 9000) + " HTTP/1.1\r\nHost: a.test\r\n\r\n", none: true, status: 414, closes: true},
			{name: "two spaces", send: "GET  / HTTP/1.1\r\nHost: a.test\r\n\r\n", none: true, status: 400, closes: true},
			{name: "whitespace in the target", send: "GET /a b HTTP/1.1\r\nHost: a.test\r\n\r\n", none: true, status: 400, closes: true},
		}},
		{"3.1", "method", []exchange{
			{name: "unknown methods pass", send: "BREW / HTTP/1.1\r\nHost: a.test\r\n\r\n", upstream: []string{"BREW / HTTP/1.1\r\n"}},
			{name: "no token", send: "G(T / HTTP/1.1\r\nHost: a.test\r\n\r\n", none: true, status: 400, closes: true},
		}},
		{"3.2", "request target", []exchange{
			{name: "no Host", send: "GET / HTTP/1.1\r\n\r\n", none: true, status: 400, closes: true},
			{name: "two Hosts", send: start + "Host: b.test\r\n\r\n", none: true, status: 400, closes: true},
			{name: "invalid Host", send: "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", none: true, status: 400, closes: true},
			{name: "origin-form as sent", send: "GET /a%20b/%7Ec?x=%41&y HTTP/1.1\r\nHost: a.test\r\n\r\n", upstream: []string{"GET /a%20b/%7Ec?x=%41&y HTTP/1.1\r\n"}},
			{name: "absolute-form", send: "GET http://a.test/x?y HTTP/1.1\r\nHost: a.test\r\n\r\n", upstream: []string{"GET /x?y HTTP/1.1\r\n", "Host: a.test\r\n"}},
			{name: "absolute-form, other Host", send: "GET http://b.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n", none: true, status: 400, closes: true},
			{name: "authority-form", send: "CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n", none: true, status: 501, closes: true},
			{name: "asterisk-form", send: "OPTIONS * HTTP/1.1\r\nHost: a.test\r\n\r\n", upstream: []string{"OPTIONS * HTTP/1.1\r\n"}},
			{name: "a fragment", send: "GET /a#b HTTP/1.1\r\nHost: a.test\r\n\r\n", none: true, status: 400, closes: true},
		}},
		{"4", "status line", []exchange{
			{name: "no reason", answer: "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", head: []string{"HTTP/1.1 200 \r\n"}},
			{name: "a reason of its own", answer: "HTTP/1.1 299 All is well\r\nContent-Length: 2\r\n\r\nok", status: 299, head: []string{"HTTP/1.1 299 All is well\r\n"}},
			{name: "no status", answer: "HTTP/1.1 OK\r\n\r\n", cut: true, status: 502},
			{name: "four digits", answer: "HTTP/1.1 2000 OK\r\n\r\n", cut: true, status: 502},
		}},
		{"5", "field syntax", []exchange{
			{name: "5.1: space before the colon", send: start + "X : y\r\n\r\n", none: true, status: 400, closes: true},
			{name: "5.1: space before the colon from the origin", answer: ok("X : y\r\nContent-Length: 0\r\n", ""), cut: true, status: 502},
			{name: "5.1: whitespace around values is no part of them", send: start + "X: \t y \t\r\n\r\n", upstream: []string{"X: y\r\n"}},
			{name: "5.2: line folding", send: start + "X: a\r\n b\r\n\r\n", none: true, status: 400, closes: true},
			{name: "5.2: line folding from the origin", answer: ok("X: a\r\n b\r\nContent-Length: 0\r\n", ""), cut: true, status: 502},
		}},
		{"6.1", "Transfer-Encoding", []exchange{
			{name: "with Content-Length", send: upload("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", abcChunks), none: true, status: 400, closes: true},
			{name: "with Content-Length from the origin", answer: ok("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", abcChunks), cut: true, status: 502},
			{name: "not understood", send: upload("Transfer-Encoding: gzip\r\n", abcChunks), none: true, status: 400, closes: true},
			{name: "chunked not last", send: upload("Transfer-Encoding: chunked, gzip\r\n", abcChunks), none: true, status: 400, closes: true},
			{name: "on HTTP/1.0", send: "POST / HTTP/1.0\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n" + abcChunks, none: true, status: 400, closes: true},
			{name: "on HTTP/1.0 from the origin", answer: "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + abcChunks, cut: true, status: 502},
			{name: "never to HTTP/1.0", send: "GET / HTTP/1.0\r\nHost: a.test\r\n\r\n", answer: ok("Transfer-Encoding: chunked\r\n", abcChunks), head: []string{"!Transfer-Encoding"}, body: abc, closes: true},
		}},
		{"6.2", "Content-Length", []exchange{
			{name: "two that differ", send: upload("Content-Length: 3\r\nContent-Length: 4\r\n", abc), none: true, status: 400, closes: true},
			{name: "two that differ from the origin", answer: ok("Content-Length: 3\r\nContent-Length: 4\r\n", abc), cut: true, status: 502},
			{name: "larger than a number", send: upload("Content-Length: 99999999999999999999\r\n", abc), none: true, status: 400, closes: true},
			{name: "negative from the origin", answer: ok("Content-Length: -1\r\n", ""), cut: true, status: 502},
			{name: "0 of a POST stays", send: upload("Content-Length: 0\r\n", ""), upstream: []string{"Content-Length: 0\r\n"}},
			{name: "none is invented for a GET", upstream: []string{"!Content-Length", "!Transfer-Encoding"}},
		}},
		{"6.3", "message body length", []exchange{
			{name: "HEAD: none, whatever is told", send: "HEAD / HTTP/1.1\r\nHost: a.test\r\n\r\n", answer: ok("Content-Length: 300\r\n", ""), head: []string{"Content-Length: 300\r\n"}},
			{name: "204: none", answer: "HTTP/1.1 204 No Content\r\n\r\n", status: 204, head: []string{"!Content-Length", "!Transfer-Encoding"}},
			{name: "304: none, whatever is told", answer: "HTTP/1.1 304 Not Modified\r\nContent-Length: 300\r\n\r\n", status: 304, head: []string{"Content-Length: 300\r\n"}},
			{name: "until the connection closes", answer: ok("", "till the end"), cut: true, body: "till the end", chunked: true},
			{name: "until the connection closes, to HTTP/1.0", send: "GET / HTTP/1.0\r\nHost: a.test\r\n\r\n", answer: ok("", "till the end"), cut: true, body: "till the end", closes: true},
			{name: "no length of a request: no body", send: start + "\r\n", upstream: []string{"GET / HTTP/1.1\r\n"}},
			{name: "chunks", send: upload("Transfer-Encoding: chunked\r\n", abcChunks), upstream: []string{"abc"}},
		}},
		{"7.1", "chunked", []exchange{
			{name: "as received to the client", answer: ok("Transfer-Encoding: chunked\r\n", "2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"), body: abc, chunked: true},
			{name: "7.1.1: extensions are ignored", answer: ok("Transfer-Encoding: chunked\r\n", "3;a=\"b;c\"\r\nabc\r\n0;x\r\n\r\n"), body: abc, chunked: true},
			{name: "7.1.1: extensions of a request are not passed on", send: upload("Transfer-Encoding: chunked\r\n", "3;a=b\r\nabc\r\n0\r\n\r\n"), upstream: []string{"!a=b"}},
			{name: "7.1.2: trailers", answer: ok("Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n", "3\r\nabc\r\n0\r\nX-Sum: 7\r\n\r\n"), body: abc, chunked: true, head: []string{"Trailer: X-Sum\r\n"}},
			{name: "7.1.2: framing in trailers of a request", send: upload("Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\nContent-Length: 9\r\n\r\n"), upstream: []string{"!Content-Length: 9"}},
			{name: "sizes that overflow", answer: ok("Transfer-Encoding: chunked\r\n", "10000000000000003\r\nabc\r\n0\r\n\r\n"), cut: true, chunked: true, broken: true},
			{name: "sizes in upper case", answer: ok("Transfer-Encoding: chunked\r\n", "A\r\n0123456789\r\n0\r\n\r\n"), body: "0123456789", chunked: true},
		}},
		{"8", "incomplete messages", []exchange{
			{name: "length", answer: ok("Content-Length: 10\r\n", abc), cut: true, broken: true},
			{name: "chunks", answer: ok("Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n"), cut: true, chunked: true, broken: true},
			{name: "in a chunk", answer: ok("Transfer-Encoding: chunked\r\n", "9\r\nabc"), cut: true, chunked: true, broken: true},
			{name: "in the head", answer: "HTTP/1.1 200 OK\r\nContent-Le", cut: true, status: 502},
			{name: "to HTTP/1.0", send: "GET / HTTP/1.0\r\nHost: a.test\r\n\r\n", answer: ok("Content-Length: 10\r\n", abc), cut: true, broken: true},
		}},
		{"9.3", "persistence", []exchange{
			{name: "1.1 stays", upstream: []string{"!Connection: close"}},
			{name: "1.0 ends", send: "GET / HTTP/1.0\r\nHost: a.test\r\n\r\n", closes: true},
			{name: "1.0 stays on request", send: "GET / HTTP/1.0\r\nHost: a.test\r\nConnection: keep-alive\r\n\r\n", head: []string{"Connection: keep-alive\r\n"}},
			{name: "close of the origin is its own", answer: ok("Connection: close\r\nContent-Length: 2\r\n", "ok"), cut: true, head: []string{"!Connection: close"}},
		}},
		{"9.6", "tear-down", []exchange{
			{name: "close of the client", send: start + "Connection: close\r\n\r\n", upstream: []string{"!Connection: close"}, head: []string{"Connection: close\r\n"}, closes: true},
			{name: "close in a list, in other case", send: start + "Connection: foo, CLOSE\r\n\r\n", head: []string{"Connection: close\r\n"}, closes: true},
		}},
		{"11.1", "response splitting", []exchange{
			{name: "more bytes than framed", answer: ok("Content-Length: 2\r\n", "okHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"), body: "ok"},
			{name: "two answers to a HEAD", send: "HEAD / HTTP/1.1\r\nHost: a.test\r\n\r\n", answer: ok("Content-Length: 4\r\n", "") + ok("Content-Length: 4\r\n", "evil")},
			{name: "an interim answer is not the final one", answer: "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + plainAnswer, send: "GET / HTTP/1.0\r\nHost: a.test\r\n\r\n", body: "ok", closes: true},
		}},
	})
}
