package upstream

import (
	"encoding/binary"
	"net/netip"
	"strconv"
)

// Client is who an upstream is told about by the PROXY protocol: the client's address and
// the one that it connected to. The zero value stands for a connection of our own, as for
// a health check or a mirrored copy.
type Client struct {
	Source, Destination netip.AddrPort
}

const signature2 = "\r\n\r\n\x00\r\nQUIT\n"

// AppendPreamble appends a PROXY protocol header of the given version, 1 or 2, to dst
// (HAProxy's proxy-protocol.txt, 2.1 and 2.2); of another version nothing. A connection of our own
// is LOCAL, in version 1 UNKNOWN.
func AppendPreamble(dst []byte, version int, c Client) []byte {
	from, to := c.Source, c.Destination
	known := from.IsValid() && to.IsValid()
	if known && from.Addr().Is4() != to.Addr().Is4() { // both must be of one family
		from, to = wide(from), wide(to)
	}
	switch {
	case version == 1 && !known:
		return append(dst, "PROXY UNKNOWN\r\n"...)
	case version == 1:
		return appendPreamble1(dst, from, to)
	case version == 2 && !known:
		return append(append(dst, signature2...), 0x20, 0, 0, 0)
	case version == 2:
		return appendPreamble2(dst, from, to)
	}
	return dst
}

func wide(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom16(a.Addr().As16()), a.Port())
}

func appendPreamble1(dst []byte, from, to netip.AddrPort) []byte {
	family := "PROXY TCP6 "
	if from.Addr().Is4() {
		family = "PROXY TCP4 "
	}
	dst = append(dst, family...)
	dst = append(from.Addr().WithZone("").AppendTo(dst), ' ')
	dst = append(to.Addr().WithZone("").AppendTo(dst), ' ')
	dst = append(strconv.AppendUint(dst, uint64(from.Port()), 10), ' ')
	dst = strconv.AppendUint(dst, uint64(to.Port()), 10)
	return append(dst, "\r\n"...)
}

func appendPreamble2(dst []byte, from, to netip.AddrPort) []byte {
	family, size := byte(0x21), 16
	if from.Addr().Is4() {
		family, size = 0x11, 4
	}
	dst = append(append(dst, signature2...), 0x21, family)
	dst = binary.BigEndian.AppendUint16(dst, uint16(2*size+4))
	dst = append(dst, from.Addr().AsSlice()...)
	dst = append(dst, to.Addr().AsSlice()...)
	dst = binary.BigEndian.AppendUint16(dst, from.Port())
	return binary.BigEndian.AppendUint16(dst, to.Port())
}
