package conformance

import (
	"fmt"
	"strings"
)

// RFC 9112, 3: the request line.
func requestLines() []hostile {
	all := each([]string{
		"POST  /N HTTP/1.1", "POST /N  HTTP/1.1", "POST /N HTTP/1.1 ", " POST /N HTTP/1.1", "POST\t/N HTTP/1.1", "POST /N\tHTTP/1.1", "POST /N", "POST",
		"/N HTTP/1.1", "POST /N HTTP/1.2", "POST /N HTTP/2.0", "POST /N HTTP/0.9", "POST /N HTTP/1.10", "POST /N http/1.1", "POST /N HTTP/01.1",
		"POST /N HTTP/1,1", "POST /N HTTPS/1.1", "POST /N HTTP/1.1x", "POST /N HTTP /1.1", "POST /N HTTP/ 1.1", "POST /N HTTP/1. 1", "POST /N HTTP/1",
		"POST /N HTTP/1.", "POST /N HTTP/.1", "POST /N HTTP/11", "POST /N HTTP/3.1", "POST /N HTTP/-1.1", "POST /N HTTP/+1.1", "POST /N \x0bHTTP/1.1",
		"POST /N HTTP/1.1\x00", "POST\x00 /N HTTP/1.1", "PO ST /N HTTP/1.1", "P(ST /N HTTP/1.1", "PÖST /N HTTP/1.1", "PO:ST /N HTTP/1.1", "\"POST\" /N HTTP/1.1",
		"POST /N\xa0HTTP/1.1", "POST\xa0/N HTTP/1.1", "POST\x0b/N HTTP/1.1", "POST\x0c/N HTTP/1.1", "POST /N HTTP/1.1\x0b", "POST /N ICAP/1.0", "POST /N RTSP/1.0",
		"POST HTTP/1.1", "POST  HTTP/1.1", "CONNECT a:80 HTTP/1.1", "CONNECT /N HTTP/1.1", "PRI * HTTP/2.0", "POST * HTTP/1.1", "POST /N?a b HTTP/1.1",
		"post /N HTTP/1.1", "Post /N HTTP/1.1", "get /N HTTP/1.1", "head /N HTTP/1.1", "connect /N HTTP/1.1", "pATCH /N HTTP/1.1",
	}, func(line string) hostile {
		return hostile{fmt.Sprintf("request line %q", line), line + "\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", refused, "", 0}
	})
	return append(all, each([]string{"PATCH", "PUT", "DELETE", "OPTIONS", "PROPFIND", "M-SEARCH", "PURGE", "X", "!$%&'*+-.^`|~", "QUERY"}, func(method string) hostile {
		return hostile{"method " + method, method + " /N HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", passed, method + " /N", 3}
	})...)
}

// RFC 9112, 3.2: the four forms of a target, and what is none of them.
func targets() []hostile {
	get := func(target, sees string, want verdict) hostile {
		return hostile{fmt.Sprintf("target %.40q", target), "GET " + target + " HTTP/1.1\r\nHost: a\r\n\r\n", want, "GET " + sees, 0}
	}
	all := each([]string{
		"*", "http://b/N", "http://a:81/N", "http://user@a/N", "http://a@b/N", "http:///N", "http:/N", "http:a/N", "ftp://a/N", "a/N", "N", "?/N", "#/N",
		"http://a?/N", "http://a#/N", "http://a\\@b/N", "http://[a/N", "ws://a/N", "javascript:/N", "http://a b/N", "\\N", "%2fN", ".", "../N", "./N", "a:80",
		"/N/../x", "/N/..", "/N/./x", "/../N", "/./N", "/%2e%2e/N", "/N/%2E%2E/x", "/N/.%2e/x", "/N/%2e/x", "/N/%2f", "/N/%2F", "/N/%5c", "/N\\x", "/N/%00",
		"/N/..;/x", "/N/..;a=b/x", "/N/\x01", "/N/\x7f", "/N/\x00", "/N\r/x", "/N#fragment", "/N?a#fragment", "/N/" + strings.Repeat("a", 9000),
	}, func(target string) hostile { return get(target, "", refused) })
	return append(all,
		get("http://a/N", "/N", passed), get("HTTP://A/N", "/N", passed), get("http://a/N?x=y", "/N?x=y", passed), get("http://a/N?http://b/", "/N?http://b/", passed),
		get("/N?", "/N?", passed), get("/N?a=b&c=d", "/N?a=b&c=d", passed), get("/N?/../x", "/N?/../x", passed), get("/N?%00%2f", "/N?%00%2f", passed),
		get("/N/a%20b", "/N/a%20b", passed), get("/N/%c3%a4", "/N/%c3%a4", passed), get("/N/a:b", "/N/a:b", passed), get("/N/a;b=c", "/N/a;b=c", passed),
		get("/N/a@b", "/N/a@b", passed), get("/N/...", "/N/...", passed), get("/N/.x", "/N/.x", passed), get("/N/x.", "/N/x.", passed), get("/N/~", "/N/~", passed),
		get("/N/"+strings.Repeat("a", 4000), "/N/"+strings.Repeat("a", 4000), passed), get("/N/http://b/", "/N/http://b/", passed),
	)
}

