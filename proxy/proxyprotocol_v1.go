package proxy

import (
	"bytes"
	"io"
	"net/netip"
	"strconv"
)

// readPreamble1 reads the rest of a line of text whose first preambleShortest
// bytes are in buf. Each read asks for no more than what must still come, so
// that it can't reach beyond the line's end.
func readPreamble1(r io.Reader, buf []byte) (preamble, error) {
	n := preambleShortest
	if string(buf[:6]) != "PROXY " {
		return preamble{}, errPreamble
	}
	for {
		if i := bytes.IndexByte(buf[:n], '\n'); i >= 0 {
			if i != n-1 || buf[n-2] != '\r' {
				return preamble{}, errPreamble
			}
			return parsePreamble1(buf[6 : n-2])
		}
		more := missing1(buf[:n])
		if n+more > preambleLongest1 {
			return preamble{}, errPreamble
		}
		got, err := io.ReadFull(r, buf[n:n+more])
		if n += got; err != nil {
			return preamble{}, errPreamble
		}
	}
}

// missing1 is the least that must follow line: the end of the line, and for
// each field that is not there yet a blank and a character.
func missing1(line []byte) int {
	if line[len(line)-1] == '\r' {
		return 1
	}
	blanks := bytes.Count(line, []byte{' '})
	if blanks >= 5 || !bytes.HasPrefix(line[6:], []byte("TCP")) {
		return 2
	}
	return 2*(5-blanks) + 2
}

// parsePreamble1 reads what stands between "PROXY " and the line's end.
func parsePreamble1(s []byte) (preamble, error) {
	if rest, unknown := bytes.CutPrefix(s, []byte("UNKNOWN")); unknown && (len(rest) == 0 || rest[0] == ' ') {
		return preamble{}, nil // whatever follows is to be ignored
	}
	fields := bytes.Split(s, []byte{' '})
	if len(fields) != 5 {
		return preamble{}, errPreamble
	}
	var p preamble
	var ok [2]bool
	switch string(fields[0]) {
	case "TCP4":
		p.source, ok[0] = addrPort1(fields[1], fields[3], netip.Addr.Is4)
		p.destination, ok[1] = addrPort1(fields[2], fields[4], netip.Addr.Is4)
	case "TCP6":
		p.source, ok[0] = addrPort1(fields[1], fields[3], netip.Addr.Is6)
		p.destination, ok[1] = addrPort1(fields[2], fields[4], netip.Addr.Is6)
	}
	if !ok[0] || !ok[1] {
		return preamble{}, errPreamble
	}
	return p, nil
}

func addrPort1(addr, port []byte, family func(netip.Addr) bool) (netip.AddrPort, bool) {
	a, err := netip.ParseAddr(string(addr))
	if err != nil || a.Zone() != "" || !family(a) {
		return netip.AddrPort{}, false
	}
	if len(port) == 0 || len(port) > 1 && port[0] == '0' || port[0] < '0' || port[0] > '9' { // a sign, or leading zeros
		return netip.AddrPort{}, false
	}
	n, err := strconv.ParseUint(string(port), 10, 16)
	return netip.AddrPortFrom(a, uint16(n)), err == nil
}
