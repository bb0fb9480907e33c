package proxy

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net/netip"
	"strings"
	"testing"
	"testing/iotest"
)

// v2 is a header of version 2 with the given command and family, and what follows the length.
func v2(command, family byte, rest string) string {
	b := append([]byte(preambleSignature), command, family)
	b = binary.BigEndian.AppendUint16(b, uint16(len(rest)))
	return string(b) + rest
}

const (
	addresses4 = "\xcb\x00\x71\x07\xc0\x00\x02\x01\xdc\x04\x01\xbb"                                                                                                           // 203.0.113.7:56324 → 192.0.2.1:443
	addresses6 = "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01" + "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02" + "\xdc\x04\x01\xbb" // [2001:db8::1]:56324 → [2001:db8::2]:443
	mapped     = "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xcb\x00\x71\x07" + "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xc0\x00\x02\x01" + "\xdc\x04\x01\xbb"
)

// PROXY protocol 2.1 and 2.2: what is accepted, and what it says.
func TestPreambleAccepted(t *testing.T) {
	tests := []struct{ name, in, source, destination string }{
		{"v1 IPv4", "PROXY TCP4 203.0.113.7 192.0.2.1 56324 443\r\n", "203.0.113.7:56324", "192.0.2.1:443"},
		{"v1 shortest", "PROXY TCP6 :: :: 1 0\r\n", "[::]:1", "[::]:0"},
		{"v1 IPv6", "PROXY TCP6 2001:db8::1 2001:db8::2 56324 443\r\n", "[2001:db8::1]:56324", "[2001:db8::2]:443"},
		{"v1 unknown", "PROXY UNKNOWN\r\n", "", ""},
		{"v1 unknown with addresses", "PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n", "", ""},
		{"v2 IPv4", v2(0x21, 0x11, addresses4), "203.0.113.7:56324", "192.0.2.1:443"},
		{"v2 IPv6", v2(0x21, 0x21, addresses6), "[2001:db8::1]:56324", "[2001:db8::2]:443"},
		{"v2 mapped", v2(0x21, 0x21, mapped), "[::ffff:203.0.113.7]:56324", "[::ffff:192.0.2.1]:443"},
		{"v2 local", v2(0x20, 0x00, ""), "", ""},
		{"v2 local with addresses", v2(0x20, 0x11, addresses4), "", ""},
		{"v2 unspecified", v2(0x21, 0x00, "anything"), "", ""},
		{"v2 Unix socket", v2(0x21, 0x31, strings.Repeat("x", 216)), "", ""},
		{"v2 TLVs", v2(0x21, 0x11, addresses4+"\x04\x00\x03abc\x30\x00\x00"), "203.0.113.7:56324", "192.0.2.1:443"},
		{"v2 longest", v2(0x21, 0x11, addresses4+strings.Repeat("t", preambleLongest2-16-12)), "203.0.113.7:56324", "192.0.2.1:443"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for name, wrap := range map[string]func(io.Reader) io.Reader{
				"at once": func(r io.Reader) io.Reader { return r }, "byte by byte": iotest.OneByteReader, "halves": iotest.HalfReader,
			} {
				in := strings.NewReader(test.in + "GET / HTTP/1.1\r\n")
				p, err := readPreamble(wrap(in))
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				if said(p.source) != test.source || said(p.destination) != test.destination {
					t.Errorf("%s: got %v → %v, want %s → %s", name, p.source, p.destination, test.source, test.destination)
				}
				if rest, _ := io.ReadAll(in); string(rest) != "GET / HTTP/1.1\r\n" {
					t.Errorf("%s: what follows is %q", name, rest)
				}
			}
		})
	}
}

func said(a netip.AddrPort) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

