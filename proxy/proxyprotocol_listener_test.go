package proxy

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sluice/router"
)

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

// behind is a proxy whose listener expects the PROXY protocol, and an origin that answers with its X-Forwarded-* fields.
func behind(t *testing.T, l Listener) *world {
	t.Helper()
	o := newOrigin(t, func(r *originRequest) bool {
		h := r.Header
		return r.ok(strings.Join([]string{h.Get("X-Forwarded-For"), h.Get("X-Forwarded-Port"), h.Get("X-Forwarded-Proto")}, " "))
	})
	live := router.NewLive()
	live.Store(table(t, single(o), nil))
	if l.Address == "" {
		l.Address = "127.0.0.1:0"
	}
	return serve(t, live, Options{Live: live}, Settings{}, []Listener{l})
}

func TestProxyProtocolNamesTheClient(t *testing.T) {
	w := behind(t, Listener{Senders: loopback})
	for name, test := range map[string]struct{ in, want string }{
		"v1":    {"PROXY TCP4 203.0.113.7 192.0.2.1 56324 443\r\n", "203.0.113.7 443 http"},
		"v2":    {v2(0x21, 0x21, addresses6+"\x04\x00\x03abc"), "2001:db8::1 443 http"},
		"local": {v2(0x20, 0, ""), "127.0.0.1 " + port(t, w.addr) + " http"},
	} {
		t.Run(name, func(t *testing.T) {
			c := w.dial().send("%s", test.in)
			for range 2 { // the header is the connection's, not the request's
				if got := c.get("/", "X-Forwarded-For: 198.51.100.1"); got.status != 200 || got.body != test.want {
					t.Errorf("got %d %q, want %q", got.status, got.body, test.want)
				}
			}
		})
	}
}

// Whose X-Forwarded-For is believed is asked of the client that the header names.
func TestProxyProtocolAndTrustedProxies(t *testing.T) {
	w := behind(t, Listener{Senders: loopback})
	w.server.Configure(Settings{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}})
	got := w.dial().send("PROXY TCP4 203.0.113.7 192.0.2.1 1 443\r\n").get("/", "X-Forwarded-For: 198.51.100.1")
	if got.body != "198.51.100.1, 203.0.113.7 443 http" {
		t.Errorf("a trusted client: got %q", got.body)
	}
	got = w.dial().send("PROXY TCP4 192.0.2.9 192.0.2.1 1 443\r\n").get("/", "X-Forwarded-For: 198.51.100.1")
	if got.body != "192.0.2.9 443 http" {
		t.Errorf("another: got %q", got.body)
	}
}

func TestProxyProtocolRefuses(t *testing.T) {
	w := behind(t, Listener{Senders: loopback})
	refused := func(reason string) uint64 { return w.server.Stats().Refused[reason] }
	for _, in := range []string{"GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 1 99999\r\n"} {
		before := refused("proxy_protocol")
		w.dial().send("%s", in).closed()
		if refused("proxy_protocol") != before+1 {
			t.Errorf("%q was not counted", in)
		}
	}
	before := refused("proxy_protocol")
	c := w.dial()
	if err := c.Conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	c.closed()
	if refused("proxy_protocol") != before {
		t.Error("a look whether the port is open was counted as refused")
	}
	if err := w.server.Listen([]Listener{{Address: "127.0.0.1:0", Senders: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}}); err != nil {
		t.Fatal(err)
	}
	w.dial().send("PROXY TCP4 203.0.113.7 192.0.2.1 56324 443\r\n").closed()
	if refused("proxy_protocol_sender") != 1 {
		t.Error("a stranger was not counted")
	}
	if err := w.server.Listen([]Listener{{Address: "127.0.0.1:0"}}); err != nil {
		t.Fatal(err)
	}
	if got := w.dial().send("PROXY TCP4 203.0.113.7 192.0.2.1 56324 443\r\nGET / HTTP/1.1\r\nHost: shop.test\r\n\r\n").receive("GET"); got.status != 400 {
		t.Errorf("a header that nobody expects: got %d", got.status)
	}
}

func TestProxyProtocolTakesNoLongerThanAHead(t *testing.T) {
	w := behind(t, Listener{Senders: loopback})
	w.server.Configure(Settings{HeadTimeout: 50 * time.Millisecond})
	w.dial().send("PROXY TCP4 203.0.113.7 ").closed()
	if w.server.Stats().Refused["proxy_protocol"] != 1 {
		t.Error("not counted")
	}
}

// The header comes before TLS, in the clear.
func TestProxyProtocolBeforeTLS(t *testing.T) {
	a := issue(t, nil, time.Now().Add(time.Hour), "shop.test")
	roots := x509.NewCertPool()
	roots.AddCert(a.cert)
	w := behind(t, Listener{Senders: loopback, TLS: &tls.Config{Certificates: []tls.Certificate{a.pair}}})
	nc, err := net.Dial("tcp", w.addr)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := nc.Write([]byte(v2(0x21, 0x11, addresses4))); err != nil {
		t.Fatal(err)
	}
	c := newClient(t, tls.Client(nc, &tls.Config{RootCAs: roots, ServerName: "shop.test"}))
	if got := c.get("/"); got.body != "203.0.113.7 443 https" {
		t.Errorf("got %q", got.body)
	}
}

// On a Unix socket the file's permissions say who may connect.
func TestProxyProtocolOnAUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	w := behind(t, Listener{Address: "unix:" + path, Senders: loopback})
	nc, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	if got := newClient(t, nc).send("%s", v2(0x21, 0x11, addresses4)).get("/"); got.body != "203.0.113.7 443 http" {
		t.Errorf("got %q from %s", got.body, w.addr)
	}
}

// A sticky key of client_ip is the client's that the header names: one client has one version, two hundred have both.
func TestProxyProtocolAndStickyClients(t *testing.T) {
	name := func(s string) *origin { return newOrigin(t, func(r *originRequest) bool { return r.ok(s) }) }
	live := router.NewLive()
	live.Store(table(t, service{
		urls:    map[string]string{"v1": name("one").URL(), "v2": name("two").URL()},
		weights: map[string]int{"v1": 5000, "v2": 5000}, more: `{"Sticky":{"ClientIP":true}}`,
	}, nil))
	w := serve(t, live, Options{Live: live}, Settings{}, []Listener{{Address: "127.0.0.1:0", Senders: loopback}})
	seen := map[string]int{}
	for i := range 200 {
		first := ""
		for range 2 {
			addr := netip.AddrFrom4([4]byte{203, 0, 113, byte(i)})
			got := w.dial().send("PROXY TCP4 %s 192.0.2.1 56324 443\r\n", addr).get("/").body
			if first != "" && got != first {
				t.Fatalf("%s got %s, then %s", addr, first, got)
			}
			first = got
		}
		seen[first]++
	}
	if len(seen) != 2 {
		t.Errorf("all clients are one to it: %v", seen)
	}
}

func port(t *testing.T, addr string) string {
	t.Helper()
	_, p, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
