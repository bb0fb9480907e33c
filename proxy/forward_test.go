package proxy

import (
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"testing"
)

// seenBy sends a request through and returns the head that the upstream got.
func seenBy(t *testing.T, sv service, st Settings, request string) string {
	t.Helper()
	heads := make(chan string, 1)
	o := newOrigin(t, func(r *originRequest) bool { heads <- r.head; return r.ok("") })
	sv.urls = map[string]string{"v1": o.URL()}
	w := start(t, sv, st)
	if got := w.dial().send("%s", request).receive("GET"); got.status != 200 {
		t.Fatalf("got %d", got.status)
	}
	return <-heads
}

var randomID = regexp.MustCompile(`X-Request-Id: [0-9a-f]{32}\r\n`)

func TestForwardedHead(t *testing.T) {
	loopback := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	tests := []struct {
		name, in string
		sv       service
		st       Settings
		want     []string // lines
		not      []string // parts of lines, lower case
	}{
		{
			name: "order, case and duplicates are kept",
			in:   "GET /?x HTTP/1.1\r\nhOST: shop.test:80\r\nx-B: 2\r\nX-A: 1\r\nx-B: 3\r\nContent-Encoding: a\r\nContent-Encoding: b\r\n\r\n",
			want: []string{"GET /?x HTTP/1.1\r\nhOST: shop.test:80\r\nx-B: 2\r\nX-A: 1\r\nx-B: 3\r\nContent-Encoding: a\r\nContent-Encoding: b\r\nX-Forwarded-For: 127.0.0.1\r\n"},
		},
		{
			name: "hop-by-hop",
			in: "GET / HTTP/1.1\r\nHost: a\r\nConnection: x-foo, keep-alive\r\nconnection: X-BAR,close\r\nX-Foo: 1\r\nX-Bar: 2\r\nKeep-Alive: 5\r\n" +
				"Proxy-Connection: x\r\nProxy-Authorization: x\r\nTE: gzip\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\nProxy-Status: x\r\nX-Baz: 3\r\n\r\n",
			want: []string{"X-Baz: 3\r\n"},
			not:  []string{"connection:", "x-foo", "x-bar", "keep-alive", "proxy-", "te:", "upgrade:", "http2-settings"},
		},
		{
			name: "Connection can't name ours or framing away (CVE-2024-45410)",
			in: "GET / HTTP/1.1\r\nHost: a\r\nConnection: X-Forwarded-For, X-Forwarded-Proto, X-Forwarded-Host, X-Forwarded-Port, X-Request-Id, Host, Via\r\n" +
				"X-Request-Id: mine\r\n\r\n",
			st:   Settings{Via: "edge"},
			want: []string{"Host: a\r\n", "X-Forwarded-For: 127.0.0.1\r\n", "X-Forwarded-Proto: http\r\n", "X-Forwarded-Host: a\r\n", "X-Forwarded-Port: ", "X-Request-Id: mine\r\n", "Via: 1.1 edge\r\n"},
		},
		{
			name: "a stranger's X-Forwarded-* are dropped",
			in: "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 1.2.3.4\r\nx-forwarded-proto: https\r\nX-Forwarded-Host: evil\r\nX-Forwarded-Port: 1\r\n" +
				"X-Forwarded-Prefix: /evil\r\nForwarded: for=1.2.3.4\r\nX-Real-IP: 1.2.3.4\r\nX-Sluice-Mirror: 1\r\n\r\n",
			want: []string{"X-Forwarded-For: 127.0.0.1\r\n", "X-Forwarded-Proto: http\r\n", "X-Forwarded-Host: a\r\n"},
			not:  []string{"1.2.3.4", "evil", "x-sluice", "https"},
		},
		{
			name: "a trusted proxy's are believed",
			in: "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 1.2.3.4\r\nX-Forwarded-For: 5.6.7.8\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: b\r\n" +
				"X-Forwarded-Port: 443\r\nX-Forwarded-Prefix: /p\r\n\r\n",
			st:   Settings{TrustedProxies: loopback},
			want: []string{"X-Forwarded-For: 1.2.3.4, 5.6.7.8, 127.0.0.1\r\n", "X-Forwarded-Proto: https\r\n", "X-Forwarded-Host: b\r\n", "X-Forwarded-Port: 443\r\n", "X-Forwarded-Prefix: /p\r\n"},
		},
		{
			name: "tracing passes untouched", in: "GET / HTTP/1.1\r\nHost: a\r\ntraceparent: 00-a-b-01\r\ntracestate: x=y\r\n\r\n",
			want: []string{"traceparent: 00-a-b-01\r\n", "tracestate: x=y\r\n"},
		},
		{
			name: "an ill-formed request id is replaced", in: "GET / HTTP/1.1\r\nHost: a\r\nX-Request-Id: a b\r\n\r\n",
			not: []string{"a b"},
		},
		{
			name: "underscores", in: "GET / HTTP/1.1\r\nHost: a\r\nX_A: 1\r\n\r\n",
			st: Settings{Underscores: true}, want: []string{"X_A: 1\r\n"},
		},
		{
			name: "edits", in: "GET / HTTP/1.1\r\nHost: a\r\nx-one: theirs\r\nX-Two: theirs\r\nX-Three: theirs\r\n\r\n",
			sv:   service{more: `{"Headers":{"Request":{"Set":{"X-One":"ours","X-Forwarded-Proto":"https","Connection":"x"},"Remove":["x-two"]}}}`},
			want: []string{"X-One: ours\r\n", "X-Three: theirs\r\n", "X-Forwarded-Proto: https\r\n"},
			not:  []string{"x-one: theirs", "x-two", "x-forwarded-proto: http\r", "connection"},
		},
		{
			name: "an HTTP/1.0 client without Host", in: "GET / HTTP/1.0\r\nX-A: 1\r\n\r\n",
			want: []string{"GET / HTTP/1.1\r\nHost: 127.0.0.1:"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := seenBy(t, tt.sv, tt.st, tt.in)
			for _, line := range tt.want {
				if !strings.Contains(got, line) {
					t.Errorf("no %q in %q", line, got)
				}
			}
			for _, part := range tt.not {
				if strings.Contains(strings.ToLower(got), part) {
					t.Errorf("%q in %q", part, got)
				}
			}
			if !strings.Contains(tt.in, "X-Request-Id: mine") && !randomID.MatchString(got) {
				t.Errorf("no request id of ours in %q", got)
			}
		})
	}
}