// RFC 9110, 7.2 and RFC 9112, 3.2.
func hosts() []hostile {
	get := func(lines string, want verdict) hostile {
		return hostile{fmt.Sprintf("host %.40q", lines), "GET /N HTTP/1.1\r\n" + lines + "\r\n", want, "GET /N", 0}
	}
	all := each([]string{
		"", "Host:\r\n", "Host: \r\n", "Host: a b\r\n", "Host: a/b\r\n", "Host: a@b\r\n", "Host: a:b\r\n", "Host: a:99999\r\n", "Host: a,b\r\n", "Host: a\x00\r\n",
		"Host: a#\r\n", "Host: a?x\r\n", "Host: a\\b\r\n", "Host: ä\r\n", "Host: a%00\r\n", "Host: http://a\r\n", "Host: a:80:80\r\n", "Host: [::1\r\n", "Host: ::1\r\n",
		"Host: [::1]x\r\n", "Host: [x]\r\n", "Host: a;b\r\n", "Host: \"a\"\r\n", "Host: a\tb\r\n", "Host: :80\r\n", "Host: a:-1\r\n", "Host: a:+80\r\n", "Host : a\r\n",
		" Host: a\r\n", "Host: a\r\n b\r\n", "Host: a\r\nHost: b\r\n", "Host: a\r\nhost: a\r\n", "X-Host: a\r\n", "Host: a:0x50\r\n", "Host: " + strings.Repeat("a", 301) + "\r\n",
		"Host: a'b\r\n", "Host: <a>\r\n", "Host: a|b\r\n", "Host: ${a}\r\n", "Host: a*\r\n",
	}, func(lines string) hostile { return get(lines, refused) })
	return append(all, each([]string{
		"Host: a\r\n", "host:a\r\n", "Host: A\r\n", "Host: a.\r\n", "Host: a:80\r\n", "Host: [::1]\r\n", "Host: [::1]:80\r\n", "Host: 127.0.0.1\r\n", "Host: xn--4ca.test\r\n",
		"Host: a-b.test\r\n", "X: y\r\nHost: a\r\n",
	}, func(lines string) hostile { return get(lines, passed) })...)
}

