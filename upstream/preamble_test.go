package upstream

import (
	"net/netip"
	"testing"
)

// PROXY protocol 2.1 and 2.2, byte for byte.
func TestAppendPreamble(t *testing.T) {
	four := Client{netip.MustParseAddrPort("203.0.113.7:56324"), netip.MustParseAddrPort("192.0.2.1:443")}
	six := Client{netip.MustParseAddrPort("[2001:db8::1]:1"), netip.MustParseAddrPort("[2001:db8::2]:65535")}
	mixed := Client{four.Source, six.Destination}
	const sig = "\r\n\r\n\x00\r\nQUIT\n"
	tests := []struct {
		name    string
		version int
		in      Client
		want    string
	}{
		{"none", 0, four, ""},
		{"v1 IPv4", 1, four, "PROXY TCP4 203.0.113.7 192.0.2.1 56324 443\r\n"},
		{"v1 IPv6", 1, six, "PROXY TCP6 2001:db8::1 2001:db8::2 1 65535\r\n"},
		{"v1 mixed", 1, mixed, "PROXY TCP6 ::ffff:203.0.113.7 2001:db8::2 56324 65535\r\n"},
		{"v1 zone", 1, Client{netip.MustParseAddrPort("[fe80::1%eth0]:1"), netip.MustParseAddrPort("[fe80::2%eth0]:2")}, "PROXY TCP6 fe80::1 fe80::2 1 2\r\n"},
		{"v1 ours", 1, Client{}, "PROXY UNKNOWN\r\n"},
		{"v1 half known", 1, Client{Source: four.Source}, "PROXY UNKNOWN\r\n"},
		{"v2 IPv4", 2, four, sig + "\x21\x11\x00\x0c\xcb\x00\x71\x07\xc0\x00\x02\x01\xdc\x04\x01\xbb"},
		{"v2 IPv6", 2, six, sig + "\x21\x21\x00\x24\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01" +
			"\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x01\xff\xff"},
		{"v2 mixed", 2, mixed, sig + "\x21\x21\x00\x24\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xcb\x00\x71\x07" +
			"\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\xdc\x04\xff\xff"},
		{"v2 ours", 2, Client{}, sig + "\x20\x00\x00\x00"},
	}
	for _, test := range tests {
		if got := string(AppendPreamble([]byte("x"), test.version, test.in)); got != "x"+test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}
