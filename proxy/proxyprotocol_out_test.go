package proxy

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sluice/internal/backend"
	"sluice/router"
)

// toldOrigin is an origin whose connections begin with a PROXY protocol header. It answers each request with the
// connection's number, what the header said and the X-Forwarded-For field.
type toldOrigin struct {
	*backend.Raw
	connections atomic.Int64
	open        atomic.Int64
	closing     atomic.Bool // ends its connections after the next answer, without saying so
}

func newTold(t *testing.T) *toldOrigin {
	t.Helper()
	o := &toldOrigin{}
	raw, err := backend.StartRaw(func(nc net.Conn, br *bufio.Reader) {
		o.open.Add(1)
		defer o.open.Add(-1)
		p, err := readPreamble(br)
		if err != nil {
			t.Errorf("header: %v", err)
			return
		}
		for n := o.connections.Add(1); ; {
			req, err := http.ReadRequest(br)
			if err != nil {
				return
			}
			who := "nobody"
			if p.source.IsValid() {
				who = fmt.Sprint(p.source, ">", p.destination)
			}
			body := fmt.Sprintf("%d %s %s %s", n, who, req.Header.Get("X-Forwarded-For"), req.Header.Get("X-Sluice-Mirror"))
			if _, err := fmt.Fprintf(nc, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body); err != nil || o.closing.Load() {
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	o.Raw = raw
	t.Cleanup(raw.Close)
	return o
}

// telling is a proxy before o that tells it by a version of the protocol.
func telling(t *testing.T, o *toldOrigin, version string, l Listener, further string) *world {
	t.Helper()
	urls := o.URL()
	live := router.NewLive()
	live.Store(table(t, service{urls: map[string]string{"v1": urls}, more: fmt.Sprintf(
		`{"Versions":[{"Name":"v1","WeightBP":10000,"ProxyProtocol":%q,"Endpoints":[{"URL":%q,"Scheme":"http","Host":"127.0.0.1","Port":%s}]}]%s}`,
		version, urls, port(t, strings.TrimPrefix(urls, "http://")), further)}, nil))
	return serve(t, live, Options{Live: live}, Settings{}, []Listener{l})
}

// Each client has a connection of its own to the endpoint, which begins with its address, and keeps it.
func TestEndpointsAreToldOfTheClient(t *testing.T) {
	for _, version := range []string{"v1", "v2"} {
		t.Run(version, func(t *testing.T) {
			o := newTold(t)
			w := telling(t, o, version, Listener{Address: "127.0.0.1:0"}, "")
			for client := 1; client <= 3; client++ {
				c := w.dial()
				want := fmt.Sprintf("%d %s>%s 127.0.0.1 ", client, c.LocalAddr(), w.addr)
				for range 3 {
					if got := c.get("/"); got.status != 200 || got.body != want {
						t.Errorf("got %d %q, want %q", got.status, got.body, want)
					}
				}
			}
			if n := o.connections.Load(); n != 3 {
				t.Errorf("%d connections for 3 clients", n)
			}
		})
	}
}

// A client that a balancer named is the one that is named on.
func TestTheClientIsHandedOn(t *testing.T) {
	o := newTold(t)
	w := telling(t, o, "v2", Listener{Address: "127.0.0.1:0", Senders: loopback}, "")
	c := w.dial().send("%s", v2(0x21, 0x21, addresses6))
	if got := c.get("/").body; got != "1 [2001:db8::1]:56324>[2001:db8::2]:443 2001:db8::1 " {
		t.Errorf("got %q", got)
	}
	own := w.dial().send("PROXY UNKNOWN\r\n")
	if got := own.get("/").body; !strings.HasPrefix(got, "2 "+own.LocalAddr().String()+">") {
		t.Errorf("a connection of the balancer's own: got %q", got)
	}
}

// A client without an address is told of as nobody.
func TestEndpointsAreToldOfNobody(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	w := telling(t, newTold(t), "v1", Listener{Address: "unix:" + path}, "")
	nc, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	if got := newClient(t, nc).get("/").body; got != "1 nobody  " {
		t.Errorf("got %q from %s", got, w.addr)
	}
}

// A connection that the endpoint closed between two requests is replaced by another with the same header.
func TestTheClientsConnectionIsReplaced(t *testing.T) {
	o := newTold(t)
	w := telling(t, o, "v2", Listener{Address: "127.0.0.1:0"}, "")
	c := w.dial()
	o.closing.Store(true)
	if got := c.get("/"); got.status != 200 {
		t.Fatalf("got %d", got.status)
	}
	await(t, "the connection has ended", func() bool { return o.open.Load() == 0 })
	o.closing.Store(false)
	if got := c.get("/").body; !strings.HasPrefix(got, "2 "+c.LocalAddr().String()+">") {
		t.Errorf("got %q", got)
	}
}

// When the client leaves, its connection to the endpoint ends, and gives its place back.
func TestTheClientsConnectionEndsWithIt(t *testing.T) {
	o := newTold(t)
	w := telling(t, o, "v2", Listener{Address: "127.0.0.1:0"}, `,"Limits":{"ConnectionsPerVersion":1,"PendingPerVersion":10}`)
	for i := range 5 {
		c := w.dial()
		if got := c.get("/"); got.status != 200 {
			t.Fatalf("client %d: got %d %q", i+1, got.status, got.body)
		}
		if open, _ := w.live.Load().Pools()[0].Connections(); open != 1 {
			t.Errorf("%d connections are open, want 1", open)
		}
		c.Close()
		await(t, "the connection has ended", func() bool { return o.open.Load() == 0 })
		await(t, "the place is free", func() bool { open, _ := w.live.Load().Pools()[0].Connections(); return open == 0 })
	}
}

// Mirrored copies are ours: their connections say so, and are shared.
func TestCopiesAreTold(t *testing.T) {
	primary := newOrigin(t, func(r *originRequest) bool { return r.ok("primary") })
	bodies := make(chan string, 10)
	raw, err := backend.StartRaw(func(nc net.Conn, br *bufio.Reader) {
		p, err := readPreamble(br)
		if err != nil {
			t.Errorf("header: %v", err)
			return
		}
		for {
			req, err := http.ReadRequest(br)
			if err != nil {
				return
			}
			bodies <- fmt.Sprint(p.source.IsValid(), " ", req.Header.Get("X-Forwarded-For"))
			fmt.Fprint(nc, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(raw.Close)
	live := router.NewLive()
	live.Store(table(t, service{urls: map[string]string{"v1": primary.URL(), "v2": raw.URL()}, more: fmt.Sprintf(
		`{"Versions":[{"Name":"v1","WeightBP":10000,"Endpoints":[{"URL":%q,"Scheme":"http","Host":"127.0.0.1","Port":%s}]},`+
			`{"Name":"v2","ProxyProtocol":"v2","Endpoints":[{"URL":%q,"Scheme":"http","Host":"127.0.0.1","Port":%s}]}],`+
			`"Mirror":{"To":"v2","Percent":100,"Share":1,"Methods":["GET"],"MaxBody":1024}}`,
		primary.URL(), port(t, strings.TrimPrefix(primary.URL(), "http://")), raw.URL(), port(t, strings.TrimPrefix(raw.URL(), "http://")))}, nil))
	w := serve(t, live, Options{Live: live}, Settings{}, nil)
	if got := w.dial().get("/").body; got != "primary" {
		t.Fatalf("got %q", got)
	}
	select {
	case got := <-bodies:
		if got != "false 127.0.0.1" {
			t.Errorf("the copy came as %q", got)
		}
	case <-time.After(patience):
		t.Fatal("no copy came")
	}
}
