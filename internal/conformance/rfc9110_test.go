package conformance

import (
	"strings"
	"testing"
)

// TestRFC9110 holds what HTTP's semantics ask of an intermediary, by section.
func TestRFC9110(t *testing.T) {
	runSections(t, "RFC 9110", []section{
		{"5", "fields", []exchange{
			{name: "5.1: unknown fields pass", send: start + "X-Odd!#$: y\r\n\r\n", upstream: []string{"X-Odd!#$: y\r\n"}},
			{name: "5.2: repeated lines keep their number and order", send: start + "X: 1\r\nY: 2\r\nx: 3\r\n\r\n", upstream: []string{"X: 1\r\nY: 2\r\nx: 3\r\n"}},
			{name: "5.3: Set-Cookie lines are never joined", answer: ok("Set-Cookie: a=b\r\nSet-Cookie: c=d\r\nContent-Length: 2\r\n", "ok"), head: []string{"Set-Cookie: a=b\r\nSet-Cookie: c=d\r\n"}},
			{name: "5.4: a field too large", send: start + "X: " + strings.Repeat("a", 70<<10) + "\r\n\r\n", none: true, status: 431, closes: true},
			{name: "5.4: too many fields", send: start + strings.Repeat("X: y\r\n", 101) + "\r\n", none: true, status: 431, closes: true},
			{name: "5.5: NUL", send: start + "X: a\x00b\r\n\r\n", none: true, status: 400, closes: true},
			{name: "5.5: NUL from the origin", answer: ok("X: a\x00b\r\nContent-Length: 0\r\n", ""), cut: true, status: 502},
			{name: "5.5: opaque bytes pass", send: start + "X: \xff\xfe\r\n\r\n", upstream: []string{"X: \xff\xfe\r\n"}},
			{name: "5.5: empty values pass", send: start + "X:\r\n\r\n", upstream: []string{"X: \r\n"}},
			{name: "5.6.1: case of names and values stays", answer: ok("x-ODD: VaLuE\r\nContent-Length: 2\r\n", "ok"), head: []string{"x-ODD: VaLuE\r\n"}},
		}},
		{"6.5", "trailer fields", []exchange{
			{name: "of a request", send: upload("Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n", "3\r\nabc\r\n0\r\nX-Sum: 7\r\n\r\n"), upstream: []string{"X-Sum: 7\r\n"}},
			{name: "what routes is dropped", send: upload("Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\nHost: evil\r\n\r\n"), upstream: []string{"!evil"}},
			{name: "what authenticates is dropped", send: upload("Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\nAuthorization: evil\r\n\r\n"), upstream: []string{"!evil"}},
			{name: "what we set ourselves is dropped", send: upload("Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n"), upstream: []string{"!6.6.6.6"}},
		}},
		{"7.2", "Host", []exchange{
			{name: "is passed on", send: "GET / HTTP/1.1\r\nHost: Shop.Test:8080\r\n\r\n", upstream: []string{"Host: Shop.Test:8080\r\n"}},
			{name: "one is made for HTTP/1.0", send: "GET / HTTP/1.0\r\n\r\n", upstream: []string{"Host: 127."}, closes: true},
		}},
		{"7.6.1", "Connection", []exchange{
			{name: "listed fields go", send: start + "Connection: X-Private\r\nX-Private: y\r\n\r\n", upstream: []string{"!X-Private", "!Connection"}},
			{name: "listed in several lines", send: start + "Connection: X-One\r\nConnection: X-Two\r\nX-One: y\r\nX-Two: y\r\n\r\n", upstream: []string{"!X-One", "!X-Two"}},
			{name: "ours can't be named away", send: start + "Connection: X-Forwarded-For, X-Forwarded-Host, X-Request-Id\r\n\r\n", upstream: []string{"X-Forwarded-For: 127.0.0.1\r\n", "X-Forwarded-Host: a.test\r\n", "X-Request-Id: "}},
			{name: "framing can't be named away", send: upload("Connection: Content-Length\r\nContent-Length: 3\r\n", abc), upstream: []string{"Content-Length: 3\r\n", "\r\n\r\nabc"}},
			{name: "Host can't be named away", send: start + "Connection: Host\r\n\r\n", upstream: []string{"Host: a.test\r\n"}},
			{name: "hop-by-hop fields go", send: start + "Keep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nTE: gzip\r\nProxy-Authorization: Basic eDp5\r\n\r\n", upstream: []string{"!Keep-Alive", "!Proxy-Connection", "!TE:", "!Proxy-Authorization"}},
			{name: "listed fields of answers go", answer: ok("Connection: X-Private\r\nX-Private: y\r\nContent-Length: 2\r\n", "ok"), head: []string{"!X-Private"}},
			{name: "hop-by-hop fields of answers go", answer: ok("Keep-Alive: timeout=5\r\nProxy-Authenticate: Basic\r\nContent-Length: 2\r\n", "ok"), head: []string{"!Keep-Alive", "!Proxy-Authenticate"}},
		}},
		{"7.6.3", "Via", []exchange{
			{name: "is added behind others", send: start + "Via: 1.0 fred\r\n\r\n", upstream: []string{"Via: 1.0 fred\r\n", "Via: 1.1 sluice\r\n"}},
			{name: "of answers", answer: ok("Via: 1.0 fred\r\nContent-Length: 2\r\n", "ok"), head: []string{"Via: 1.0 fred\r\n", "Via: 1.1 sluice\r\n"}},
			{name: "tells the version received", send: "GET / HTTP/1.0\r\nHost: a.test\r\n\r\n", upstream: []string{"Via: 1.0 sluice\r\n"}, closes: true},
		}},
		{"7.7", "transformations", []exchange{
			{name: "content is not touched", answer: ok("Content-Encoding: gzip\r\nETag: \"x\"\r\nContent-Length: 5\r\n", "\x1f\x8b\x00\xff\x00"), body: "\x1f\x8b\x00\xff\x00", head: []string{"Content-Encoding: gzip\r\n", "ETag: \"x\"\r\n"}},
			{name: "the query is not touched", send: "GET /?a=%2F..%2f&&=+ HTTP/1.1\r\nHost: a.test\r\n\r\n", upstream: []string{"GET /?a=%2F..%2f&&=+ HTTP/1.1\r\n"}},
		}},
		{"7.8", "Upgrade", []exchange{
			{name: "h2c is not passed on", send: start + "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n", upstream: []string{"!Upgrade", "!HTTP2-Settings"}},
			{name: "without Connection it is not passed on", send: start + "Upgrade: websocket\r\n\r\n", upstream: []string{"!Upgrade"}},
			{name: "of HTTP/1.0 is ignored", send: "GET / HTTP/1.0\r\nHost: a.test\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", upstream: []string{"!Upgrade"}, closes: true},
			{name: "passes", send: start + "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n", answer: "HTTP/1.1 426 Upgrade Required\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 0\r\n\r\n", status: 426, upstream: []string{"Upgrade: websocket\r\n", "Connection: Upgrade\r\n"}, head: []string{"Upgrade: websocket\r\n", "Connection: Upgrade\r\n"}},
			{name: "101 unasked", answer: "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", cut: true, status: 502},
		}},
		{"8.6", "Content-Length", []exchange{
			{name: "not in a 204", answer: "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", status: 204, head: []string{"!Content-Length"}},
			{name: "205 is empty", answer: "HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n", status: 205, head: []string{"Content-Length: 0\r\n"}},
		}},
		{"9", "methods", []exchange{
			{name: "9.1: a standard one in other case", send: "get / HTTP/1.1\r\nHost: a.test\r\n\r\n", none: true, status: 400, closes: true},
			{name: "9.3.1: a GET may have content", send: "GET / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\n\r\nabc", upstream: []string{"Content-Length: 3\r\n", "\r\n\r\nabc"}},
			{name: "9.3.2: a HEAD stays one", send: "HEAD / HTTP/1.1\r\nHost: a.test\r\n\r\n", upstream: []string{"HEAD / HTTP/1.1\r\n"}, answer: ok("Transfer-Encoding: chunked\r\n", "")},
			{name: "9.3.6: CONNECT is not for us", send: "CONNECT / HTTP/1.1\r\nHost: a.test\r\n\r\n", none: true, status: 501, closes: true},
		}},
		{"10.1.1", "Expect", []exchange{
			{name: "unknown", send: upload("Expect: magic\r\nContent-Length: 3\r\n", abc), none: true, status: 417, closes: true},
			{name: "unknown before a known one", send: upload("Expect: magic\r\nExpect: 100-continue\r\nContent-Length: 3\r\n", abc), none: true, status: 417, closes: true},
			{name: "of HTTP/1.0 is ignored", send: "POST / HTTP/1.0\r\nHost: a.test\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc", upstream: []string{"!Expect", "abc"}, closes: true},
			{name: "a body that does not wait", send: upload("Expect: 100-continue\r\nContent-Length: 3\r\n", abc), upstream: []string{"\r\n\r\nabc"}},
		}},
		{"15.2", "interim answers", []exchange{
			{name: "pass", answer: "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + plainAnswer, status: 103, head: []string{"Link: </a>\r\n", "!Content-Length"}},
			{name: "without end", answer: strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 60), send: "GET / HTTP/1.0\r\nHost: a.test\r\n\r\n", cut: true, status: 502, closes: true},
		}},
		{"15.6", "answers of our own", []exchange{
			{name: "502 tells who and why", answer: "nonsense\r\n\r\n", cut: true, status: 502, head: []string{"Proxy-Status: sluice; error=", "Cache-Control: no-store\r\n", "Date: "}},
			{name: "400 tells who", send: start + "X\r\n\r\n", none: true, status: 400, head: []string{"Proxy-Status: sluice; error=http_request_error", "Date: "}, closes: true},
		}},
	})
}
