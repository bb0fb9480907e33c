package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"sluice/analysis"
	"sluice/router"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// tunnelOrigin switches protocols and sends back what it gets, in upper case.
func tunnelOrigin(t *testing.T) *origin {
	return newOrigin(t, func(r *originRequest) bool {
		if r.Header.Get("Upgrade") != "websocket" || r.Header.Get("Connection") != "Upgrade" {
			return r.ok("no upgrade")
		}
		r.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-A: b\r\n\r\nhello ")
		line, err := r.br.ReadString('\n')
		for ; err == nil; line, err = r.br.ReadString('\n') {
			r.write("%s", strings.ToUpper(line))
		}
		r.write("bye") // the client has closed its side only
		return false
	})
}

const upgradeRequest = "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n"

func TestTunnel(t *testing.T) {
	w := start(t, single(tunnelOrigin(t)), Settings{})
	c := w.dial().send("%searly\n", upgradeRequest)
	head, err := peekHead(c.br)
	if err != nil || !strings.HasPrefix(head, "HTTP/1.1 101 ") || !strings.Contains(head, "Connection: Upgrade\r\nUpgrade: websocket\r\n") {
		t.Fatalf("got %q, %v", head, err)
	}
	if _, err := c.br.Discard(len(head)); err != nil {
		t.Fatal(err)
	}
	if got, err := c.br.ReadString('\n'); got != "hello EARLY\n" {
		t.Fatalf("got %q, %v", got, err)
	}
	// It survives a change of the table.
	w.live.Store(table(t, single(tunnelOrigin(t)), w.live.Load()))
	for n := range 3 {
		if got, err := c.send("line %d\n", n).br.ReadString('\n'); got != fmt.Sprintf("LINE %d\n", n) {
			t.Fatalf("got %q, %v", got, err)
		}
	}
	if n := w.server.Stats().Tunnels; n != 1 {
		t.Errorf("%d tunnels counted", n)
	}
	if err := c.Conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(c.br); string(got) != "bye" || err != nil {
		t.Errorf("after half a close: got %q, %v", got, err)
	}
	await(t, "the tunnel is over", func() bool { return w.server.Stats().Tunnels == 0 })
}

func TestNoTunnelWithout101(t *testing.T) {
	w := start(t, single(echo(t)), Settings{})
	c := w.dial().send("%sGET /next HTTP/1.1\r\nHost: a\r\n\r\n", upgradeRequest)
	for _, want := range []string{"GET /ws ", "GET /next "} {
		if got := c.receive("GET"); got.status != 200 || got.body != want {
			t.Errorf("got %d %q, want %q", got.status, got.body, want)
		}
	}
	if got := w.dial().send("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n\r\n").receive("GET"); got.status != 200 {
		t.Errorf("h2c: got %d", got.status)
	}
}

