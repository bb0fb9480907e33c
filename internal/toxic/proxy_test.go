package toxic

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"
)

// echoed starts a server that echoes, behind a proxy, and connects to it.
func echoed(t *testing.T, up, down Toxic) (*Proxy, *net.TCPConn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(c, c); c.Close() }()
		}
	}()
	p, err := Start(ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	p.Set(up, down)
	c, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return p, c.(*net.TCPConn)
}

func exchange(t *testing.T, c *net.TCPConn, size int) (got []byte, took time.Duration, err error) {
	t.Helper()
	begin := time.Now()
	go func() {
		_, _ = c.Write(bytes.Repeat([]byte{'x'}, size))
		_ = c.CloseWrite()
	}()
	got, err = io.ReadAll(c)
	return got, time.Since(begin), err
}

func TestToxics(t *testing.T) {
	for _, test := range []struct {
		name     string
		up, down Toxic
		size     int
		got      int
		atLeast  time.Duration
		reset    bool
	}{
		{name: "none", size: 100_000, got: 100_000},
		{name: "latency", up: Toxic{Latency: 60 * time.Millisecond}, down: Toxic{Latency: 40 * time.Millisecond, Jitter: time.Millisecond}, size: 10, got: 10, atLeast: 100 * time.Millisecond},
		{name: "bandwidth", down: Toxic{Bandwidth: 50_000}, size: 10_000, got: 10_000, atLeast: 200 * time.Millisecond},
		{name: "bandwidth in pieces of a read", down: Toxic{Bandwidth: 1 << 20}, size: 200_000, got: 200_000, atLeast: 190 * time.Millisecond},
		{name: "a byte a time", up: Toxic{Bandwidth: 30}, size: 5, got: 5, atLeast: 160 * time.Millisecond},
		{name: "linger", up: Toxic{Linger: 50 * time.Millisecond}, size: 10, got: 10, atLeast: 50 * time.Millisecond},
		{name: "cut", down: Toxic{CutAfter: 1000}, size: 5000, got: 1000, reset: true},
		{name: "cut at once", up: Toxic{CutAfter: -1}, size: 10, got: 0, reset: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, c := echoed(t, test.up, test.down)
			got, took, err := exchange(t, c, test.size)
			// A reset may overtake what was sent before it.
			if len(got) != test.got && (!test.reset || len(got) > test.got) {
				t.Errorf("got %d bytes, want %d", len(got), test.got)
			}
			if took < test.atLeast {
				t.Errorf("took %v, want at least %v", took, test.atLeast)
			}
			harmless := test.up == Toxic{Linger: test.up.Linger} && test.down == Toxic{}
			if harmless != (p.Bitten() == 0) {
				t.Errorf("%d pieces bitten", p.Bitten())
			}
			if test.reset != errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("ended by %v", err)
			}
		})
	}
}

// Half-open: the bytes vanish, and the end as well, until the proxy closes.
func TestSwallow(t *testing.T) {
	p, c := echoed(t, Toxic{Swallow: true}, Toxic{})
	if _, err := c.Write([]byte("lost")); err != nil {
		t.Fatal(err)
	}
	if err := c.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v, want silence", err)
	}
	p.Close()
	if err := c.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("got %v, want a reset", err)
	}
	if p.Accepted() != 1 {
		t.Errorf("accepted %d", p.Accepted())
	}
}
