package proxy

import (
	"strings"
	"testing"
	"time"
)

// What is refused is answered, counted and logged; the connection ends, and
// nothing of it reaches an upstream.
func TestRefusals(t *testing.T) {
	o := echo(t)
	w := start(t, single(o), Settings{})
	for _, tt := range refusedHeads {
		t.Run(tt.name, func(t *testing.T) {
			before := w.server.Stats().Refused[tt.want.reason]
			c := w.dial()
			c.send("%s", tt.in+"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
			got := c.receive("GET")
			if got.status != tt.want.status || !got.close {
				t.Errorf("got %d close=%v, want %d and close", got.status, got.close, tt.want.status)
			}
			if !strings.HasPrefix(got.header.Get("Proxy-Status"), "sluice; error=") {
				t.Errorf("Proxy-Status is %q", got.header.Get("Proxy-Status"))
			}
			c.closed()
			if n := w.server.Stats().Refused[tt.want.reason] - before; n != 1 {
				t.Errorf("counted %d times as %s", n, tt.want.reason)
			}
		})
	}
	if n := o.requests.Load(); n != 0 {
		t.Errorf("%d requests reached the upstream", n)
	}
}

func TestRefusesRawPaths(t *testing.T) {
	o := echo(t)
	strict := start(t, single(o), Settings{})
	lax := single(o)
	lax.more = `{"Routes":[{"Path":{"Prefix":"/"},"AllowRawPath":true}]}`
	allowing := start(t, lax, Settings{})
	for _, path := range []string{"/a%2fb", "/a%5Cb", "/a%00b", "/a/..;/b", "/a/../b", "/a/./b", "/%2e%2e/b"} {
		t.Run(path, func(t *testing.T) {
			if got := strict.dial().get(path); got.status != 400 {
				t.Errorf("got %d, want 400", got.status)
			}
			if got := allowing.dial().get(path); got.status != 200 || got.body != "GET "+path+" " {
				t.Errorf("allowed: got %d %q, want the path as sent", got.status, got.body)
			}
		})
	}
}

func TestHeadLimits(t *testing.T) {
	w := start(t, single(echo(t)), Settings{MaxHeadBytes: 16 << 10})
	large := strings.Repeat("a", 3000)
	if got := w.dial().get("/", "X-A: "+large, "X-B: "+large, "X-C: "+large, "X-D: "+large); got.status != 200 {
		t.Errorf("a head of 12 KiB: got %d, want 200", got.status)
	}
	c := w.dial()
	for _, path := range []string{"/1", "/2"} { // the larger buffer serves on
		if got := c.get(path, "X-A: "+large, "X-B: "+large); got.status != 200 || got.body != "GET "+path+" " {
			t.Errorf("got %d %q", got.status, got.body)
		}
	}
	huge := strings.Repeat("X: "+large+"\r\n", 8)
	if got := w.dial().send("GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", huge).receive("GET"); got.status != 431 || !got.close {
		t.Errorf("a head of 24 KiB: got %d, want 431", got.status)
	}
	if got := w.dial().send("GET /%s HTTP/1.1\r\nHost: a\r\n\r\n", strings.Repeat("a", 20<<10)).receive("GET"); got.status != 414 {
		t.Errorf("a target of 20 KiB: got %d, want 414", got.status)
	}
}

func TestSlowHeadIsRefused(t *testing.T) {
	w := start(t, single(echo(t)), Settings{HeadTimeout: 50 * time.Millisecond})
	c := w.dial()
	c.send("GET / HTTP/1.1\r\nHost: a\r\nX: ")
	if got := c.receive("GET"); got.status != 408 || !got.close {
		t.Errorf("got %d close=%v, want 408 and close", got.status, got.close)
	}
	w.dial().closed() // nothing sent at all: closed without a word
}

func TestIdleConnectionsEnd(t *testing.T) {
	w := start(t, single(echo(t)), Settings{KeepAliveTimeout: 50 * time.Millisecond})
	c := w.dial()
	c.get("/")
	c.closed()
}

func TestMaxConnections(t *testing.T) {
	w := start(t, single(echo(t)), Settings{MaxConnections: 2})
	a, b := w.dial(), w.dial()
	a.get("/")
	b.get("/")
	c := w.dial()
	if got := c.receive("GET"); got.status != 503 || got.header.Get("Retry-After") != "1" {
		t.Errorf("got %d, want 503 with Retry-After", got.status)
	}
	c.closed()
	a.Close()
	await(t, "a place is free again", func() bool {
		c := w.dial()
		defer c.Close()
		if c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n") == nil {
			return false
		}
		r, err := c.tryReceive("GET")
		return err == nil && r.status == 200
	})
	if n := w.server.Stats().Refused["max_connections"]; n == 0 {
		t.Error("not counted")
	}
}

func TestUnrouted(t *testing.T) {
	sv := single(echo(t))
	sv.more = `{"Routes":[{"Hosts":["shop.test"],"Path":{"Prefix":"/"}}]}`
	w := start(t, sv, Settings{})
	c := w.dial()
	got := c.send("GET / HTTP/1.1\r\nHost: other\r\nAccept: text/html, application/json\r\n\r\n").receive("GET")
	if got.status != 404 || got.close || got.body != "404 Not Found\n" {
		t.Errorf("got %d close=%v %q", got.status, got.close, got.body)
	}
	got = c.send("HEAD / HTTP/1.1\r\nHost: other\r\n\r\n").receive("HEAD")
	if got.status != 404 || got.body != "" {
		t.Errorf("HEAD: got %d %q", got.status, got.body)
	}
	got = c.send("GET / HTTP/1.1\r\nHost: other\r\nAccept: application/json\r\n\r\n").receive("GET")
	if got.header.Get("Content-Type") != "application/problem+json" || got.body != "{\"title\":\"Not Found\",\"status\":404}\n" {
		t.Errorf("got %q %q", got.header.Get("Content-Type"), got.body)
	}
	if n := w.server.Stats().Unrouted; n != 3 {
		t.Errorf("counted %d, want 3", n)
	}
}