func TestIdleTunnelEnds(t *testing.T) {
	sv := single(tunnelOrigin(t))
	sv.more = `{"Timeouts":{"Tunnel":50000000,"Connect":1000000000,"Response":1000000000}}`
	w := start(t, sv, Settings{})
	c := w.dial().send("%s", upgradeRequest)
	if got, err := io.ReadAll(c.br); !strings.HasSuffix(string(got), "hello ") {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestDrain(t *testing.T) {
	release, arrived := make(chan struct{}), make(chan struct{})
	o := newOrigin(t, func(r *originRequest) bool {
		if strings.Contains(r.RequestURI, "slow") {
			close(arrived)
			<-release
		}
		return r.ok("done")
	})
	w := start(t, single(o), Settings{})
	idle, slow := w.dial(), w.dial()
	idle.get("/")
	slow.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
	<-arrived
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	drained := make(chan error, 1)
	go func() { drained <- w.server.Drain(ctx) }()
	await(t, "nothing is accepted any more", func() bool {
		nc, err := net.Dial("tcp", w.addr)
		if err == nil {
			nc.Close()
		}
		return errors.Is(err, syscall.ECONNREFUSED)
	})
	idle.closed()
	select {
	case err := <-drained:
		t.Fatalf("Drain returned %v with a request in flight", err)
	default:
	}
	close(release)
	if got := slow.receive("GET"); got.status != 200 || got.body != "done" {
		t.Errorf("the request in flight got %+v", got)
	}
	if err := <-drained; err != nil {
		t.Errorf("Drain: %v", err)
	}
}

// Busy connections are told to close before the time is up; no request fails.
func TestDrainUnderLoad(t *testing.T) {
	w := start(t, single(echo(t)), Settings{})
	var clients sync.WaitGroup
	running := make(chan struct{}, 8)
	for range 8 {
		c := w.dial()
		clients.Go(func() {
			for n := 0; ; n++ {
				if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
					t.Errorf("send: %v", err)
					return
				}
				got, err := c.tryReceive("GET")
				if err != nil || got.status != 200 {
					t.Errorf("got %+v, %v", got, err)
					return
				}
				if n == 0 {
					running <- struct{}{}
				}
				if got.close {
					return
				}
			}
		})
	}
	for range 8 {
		<-running
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if err := w.server.Drain(ctx); err != nil {
		t.Errorf("Drain: %v", err)
	}
	clients.Wait()
}

func TestDrainEndsWithItsContext(t *testing.T) {
	w := start(t, single(tunnelOrigin(t)), Settings{})
	c := w.dial().send("%s", upgradeRequest)
	if _, err := c.br.ReadString(' '); err != nil {
		t.Fatal(err)
	}
	await(t, "the tunnel is open", func() bool { return w.server.Stats().Tunnels == 1 })
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := w.server.Drain(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Drain returned %v with a tunnel open", err)
	}
	w.stop() // and Run's end closes it
}

func TestListenKeepsWhatStays(t *testing.T) {
	o := echo(t)
	w := start(t, single(o), Settings{})
	c := w.dial()
	c.get("/")
	kept := w.server.sockets[0].address
	sock := filepath.Join(t.TempDir(), "s")
	more := []Listener{{Address: kept}, {Address: "unix:" + sock}}
	if err := w.server.Listen(more); err != nil {
		t.Fatal(err)
	}
	if got := w.server.Addresses()[0].String(); got != w.addr {
		t.Errorf("the socket that stays moved from %s to %s", w.addr, got)
	}
	nc, err := net.Dial("unix", sock)
	if err != nil {
		t.Fatal(err)
	}
	if got := newClient(t, nc).get("/unix"); got.status != 200 {
		t.Errorf("unix: got %d", got.status)
	}
	// One that can't be opened changes nothing.
	bad := []Listener{{Address: "127.0.0.1:0"}, {Address: "256.0.0.1:1"}}
	if err := w.server.Listen(bad); err == nil || !strings.Contains(err.Error(), "256.0.0.1:1") {
		t.Errorf("got %v, want an error that names the listener", err)
	}
	if n := len(w.server.Addresses()); n != 2 {
		t.Errorf("%d sockets are open after the error, want 2", n)
	}
	if err := w.server.Listen(more[1:]); err != nil {
		t.Fatal(err)
	}
	if _, err := net.Dial("tcp", w.addr); err == nil {
		t.Error("the socket that left is still open")
	}
	if got := c.get("/"); got.status != 200 {
		t.Errorf("a connection of a socket that left: got %d", got.status)
	}
}

func TestUnixSocketLeftOver(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := openSocket("unix:" + path); err == nil {
		t.Error("a socket in use was taken")
	}
	ln.SetUnlinkOnClose(false)
	ln.Close()
	if _, err := os.Stat(path); err != nil {
		t.Fatal(err)
	}
	again, err := openSocket("unix:" + path)
	if err != nil {
		t.Fatalf("the file left over stands in the way: %v", err)
	}
	again.Close()
}

// flaky fails now and then, as accept does when descriptors run out.
type flaky struct {
	net.Listener
	fails int
}

func (f *flaky) Accept() (net.Conn, error) {
	if f.fails > 0 {
		f.fails--
		return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
	}
	return f.Listener.Accept()
}

func TestAcceptOutlivesErrors(t *testing.T) {
	live := router.NewLive()
	live.Store(table(t, single(echo(t)), nil))
	s, err := New(Options{Live: live})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Listen([]Listener{{Address: "127.0.0.1:0"}}); err != nil {
		t.Fatal(err)
	}
	s.sockets[0].Listener = &flaky{Listener: s.sockets[0].Listener, fails: 3}
	ctx, cancel := context.WithCancel(context.Background())
	w := &world{t: t, server: s, live: live, addr: s.Addresses()[0].String(), cancel: cancel, ended: make(chan struct{})}
	go func() { defer close(w.ended); _ = s.Run(ctx) }()
	defer w.stop()
	if got := w.dial().get("/"); got.status != 200 {
		t.Errorf("got %d", got.status)
	}
	if n := s.Stats().AcceptErrors; n != 3 {
		t.Errorf("%d errors counted, want 3", n)
	}
}

func TestTLSListener(t *testing.T) {
	ca := issue(t, nil, time.Now().Add(time.Hour), "a")
	cfg := &tls.Config{Certificates: []tls.Certificate{ca.pair}, NextProtos: []string{"http/1.1"}}
	live := router.NewLive()
	o := newOrigin(t, func(r *originRequest) bool {
		if strings.Contains(r.RequestURI, "hang") {
			_, _ = io.Copy(io.Discard, r.br)
			return false
		}
		return r.ok(r.Header.Get("X-Forwarded-Proto"))
	})
	sv := single(o)
	sv.more = `{"Sticky":{"Cookie":"k"}}`
	live.Store(table(t, sv, nil))
	w := serve(t, live, Options{Live: live}, Settings{HeadTimeout: time.Second}, []Listener{{Address: "127.0.0.1:0", TLS: cfg}})
	dial := func() *client {
		nc, err := tls.Dial("tcp", w.addr, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		return newClient(t, nc)
	}
	c := dial()
	for range 2 {
		if got := c.get("/"); got.body != "https" || !strings.HasSuffix(got.header.Get("Set-Cookie"), "; Secure") {
			t.Errorf("got %q %v", got.body, got.header)
		}
	}
	c.send("GET /hang HTTP/1.1\r\nHost: a\r\n\r\n")
	await(t, "the request is at the upstream", func() bool { return o.requests.Load() == 3 })
	c.Close()
	await(t, "the client's leaving is seen", func() bool { return w.version("v1").Split.Totals().ByOutcome[analysis.ClientGone] == 1 })
	if _, err := newClient(t, mustDial(t, w.addr)).send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").tryReceive("GET"); err == nil {
		t.Error("plain text was answered on a TLS listener")
	}
	await(t, "the failed handshake is counted", func() bool { return w.server.Stats().Refused["tls_handshake"] == 1 })
}

// New connections get new TLS settings; the socket and its connections stay.
func TestListenReplacesTLS(t *testing.T) {
	listener := func(name string) Listener {
		pair := issue(t, nil, time.Now().Add(time.Hour), name).pair
		return Listener{Address: "127.0.0.1:0", TLS: &tls.Config{Certificates: []tls.Certificate{pair}}}
	}
	live := router.NewLive()
	live.Store(table(t, single(echo(t)), nil))
	w := serve(t, live, Options{Live: live}, Settings{}, []Listener{listener("old.test")})
	dial := func(want string) *client {
		nc, err := tls.Dial("tcp", w.addr, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		if got := nc.ConnectionState().PeerCertificates[0].DNSNames[0]; got != want {
			t.Errorf("shown %s, want %s", got, want)
		}
		return newClient(t, nc)
	}
	c := dial("old.test")
	if err := w.server.Listen([]Listener{listener("new.test")}); err != nil {
		t.Fatal(err)
	}
	dial("new.test")
	if got := c.get("/"); got.status != 200 {
		t.Errorf("an old connection got %d", got.status)
	}
}

func mustDial(t *testing.T, addr string) net.Conn {
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return nc
}

// A panic costs its connection, not the process, and not the next one.
func TestPanicClosesOneConnection(t *testing.T) {
	live := router.NewLive()
	live.Store(table(t, single(echo(t)), nil))
	s, err := New(Options{Live: live})
	if err != nil {
		t.Fatal(err)
	}
	s.live = nil // every request panics
	if err := s.Listen([]Listener{{Address: "127.0.0.1:0"}}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	w := &world{t: t, server: s, live: live, addr: s.Addresses()[0].String(), cancel: cancel, ended: make(chan struct{})}
	go func() { defer close(w.ended); _ = s.Run(ctx) }()
	defer w.stop()
	for n := range uint64(2) {
		if _, err := w.dial().send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").tryReceive("GET"); err == nil {
			t.Error("an answer came")
		}
		await(t, "the panic is counted", func() bool { return s.Stats().Panics == n+1 })
	}
}