// RFC 9110, 7.6.1: what Connection names, and what it can't name away.
func connections() []hostile {
	all := each([]string{
		"Connection: Content-Length\r\n", "Connection: Host\r\n", "Connection: keep-alive, Content-Length, Host\r\n", "Connection: X-Forwarded-For\r\n", "Connection: ,,\r\n",
		"Connection:\r\n", "Connection: keep-alive\r\n", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n",
		"Upgrade: h2c\r\n", "Upgrade: TLS/1.0\r\nConnection: upgrade\r\n", "Keep-Alive: timeout=0\r\n", "Proxy-Connection: close\r\n", "TE: trailers, chunked\r\n",
		"TE: trailers;q=0.5\r\n", "Trailer: Content-Length\r\n", "Connection: Connection\r\n", "Connection: Transfer-Encoding\r\n", "Connection: \"close\"\r\n",
		"Connection: x;y=z\r\n", "Connection: Expect\r\n", "Max-Forwards: 0\r\n", "Via: 1.1 x\r\n", "Proxy-Authorization: Basic eDp5\r\n",
	}, func(fields string) hostile {
		return post(fmt.Sprintf("fields %q", fields), fields+"Content-Length: 3\r\n", abc, passed, 3)
	})
	all = append(all, each([]string{"Connection: Transfer-Encoding\r\n", "Connection: TE, Trailer\r\nTE: trailers\r\nTrailer: X\r\n", "Connection: keep-alive, transfer-encoding\r\n"},
		func(fields string) hostile {
			return post(fmt.Sprintf("fields %q before chunks", fields), fields+"Transfer-Encoding: chunked\r\n", abcChunks, passed, 3)
		})...)
	return append(all, each([]string{"Connection: close\r\n", "Connection: Close\r\n", "Connection: keep-alive, close\r\n", "Connection: close\r\nConnection: keep-alive\r\n",
		"Connection: x\r\nConnection: ,close ,\r\n"},
		func(fields string) hostile {
			return post(fmt.Sprintf("fields %q", fields), fields+"Content-Length: 3\r\n", abc, last, 3)
		})...)
}

// RFC 9110, 10.1.1.
func expectations() []hostile {
	return []hostile{
		post("100-continue with the body", "Expect: 100-continue\r\nContent-Length: 3\r\n", abc, passed, 3),
		post("100-Continue", "Expect: 100-Continue\r\nContent-Length: 3\r\n", abc, passed, 3),
		post("100-continue before chunks", "Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n", abcChunks, passed, 3),
		post("100-continue, no body", "Expect: 100-continue\r\nContent-Length: 0\r\n", "", passed, 0),
		post("100-continue, no length", "Expect: 100-continue\r\n", "", passed, 0),
		post("expectation unknown", "Expect: x\r\nContent-Length: 3\r\n", abc+inside, refused, 0),
		post("expectation empty", "Expect:\r\nContent-Length: 3\r\n", abc+inside, refused, 0),
		post("expectation list", "Expect: 100-continue, x\r\nContent-Length: 3\r\n", abc+inside, refused, 0),
		post("expectation with a tail", "Expect: 100-continuex\r\nContent-Length: 3\r\n", abc+inside, refused, 0),
		post("expectations, two lines", "Expect: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n", abc+inside, refused, 0),
		post("expectations, two lines turned", "Expect: 100-continue\r\nExpect: x\r\nContent-Length: 3\r\n", abc+inside, refused, 0),
	}
}

// RFC 9112, 6.1 and 9.3: HTTP/1.0.
func oldVersions() []hostile {
	old := func(name, fields, body string, want verdict, content int) hostile {
		return hostile{"1.0 " + name, "POST /N HTTP/1.0\r\n" + fields + "\r\n" + body, want, "", content}
	}
	return []hostile{
		old("plain", "Host: a\r\nContent-Length: 3\r\n", abc, last, 3),
		old("without Host", "Content-Length: 3\r\n", abc, last, 3),
		old("kept alive", "Host: a\r\nConnection: keep-alive\r\nContent-Length: 3\r\n", abc, passed, 3),
		old("kept alive and closed", "Host: a\r\nConnection: keep-alive, close\r\nContent-Length: 3\r\n", abc, last, 3),
		old("without a length", "Host: a\r\n", "", last, 0),
		old("body without a length", "Host: a\r\n", abc+inside, last, 0),
		old("chunks", "Host: a\r\nTransfer-Encoding: chunked\r\n", abcChunks+inside, refused, 0),
		old("chunks kept alive", "Host: a\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n", abcChunks+inside, refused, 0),
		old("chunks and length", "Host: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n", abcChunks+inside, refused, 0),
		old("identity", "Host: a\r\nTransfer-Encoding: identity\r\nContent-Length: 3\r\n", abc, refused, 0),
		old("two Hosts", "Host: a\r\nHost: b\r\n", "", refused, 0),
		old("100-continue", "Host: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n", abc, last, 3),
		old("expectation unknown", "Host: a\r\nExpect: x\r\nContent-Length: 3\r\n", abc, last, 3),
		old("upgrade", "Host: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 0\r\n", "", last, 0),
	}
}

