package proxy

import (
	"io"
	"strings"
	"testing"

	"sluice/analysis"
)

// echo answers with method, target and body.
func echo(t testing.TB) *origin {
	return newOrigin(t, func(r *originRequest) bool {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			return false
		}
		return r.ok(r.Method + " " + r.RequestURI + " " + string(b))
	})
}

func TestPlainExchanges(t *testing.T) {
	tests := []struct {
		name, in, want string
	}{
		{"get", "GET /a?b=c HTTP/1.1\r\nHost: shop.test\r\n\r\n", "GET /a?b=c "},
		{"post with a length", "POST /p HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 5\r\n\r\nhello", "POST /p hello"},
		{"post in chunks", "POST /p HTTP/1.1\r\nHost: shop.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n", "POST /p hello"},
		{"empty post", "POST /p HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 0\r\n\r\n", "POST /p "},
		{"absolute form", "GET http://shop.test/abs HTTP/1.1\r\nHost: shop.test\r\n\r\n", "GET /abs "},
		{"asterisk form", "OPTIONS * HTTP/1.1\r\nHost: shop.test\r\n\r\n", "OPTIONS * "},
	}
	o := echo(t)
	w := start(t, single(o), Settings{})
	c := w.dial() // one connection for all: keep-alive
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := c.send("%s", tt.in).receive(strings.Fields(tt.in)[0])
			if got.status != 200 || got.body != tt.want || got.close {
				t.Errorf("got %d %q close=%v, want 200 %q", got.status, got.body, got.close, tt.want)
			}
		})
	}
	if n := o.Accepted(); n != 1 {
		t.Errorf("the upstream saw %d connections, want 1: keep-alive", n)
	}
	totals := w.version("v1").Split.Totals()
	if totals.Started != uint64(len(tests)) || totals.ByOutcome[analysis.Success] != uint64(len(tests)) {
		t.Errorf("recorded %+v, want %d of success", totals, len(tests))
	}
}
