package proxy

import (
	"errors"
	"io"
	"net/netip"
	"slices"
	"time"
)

// Refusals of connections by listeners that expect the PROXY protocol; never written.
var (
	refusePreamble = &refusal{400, "proxy_protocol"}
	refuseSender   = &refusal{403, "proxy_protocol_sender"}
)

// preamble is what a load balancer says of a connection before its first byte:
// who the client is, and which address it called. Both are zero for a connection
// of the balancer's own (LOCAL) and for one that it knows nothing of (UNKNOWN,
// UNSPEC, a Unix socket).
type preamble struct {
	source, destination netip.AddrPort
}

// Bounds of a header, in bytes. Version 2 may carry 64 KiB of TLVs; what
// balancers send is a few hundred bytes, and nginx reads no more than this either.
const (
	preambleShortest = 15 // "PROXY UNKNOWN\r\n"
	preambleLongest1 = 107
	preambleLongest2 = 4096
)

// errPreamble says that a connection did not begin as the PROXY protocol wants.
var errPreamble = errors.New("no valid PROXY protocol header")

// readPreamble reads a PROXY protocol header of version 1 or 2 (HAProxy's
// proxy-protocol.txt, 2.1 and 2.2) and not a byte more: TLS, tunnels and the
// looks for a client that left need the bare socket behind it, which a
// buffering wrapper would hide. io.EOF: the sender left without a word.
func readPreamble(r io.Reader) (preamble, error) {
	var buf [preambleLongest1]byte
	if n, err := io.ReadFull(r, buf[:preambleShortest]); err != nil {
		if n > 0 && err == io.ErrUnexpectedEOF {
			err = errPreamble
		}
		return preamble{}, err
	}
	if string(buf[:len(preambleSignature)]) == preambleSignature {
		return readPreamble2(r, buf[:])
	}
	return readPreamble1(r, buf[:])
}

// expectPreamble reads the header that the listener demands. It returns false
// when the connection is to be closed. A sender on a Unix socket is trusted:
// the permissions of its file say who may connect.
func (c *clientConn) expectPreamble(trusted []netip.Prefix) bool {
	counts := &c.server.counts
	if from := c.peer.addr; from.IsValid() && !slices.ContainsFunc(trusted, func(p netip.Prefix) bool { return p.Contains(from) }) {
		counts.refuse(refuseSender)
		return false
	}
	if err := c.accepted.SetReadDeadline(time.Now().Add(c.st.HeadTimeout)); err != nil {
		return false
	}
	p, err := readPreamble(c.accepted)
	if err != nil {
		if err != io.EOF { // a balancer that only looks whether the port is open
			counts.refuse(refusePreamble)
		}
		return false
	}
	if p.source.IsValid() {
		c.peer.stand(p)
	}
	return c.accepted.SetReadDeadline(time.Time{}) == nil
}

// stand puts what a preamble says in the place of what the socket says.
func (p *peer) stand(said preamble) {
	p.addr = said.source.Addr().Unmap()
	p.text = p.addr.AppendTo(p.space[:0])
	p.ends.Source = netip.AddrPortFrom(p.addr, said.source.Port())
	p.called(netip.AddrPortFrom(said.destination.Addr().Unmap(), said.destination.Port()))
}