// RFC 9110, 9: any method may have a body, and it ends where it says.
func bodiesOfMethods() []hostile {
	var all []hostile
	for _, method := range []string{"GET", "HEAD", "DELETE", "OPTIONS", "PUT", "PATCH"} {
		head := method + " /N HTTP/1.1\r\nHost: a\r\n"
		carried := number(inside, nobody)
		all = append(all,
			hostile{method + " with a length", head + "Content-Length: 3\r\n\r\nabc", passed, method + " /N", 3},
			hostile{method + " with chunks", head + "Transfer-Encoding: chunked\r\n\r\n" + abcChunks, passed, method + " /N", 3},
			hostile{method + " with a request for a body", head + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(carried)) + carried, passed, method + " /N", len(carried)},
			hostile{method + " with both", head + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n" + abcChunks, refused, method + " /N", 0},
			hostile{method + " with an encoding on 1.0", method + " /N HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + abcChunks, refused, method + " /N", 0},
		)
	}
	return append(all, hostile{"OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", passed, "OPTIONS *", 0})
}

// RFC 9110, 5.5, and limits.
func values() []hostile {
	all := each([]string{
		"X: a\x00b\r\n", "X: \x01\r\n", "X: a\x08b\r\n", "X: a\x0bb\r\n", "X: a\x0cb\r\n", "X: a\x1bb\r\n", "X: a\x7fb\r\n", "X: a\rb\r\n", "X: a\r\r\n", "X: a\nb\r\n",
		strings.Repeat("X: y\r\n", 101), "X: " + strings.Repeat("a", 64<<10) + "\r\n", strings.Repeat("a", 64<<10) + ": y\r\n",
		strings.Repeat("X: "+strings.Repeat("a", 1000)+"\r\n", 65),
	}, func(lines string) hostile {
		return post(fmt.Sprintf("field %.30q (%d bytes)", lines, len(lines)), "Content-Length: 3\r\n"+lines, abc, refused, 0)
	})
	return append(all, each([]string{
		"X:\r\n", "X: \r\n", "X:y\r\n", "X: \t y \t \r\n", "X: a\tb\r\n", "X: \xff\xfe\r\n", "X: ä\r\n", "X: a:b: c\r\n", "X: \"a\r\n", strings.Repeat("X: y\r\n", 50),
		"X: " + strings.Repeat("a", 3000) + "\r\n", strings.Repeat("Cookie: a=b\r\n", 3), "X: %0d%0aTransfer-Encoding: chunked\r\n", "X: \\r\\nTransfer-Encoding: chunked\r\n",
		"X: ${jndi:ldap://x}\r\n", "Range: bytes=0-,0-,0-\r\n", "If-None-Match: *\r\n",
	}, func(lines string) hostile {
		return post(fmt.Sprintf("field %.30q (%d bytes)", lines, len(lines)), "Content-Length: 3\r\n"+lines, abc, passed, 3)
	})...)
}

// carriers are right requests whose bodies look like requests, of sizes around
// the buffers on the way.
func carriers() []hostile {
	var all []hostile
	for _, size := range []int{40, 1000, 4095, 4096, 4097, 8192, 16384, 16385, 65536, 200_000} {
		body := bodyOf(size)
		all = append(all, post(fmt.Sprintf("carrier of %d bytes", size), fmt.Sprintf("Content-Length: %d\r\n", size), body, passed, size))
		chunks := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", size, body)
		all = append(all, post(fmt.Sprintf("carrier of one chunk of %d bytes", size), "Transfer-Encoding: chunked\r\n", chunks, passed, size))
	}
	var small strings.Builder
	body := number(inside, nobody)
	for _, b := range []byte(body) {
		fmt.Fprintf(&small, "1\r\n%c\r\n", b)
	}
	return append(all, post("carrier of chunks of a byte", "Transfer-Encoding: chunked\r\n", small.String()+"0\r\n\r\n", passed, len(body)))
}

// nobody is the number of no case: an origin that sees it was lied to.
const nobody = 9999

// bodyOf is size bytes of requests that never may be seen as such.
func bodyOf(size int) string {
	one := number(inside, nobody)
	return strings.Repeat(one, size/len(one)+1)[:size]
}
