package proxy

import (
	"net/netip"
	"strings"
	"testing"
)

// What a connection's ends are as text doesn't depend on whether it fits the space set aside.
func TestPeerText(t *testing.T) {
	for _, test := range []struct{ from, to, port string }{
		{"192.0.2.1", "127.0.0.1:80", "80"},
		{"255.255.255.255", "255.255.255.255:65535", "65535"},
		{"::1", "[::1]:443", "443"},
		{"2001:db8:1111:2222:3333:4444:5555:6666", "[2001:db8:1111:2222:3333:4444:5555:7777]:8443", "8443"},
		{"fe80::1%" + strings.Repeat("z", 50), "[fe80::2%eth0]:8080", "8080"},
	} {
		p := new(peer)
		p.text = netip.MustParseAddr(test.from).AppendTo(p.space[:0])
		p.called(netip.MustParseAddrPort(test.to))
		if string(p.text) != test.from || string(p.local) != test.to || string(p.port) != test.port {
			t.Errorf("from %s to %s: got %q, %q, port %q", test.from, test.to, p.text, p.local, p.port)
		}
	}
}