func TestPreambleRefused(t *testing.T) {
	tests := []struct{ name, in string }{
		{"HTTP", "GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n"},
		{"TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03aaaaaaaaaaaaaaaaaaaaaaaa"},
		{"lower case", "proxy TCP4 203.0.113.7 192.0.2.1 56324 443\r\n"},
		{"bare LF", "PROXY TCP4 203.0.113.7 192.0.2.1 56324 443\n"},
		{"no end", "PROXY TCP4 203.0.113.7 192.0.2.1 56324 443"},
		{"too long", "PROXY UNKNOWN " + strings.Repeat("x", 92) + "\r\n"},
		{"another family", "PROXY TCP5 203.0.113.7 192.0.2.1 56324 443\r\n"},
		{"UDP", "PROXY UDP4 203.0.113.7 192.0.2.1 56324 443\r\n"},
		{"UNKNOWNS", "PROXY UNKNOWNS\r\n"},
		{"IPv6 as TCP4", "PROXY TCP4 2001:db8::1 2001:db8::2 56324 443\r\n"},
		{"IPv4 as TCP6", "PROXY TCP6 203.0.113.7 192.0.2.1 56324 443\r\n"},
		{"zone", "PROXY TCP6 fe80::1%eth0 fe80::2 56324 443\r\n"},
		{"leading zeros in an address", "PROXY TCP4 203.000.113.7 192.0.2.1 56324 443\r\n"},
		{"port too large", "PROXY TCP4 203.0.113.7 192.0.2.1 65536 443\r\n"},
		{"port with zeros", "PROXY TCP4 203.0.113.7 192.0.2.1 056 443\r\n"},
		{"port with a sign", "PROXY TCP4 203.0.113.7 192.0.2.1 +56 443\r\n"},
		{"port missing", "PROXY TCP4 203.0.113.7 192.0.2.1 56324\r\nGET /"},
		{"two blanks", "PROXY TCP4  203.0.113.7 192.0.2.1 56324 443\r\n"},
		{"one field more", "PROXY TCP4 203.0.113.7 192.0.2.1 56324 443 1\r\n"},
		{"a field of v1 with CR", "PROXY TCP4 203.0.113.7 192.0.2.1 56324\r443\r\n"},
		{"short", "PROXY"},
		{"v2 version 1", v2(0x11, 0x11, addresses4)},
		{"v2 command 2", v2(0x22, 0x11, addresses4)},
		{"v2 family 4", v2(0x21, 0x41, addresses4)},
		{"v2 UDP", v2(0x21, 0x12, addresses4)},
		{"v2 stream of nothing", v2(0x21, 0x01, addresses4)},
		{"v2 IPv4 too short", v2(0x21, 0x11, addresses4[:11])},
		{"v2 IPv6 too short", v2(0x21, 0x21, addresses4)},
		{"v2 too long", v2(0x21, 0x11, addresses4+strings.Repeat("t", preambleLongest2-16-12+1))},
		{"v2 cut in its length", v2(0x21, 0x11, addresses4)[:15]},
		{"v2 cut in its addresses", v2(0x21, 0x11, addresses4)[:20]},
		{"v2 cut in its TLVs", v2(0x21, 0x11, addresses4+"\x04\x00\x03abc")[:30]},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if p, err := readPreamble(strings.NewReader(test.in)); !errors.Is(err, errPreamble) {
				t.Errorf("got %+v, %v", p, err)
			}
		})
	}
	if _, err := readPreamble(strings.NewReader("")); err != io.EOF {
		t.Errorf("a sender that says nothing: got %v, want EOF", err)
	}
}

// Whatever comes, no more is read than the header, and what is accepted is bounded and whole.
func FuzzPreamble(f *testing.F) {
	for _, seed := range []string{
		"PROXY TCP4 203.0.113.7 192.0.2.1 56324 443\r\nGET /", "PROXY TCP6 :: :: 1 0\r\n", "PROXY UNKNOWN\r\n",
		v2(0x21, 0x11, addresses4) + "GET /", v2(0x21, 0x21, addresses6+"\x04\x00\x01a"), v2(0x20, 0, ""), v2(0x21, 0x31, strings.Repeat("x", 216)),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		r := bytes.NewReader(in)
		p, err := readPreamble(r)
		used := len(in) - r.Len()
		slow := bytes.NewReader(in)
		p2, err2 := readPreamble(iotest.OneByteReader(slow))
		if p != p2 || (err == nil) != (err2 == nil) {
			t.Fatalf("pieces make a difference: %v %v, %v %v", p, err, p2, err2)
		}
		if err != nil {
			return
		}
		if used > preambleLongest2 || p.source.IsValid() != p.destination.IsValid() {
			t.Fatalf("%d bytes, %+v", used, p)
		}
		if bytes.HasPrefix(in, []byte("PROXY ")) && !bytes.HasSuffix(in[:used], []byte("\r\n")) {
			t.Fatalf("version 1 ends with %q", in[:used])
		}
		again, err := readPreamble(bytes.NewReader(in[:used]))
		if err != nil || again != p {
			t.Fatalf("the header alone: %v, %v", again, err)
		}
	})
}
