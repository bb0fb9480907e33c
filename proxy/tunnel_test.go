package proxy

import (
	"bytes"
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"sluice/router"
)

const switching = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"

// noise returns n bytes of which no part is like another.
func noise(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b) // it never fails
	return b
}

// tunnelTo is a service whose upstream switches protocols and then does what serve says.
// With overTLS it does so over TLS.
func tunnelTo(t *testing.T, overTLS bool, serve func(nc net.Conn, r io.Reader)) service {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		nc, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer nc.Close()
		_, _ = io.WriteString(nc, switching) // a client that left is missed in serve
		serve(nc, rw)
	}))
	t.Cleanup(s.Close)
	if !overTLS {
		s.Start()
		return service{urls: map[string]string{"v1": s.URL}}
	}
	s.StartTLS()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	writeFile(t, ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}))
	return service{urls: map[string]string{"v1": s.URL}, each: fmt.Sprintf(`{"TLS":{"CA":%q}}`, ca)}
}

// upgraded opens a tunnel on nc.
func (w *world) upgraded(nc net.Conn) *client {
	w.t.Helper()
	c := newClient(w.t, nc).send("%s", upgradeRequest)
	head, err := peekHead(c.br)
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := c.br.Discard(len(head)); err != nil {
		w.t.Fatal(err)
	}
	return c
}

func (w *world) wantNoTunnel() {
	w.t.Helper()
	await(w.t, "the tunnel is over", func() bool { return w.server.Stats().Tunnels == 0 })
}

type halfCloser interface{ CloseWrite() error }

// What goes in comes out, whatever its size and with or without TLS on either side; and each
// side's end is passed on while the other goes on.
func TestTunnelIsExact(t *testing.T) {
	body := noise(16 << 20)
	for _, tt := range []struct {
		name             string
		clientTLS, upTLS bool
	}{{"plain", false, false}, {"TLS to the client", true, false}, {"TLS to the upstream", false, true}, {"TLS on both sides", true, true}} {
		t.Run(tt.name, func(t *testing.T) {
			sv := tunnelTo(t, tt.upTLS, func(nc net.Conn, r io.Reader) {
				b, err := io.ReadAll(r) // to the end of what the client sends
				if err != nil || !bytes.Equal(b, body) {
					t.Errorf("the upstream got %d bytes, %v", len(b), err)
				}
				for _, n := range []int{1, 4096, 4097, 32 << 10, 1 << 20} {
					_, _ = nc.Write(b[:n]) // the client's reading tells
					b = b[n:]
				}
				_, _ = nc.Write(b)
				_ = nc.(halfCloser).CloseWrite()
			})
			w, dial := tunnelWorld(t, sv, tt.clientTLS)
			c := w.upgraded(dial())
			rest := body
			for _, n := range []int{0, 1, 16 << 10, 32 << 10, 100_000} {
				if _, err := c.Write(rest[:n]); err != nil {
					t.Fatal(err)
				}
				rest = rest[n:]
			}
			if _, err := c.Write(rest); err != nil {
				t.Fatal(err)
			}
			if err := c.Conn.(halfCloser).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			if b, err := io.ReadAll(c.br); err != nil || !bytes.Equal(b, body) {
				t.Errorf("the client got %d bytes, %v", len(b), err)
			}
			w.wantNoTunnel()
		})
	}
}

