package proxy

import (
	"context"
	"testing"
	"time"
)

// A drain for a successor asks clients to reconnect soon, and yet leaves long answers all of their time.
func TestDrainWithin(t *testing.T) {
	for _, test := range []struct {
		name                  string
		timeout, spread, want time.Duration // 0: no timeout
	}{
		{"all of the time", time.Hour, 0, time.Hour},
		{"sooner", time.Hour, time.Minute, time.Minute},
		{"no more than there is", time.Minute, time.Hour, time.Minute},
		{"no end", 0, 0, drainDefault},
		{"no end, sooner", 0, time.Second, time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			begun, release := make(chan struct{}), make(chan struct{})
			w := start(t, single(newOrigin(t, func(r *originRequest) bool {
				close(begun)
				<-release
				return r.ok("whole")
			})), Settings{})
			c := w.dial().send("GET / HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n")
			<-begun
			ctx, cancel := context.WithCancel(t.Context())
			if test.timeout > 0 {
				ctx, cancel = context.WithTimeout(t.Context(), test.timeout)
			}
			defer cancel()
			drained := make(chan error, 1)
			go func() { drained <- w.server.DrainWithin(ctx, test.spread) }()
			await(t, "draining", func() bool { return w.server.drain.Load() != nil })
			d := w.server.drain.Load()
			if got := time.Duration(d.end - d.begin); got > test.want || got < test.want-5*time.Second {
				t.Errorf("clients are told over %v, want %v", got, test.want)
			}
			close(release)
			if got := c.receive("GET"); got.body != "whole" {
				t.Errorf("got %q", got.body)
			}
			if err := <-drained; err != nil {
				t.Error(err)
			}
		})
	}
}
