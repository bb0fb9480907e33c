package proxy

import (
	"context"
	"net"
	"os"
	"testing"

	"sluice/router"

	"golang.org/x/sys/unix"
)

// passedOn is a copy of a listener, as a successor or systemd's child gets it.
func passedOn(t *testing.T, ln net.Listener) func(string) (net.Listener, error) {
	t.Helper()
	file, err := ln.(interface{ File() (*os.File, error) }).File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return func(string) (net.Listener, error) { return net.FileListener(file) }
}

// opened is a listener that somebody else opened, by Go's defaults or as plain TCP.
func opened(t *testing.T, multipath bool) net.Listener {
	t.Helper()
	lc := net.ListenConfig{KeepAlive: -1}
	lc.SetMultipathTCP(multipath)
	ln, err := lc.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return ln
}

func servedOn(t *testing.T, inherit func(string) (net.Listener, error)) *world {
	t.Helper()
	o := newOrigin(t, func(r *originRequest) bool { return r.ok("hello") })
	live := router.NewLive()
	live.Store(table(t, single(o), nil))
	return serve(t, live, Options{Live: live, Inherit: inherit}, Settings{}, nil)
}

// Every connection has keep-alive, wherever its listener came from; on a socket of our
// own it is born with it.
func TestConnectionsHaveKeepAlive(t *testing.T) {
	before, err := New(Options{Live: router.NewLive()})
	if err != nil {
		t.Fatal(err)
	}
	if err := before.Listen([]Listener{{Address: "127.0.0.1:0"}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(before.Close)
	for _, test := range []struct {
		name    string
		inherit func(string) (net.Listener, error)
		want    keeping
	}{
		{"our own socket", nil, keptForSure},
		{"a predecessor's", passedOn(t, before.Sockets()[0].Listener), keptByGo},
		{"systemd's", passedOn(t, opened(t, false)), keptByGo},
		{"Multipath TCP", passedOn(t, opened(t, true)), keptByGo},
	} {
		w := servedOn(t, test.inherit)
		w.seeAlive(test.name)
		if got := w.server.sockets[0].keeps; got != test.want {
			t.Errorf("%s: keep-alive comes from %d, want %d", test.name, got, test.want)
		}
	}
}

// Where inheriting was tried and seen to fail, connections are given it one by one.
func TestKeepAliveThatIsNotInherited(t *testing.T) {
	w := servedOn(t, nil)
	withSocket(w.server.sockets[0].Listener.(*net.TCPListener), func(fd int) {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 0); err != nil {
			t.Error(err)
		}
	})
	w.seeAlive("a socket that lost the option")
	if got := w.server.sockets[0].keeps; got != keptOneByOne {
		t.Errorf("keep-alive comes from %d, want %d", got, keptOneByOne)
	}
}

// seeAlive opens connections, and asks the kernel about the proxy's side of them.
func (w *world) seeAlive(name string) {
	w.t.Helper()
	for range 3 {
		w.dial().get("/")
	}
	kept := 0
	all := w.server.conns.each(func(c *clientConn) {
		if hasKeepAlive(c.accepted.(*net.TCPConn)) {
			kept++
		}
	})
	if kept != 3 || all != 3 {
		w.t.Errorf("%s: %d of %d connections have keep-alive, want 3 of 3", name, kept, all)
	}
}
