package proxy

import (
	"context"
	"crypto/tls"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"sluice/router"
)

// resting waits until so many connections wait without a buffer.
func resting(t *testing.T, want int) {
	t.Helper()
	stacks := make([]byte, 4<<20)
	await(t, "connections rest", func() bool {
		return strings.Count(string(stacks[:runtime.Stack(stacks, true)]), ".(*clientConn).rest(") == want
	})
}

func needRest(t *testing.T) {
	t.Helper()
	if !canRest {
		t.Skip("connections keep their buffers on this system")
	}
}

// idleWorld listens in plain text and with TLS, and has a client at each.
func idleWorld(t *testing.T, st Settings) (w *world, clients map[string]*client) {
	t.Helper()
	o := newOrigin(t, func(r *originRequest) bool { return r.ok(r.URL.Path) })
	live := router.NewLive()
	live.Store(table(t, single(o), nil))
	config := &tls.Config{Certificates: []tls.Certificate{issue(t, nil, time.Now().Add(time.Hour), "shop.test").pair}}
	w = serve(t, live, Options{Live: live}, st, []Listener{{Address: "127.0.0.1:0"}, {Address: "localhost:0", TLS: config}})
	nc, err := net.Dial("tcp", w.server.Addresses()[1].String())
	if err != nil {
		t.Fatal(err)
	}
	return w, map[string]*client{"plain": w.dial(), "TLS": newClient(t, tls.Client(nc, &tls.Config{InsecureSkipVerify: true}))}
}

// A connection that has rested goes on where it was: with a request that comes byte by byte, with
// several at once, and again and again.
func TestRequestsAfterRest(t *testing.T) {
	needRest(t)
	_, clients := idleWorld(t, Settings{})
	for _, c := range clients {
		c.get("/first")
		long := strings.Repeat("x", 3*clientBuffer)
		c.get("/long", "X-Long: "+long) // by a larger buffer, which is given back as well
	}
	for _, path := range []string{"/second", "/third"} {
		resting(t, len(clients))
		for name, c := range clients {
			if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
				t.Fatal(err)
			}
			c.send("G")
			c.send("ET %s HTTP/1.1\r\nHost: shop.test\r\n\r\nGET %s/next HTTP/1.1\r\nHost: shop.test\r\n\r\n", path, path)
			for _, want := range []string{path, path + "/next"} {
				if r := c.receive("GET"); r.status != 200 || r.body != want {
					t.Errorf("%s: got %d %q, want %q", name, r.status, r.body, want)
				}
			}
		}
	}
}

// What ends an idle connection ends one that rests: its time, the client, a drain.
func TestRestEnds(t *testing.T) {
	needRest(t)
	w, clients := idleWorld(t, Settings{KeepAliveTimeout: 3 * time.Second, HeadTimeout: 3 * time.Second})
	clients["silent"] = w.dial() // has not sent anything
	for name, c := range clients {
		if name != "silent" {
			c.get("/")
		}
	}
	for _, c := range clients {
		c.closed()
	}

	w, clients = idleWorld(t, Settings{})
	for _, c := range clients {
		c.get("/")
	}
	resting(t, len(clients))
	if err := clients["TLS"].SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	clients["plain"].Close()
	await(t, "the connection whose client left is closed", func() bool { return w.server.conns.each(func(*clientConn) {}) == 1 })
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := w.server.Drain(ctx); err != nil {
		t.Errorf("Drain: %v", err)
	}
	clients["TLS"].closed()
}

// A resting connection holds no buffer.
func TestRestHoldsNoBuffer(t *testing.T) {
	needRest(t)
	w := plainWorld(t)
	const connections = 500
	heap := func() int {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc)
	}
	before, buf := heap(), make([]byte, clientBuffer)
	for range connections {
		roundTrip(t, w.dial(), []byte(browserHead), buf)
	}
	resting(t, connections)
	heap()                                                            // what was pooled goes with the second collection
	if each := (heap() - before) / connections; each > clientBuffer { // it is 2.5 KiB, both ends taken together
		t.Errorf("an idle connection holds %d bytes on the heap", each)
	}
}