func TestAnswerHead(t *testing.T) {
	o := newOrigin(t, func(r *originRequest) bool {
		return r.write("HTTP/1.1 200 Fine\r\nConnection: x-hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nUpgrade: h2\r\nSet-Cookie: a=1\r\n" +
			"set-cookie: b=2\r\nX-Out: theirs\r\nX-Gone: 1\r\nServer: up\r\nContent-Length: 0\r\n\r\n")
	})
	sv := single(o)
	sv.more = `{"Headers":{"Response":{"Set":{"X-Out":"ours"},"Remove":["X-Gone"]}}}`
	w := start(t, sv, Settings{Via: "edge"})
	got := w.dial().get("/")
	want := http.Header{"Set-Cookie": {"a=1", "b=2"}, "X-Out": {"ours"}, "Server": {"up"}, "Content-Length": {"0"}, "Via": {"1.1 edge"}}
	if len(got.header) != len(want) {
		t.Errorf("got %v, want %v", got.header, want)
	}
	for name, values := range want {
		if strings.Join(got.header[name], "|") != strings.Join(values, "|") {
			t.Errorf("%s: got %q, want %q", name, got.header[name], values)
		}
	}
}

func TestStickyCookie(t *testing.T) {
	sv := single(echo(t))
	sv.more = `{"Sticky":{"Cookie":"sluice_shop"}}`
	w := start(t, sv, Settings{})
	c := w.dial()
	cookie := c.get("/").header.Get("Set-Cookie")
	if !regexp.MustCompile(`^sluice_shop=[A-Za-z0-9_-]{22}; Path=/; HttpOnly; SameSite=Lax$`).MatchString(cookie) {
		t.Fatalf("cookie is %q", cookie)
	}
	key, _, _ := strings.Cut(cookie, ";")
	if got := c.get("/", "Cookie: x=y; "+key); got.header.Get("Set-Cookie") != "" {
		t.Errorf("set again: %q", got.header.Get("Set-Cookie"))
	}
}

func TestClientOf(t *testing.T) {
	trusts := func(a netip.Addr) bool { return a.Is4() && a.As4()[0] == 10 }
	tests := []struct {
		name, peer, forwarded string
		trusted               bool
		want                  string
	}{
		{"a stranger", "1.1.1.1", "2.2.2.2", false, "1.1.1.1"},
		{"behind one proxy", "10.0.0.1", "2.2.2.2", true, "2.2.2.2"},
		{"behind two", "10.0.0.1", "2.2.2.2, 10.0.0.2", true, "2.2.2.2"},
		{"what stands before it is hearsay", "10.0.0.1", "3.3.3.3, 2.2.2.2", true, "2.2.2.2"},
		{"all trusted", "10.0.0.1", "10.0.0.3, 10.0.0.2", true, "10.0.0.3"},
		{"garbage", "10.0.0.1", "x, 10.0.0.2", true, "10.0.0.2"},
		{"none", "10.0.0.1", "", true, "10.0.0.1"},
		{"mapped", "10.0.0.1", "::ffff:2.2.2.2", true, "2.2.2.2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var h head
			if r := parseHead([]byte("GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: "+tt.forwarded+"\r\n\r\n"), &h, testLimits); r != nil {
				t.Fatal(r)
			}
			p := peer{addr: netip.MustParseAddr(tt.peer), trusted: tt.trusted}
			if got := clientOf(&h, &p, trusts); got.String() != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}