// tunnelWorld is a world for sv, with TLS to the client where asked for.
func tunnelWorld(t *testing.T, sv service, clientTLS bool) (w *world, dial func() net.Conn) {
	if !clientTLS {
		w = start(t, sv, Settings{})
		return w, func() net.Conn { return mustDial(t, w.addr) }
	}
	own := issue(t, nil, time.Now().Add(time.Hour), "a")
	live := router.NewLive()
	live.Store(table(t, sv, nil))
	w = serve(t, live, Options{Live: live}, Settings{}, []Listener{{Address: "127.0.0.1:0", TLS: &tls.Config{Certificates: []tls.Certificate{own.pair}}}})
	return w, func() net.Conn {
		nc, err := tls.Dial("tcp", w.addr, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		return nc
	}
}

// The upstream ends its side first; what the client says afterwards still arrives.
func TestTunnelAfterTheUpstreamsHalfClose(t *testing.T) {
	body, heard := noise(1<<20), make(chan []byte, 1)
	w := start(t, tunnelTo(t, false, func(nc net.Conn, r io.Reader) {
		_ = nc.(halfCloser).CloseWrite() // the client waits for it
		b, _ := io.ReadAll(r)
		heard <- b
	}), Settings{})
	c := w.upgraded(mustDial(t, w.addr))
	c.closed()
	if _, err := c.Write(body); err != nil {
		t.Fatal(err)
	}
	if err := c.Conn.(halfCloser).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(<-heard, body) {
		t.Error("the upstream got something else")
	}
	w.wantNoTunnel()
}

// Moving in one direction alone keeps a tunnel, for as long as it lasts, whichever it is.
func TestTunnelThatMovesOneWayStays(t *testing.T) {
	const idle, rounds = time.Second, 15
	for name, down := range map[string]bool{"down": true, "up": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			over := make(chan struct{})
			sv := tunnelTo(t, false, func(nc net.Conn, r io.Reader) {
				defer close(over)
				if down {
					pace(nc, idle/10, rounds)
				} else if n, err := io.Copy(io.Discard, r); n != rounds || err != nil {
					t.Errorf("the upstream got %d bytes, %v", n, err)
				}
			})
			sv.more = `{"Timeouts":{"Tunnel":1000000000,"Connect":1000000000,"Response":1000000000}}`
			w := start(t, sv, Settings{})
			c := w.upgraded(mustDial(t, w.addr))
			if !down {
				pace(c, idle/10, rounds)
				_ = c.Conn.(halfCloser).CloseWrite() // the upstream tells
			} else if n, err := io.Copy(io.Discard, c.br); n != rounds || err != nil {
				t.Errorf("the client got %d bytes, %v", n, err)
			}
			within(t, "the upstream is let go", over)
			c.Close()
			w.wantNoTunnel()
		})
	}
}

// pace writes a byte at each tick.
func pace(w io.Writer, tick time.Duration, n int) {
	ticks := time.NewTicker(tick)
	defer ticks.Stop()
	for range n {
		<-ticks.C
		if _, err := w.Write([]byte("x")); err != nil {
			return
		}
	}
}

// Both sides write and neither reads: nothing moves, and nothing but the clock could tell.
func TestTunnelInWhichNobodyReadsEnds(t *testing.T) {
	o, stopped := flood(t, switching)
	sv := single(o)
	sv.more = `{"Timeouts":{"Tunnel":100000000,"Connect":1000000000,"Response":1000000000}}`
	w := start(t, sv, Settings{})
	c := w.upgraded(mustDial(t, w.addr))
	block := make([]byte, 64<<10)
	for {
		if _, err := c.Write(block); err != nil {
			break
		}
	}
	within(t, "the upstream is let go", stopped)
	w.wantNoTunnel()
}

// How long a tunnel may stay as it is: see tunnelWatch.
func TestTunnelWatchLeft(t *testing.T) {
	const idle = 100
	for _, tt := range []struct {
		name                string
		active, now         int64
		unsent, seen, since int // by the peers' sockets now, and at the last look
		want                int64
	}{
		{name: "just begun", active: 1000, now: 1000, want: 100},
		{name: "moved since", active: 1070, now: 1100, want: 70},
		{name: "nothing moved", active: 1000, now: 1100, want: 0},
		{name: "unread, seen for the first time", active: 1000, now: 1100, unsent: 5, want: 50},
		{name: "unread, as before", active: 1000, now: 1100, unsent: 5, seen: 5, since: 1050, want: 0},
		{name: "a slow reader took some", active: 1000, now: 1100, unsent: 4, seen: 5, since: 1050, want: 100},
	} {
		w := tunnelWatch{tunnel: &tunnel{idle: idle}, unsent: tt.seen, since: int64(tt.since)}
		w.tunnel.active.Store(tt.active)
		if got := w.left(tt.now, tt.unsent); got != tt.want {
			t.Errorf("%s: got %d, want %d", tt.name, got, tt.want)
		}
	}
}
