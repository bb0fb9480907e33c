package proxy

import (
	"encoding/binary"
	"io"
	"net/netip"
)

// preambleSignature begins a header of version 2.
const preambleSignature = "\r\n\r\n\x00\r\nQUIT\n"

// readPreamble2 reads the rest of a header whose first preambleShortest bytes
// are in buf: signature, version and command, family and protocol, and half of
// a length; then addresses, and TLVs, which are skipped.
func readPreamble2(r io.Reader, buf []byte) (preamble, error) {
	const fixed = 16
	if _, err := io.ReadFull(r, buf[preambleShortest:fixed]); err != nil {
		return preamble{}, errPreamble
	}
	command, family := buf[12], buf[13]
	left := int(binary.BigEndian.Uint16(buf[14:]))
	need, ok := addressBytes2(command, family)
	if !ok || left < need || fixed+left > preambleLongest2 {
		return preamble{}, errPreamble
	}
	if _, err := io.ReadFull(r, buf[:need]); err != nil {
		return preamble{}, errPreamble
	}
	p := parseAddresses2(buf[:need])
	for left -= need; left > 0; {
		n, err := r.Read(buf[:min(left, len(buf))])
		if left -= n; err != nil && left > 0 {
			return preamble{}, errPreamble
		}
	}
	return p, nil
}

// addressBytes2 is how long the addresses are that matter to us. Datagrams don't
// come by a stream, and values that are not assigned are refused, as the text demands.
func addressBytes2(command, family byte) (n int, ok bool) {
	switch {
	case command == 0x20: // LOCAL: the family is to be ignored
		return 0, true
	case command != 0x21:
		return 0, false
	}
	switch family {
	case 0x11: // TCP over IPv4
		return 12, true
	case 0x21: // TCP over IPv6
		return 36, true
	case 0x00, 0x31: // unspecified; a Unix socket
		return 0, true
	}
	return 0, false
}

func parseAddresses2(b []byte) preamble {
	if len(b) == 0 {
		return preamble{}
	}
	n := (len(b) - 4) / 2
	from, _ := netip.AddrFromSlice(b[:n]) // 4 or 16 bytes
	to, _ := netip.AddrFromSlice(b[n : 2*n])
	return preamble{
		source:      netip.AddrPortFrom(from, binary.BigEndian.Uint16(b[2*n:])),
		destination: netip.AddrPortFrom(to, binary.BigEndian.Uint16(b[2*n+2:])),
	}
}
