package proxy

import (
	"math/rand/v2"
	"net/netip"
	"strconv"

	"sluice/router"
	"sluice/upstream"
)

// peer is what the proxy knows of a client's connection.
type peer struct {
	addr    netip.Addr // zero on a Unix socket
	text    []byte     // addr as text
	trusted bool       // its X-Forwarded-* are believed
	tls     bool
	port    []byte          // the local port, for X-Forwarded-Port
	local   []byte          // the local address, which stands in for a missing Host
	ends    upstream.Client // both ends of its connection, for the PROXY protocol; zero on a Unix socket
	space   [40]byte        // what text, port and local point into, as far as they fit
}

// outbound is how a request goes to an upstream.
type outbound struct {
	framing framing
	length  int64 // of a fixed body
	upgrade bool
	expect  bool // leave 100-continue to the upstream
	via     string
	edit    *router.HeaderEdit
	id      []byte // X-Request-Id
}

// appendRequest serialises h for an upstream: fields in the order, case and
// number received, minus hop-by-hop ones (RFC 9110, 7.6.1), plus ours. What
// Connection lists is gone before ours are added, so no client can name ours
// away (CVE-2024-45410).
func appendRequest(dst []byte, h *head, p *peer, o *outbound) []byte {
	dst = append(append(dst, h.method...), ' ')
	dst = append(append(dst, h.target...), " HTTP/1.1\r\n"...)
	if h.hosts == 0 {
		dst = appendField(dst, "Host", p.local)
	}
	simple := len(h.listed)+len(o.edit.Set)+len(o.edit.Remove) == 0
	dst = h.appendLines(dst, func(i int) bool { return simple && h.kinds[i] == plain || forwards(h, i, p, o) })
	dst = appendFraming(dst, h, o)
	dst = appendForwarded(dst, h, p, o.edit)
	dst = appendOurs(dst, o.edit, "X-Request-Id", o.id)
	if o.via != "" {
		dst = append(append(append(dst, "Via: 1."...), byte('0'+h.minor), ' '), o.via...)
		dst = append(dst, "\r\n"...)
	}
	dst = appendSet(dst, o.edit)
	return append(dst, "\r\n"...)
}

// forwards reports whether field i goes on to the upstream as it is.
func forwards(h *head, i int, p *peer, o *outbound) bool {
	switch h.kinds[i] {
	case kindHop, kindConnection, kindTransferEncoding, kindContentLength, kindTE, kindUpgrade, kindExpect,
		kindForwardedFor, kindForwardedProto, kindForwardedHost, kindForwardedPort, kindRequestID, kindProxyStatus:
		return false
	case kindTrailer:
		return o.framing == chunkedBody
	case kindForwardedOther, kindOurs:
		return p.trusted
	case kindHost: // may be set by the policy, not removed
		return !sets(o.edit, h.fields[i].Name)
	}
	if len(h.listed) > 0 && h.isListed(i) {
		return false
	}
	return !edits(o.edit, h.fields[i].Name)
}

func sets(e *router.HeaderEdit, name []byte) bool {
	for i := range e.Set {
		if equalFoldBytes(e.Set[i].Name, name) {
			return true
		}
	}
	return false
}

// edits reports whether the policy sets or removes the field.
func edits(e *router.HeaderEdit, name []byte) bool {
	if sets(e, name) {
		return true
	}
	for i := range e.Remove {
		if equalFoldBytes([]byte(e.Remove[i]), name) {
			return true
		}
	}
	return false
}

// appendSet adds what the policy sets. What frames a message stays ours.
func appendSet(dst []byte, e *router.HeaderEdit) []byte {
	for i := range e.Set {
		f := &e.Set[i]
		switch kindOf(f.Name) {
		case kindHop, kindConnection, kindTransferEncoding, kindContentLength, kindTE, kindTrailer, kindUpgrade, kindExpect:
			continue
		}
		dst = append(append(dst, f.Name...), ": "...)
		dst = append(append(dst, f.Value...), "\r\n"...)
	}
	return dst
}

func appendFraming(dst []byte, h *head, o *outbound) []byte {
	switch {
	case o.framing == chunkedBody:
		dst = append(dst, "Transfer-Encoding: chunked\r\n"...)
	case o.framing == fixedBody || h.contentLength == 0 || h.chunked:
		dst = append(dst, "Content-Length: "...)
		dst = strconv.AppendInt(dst, max(0, o.length), 10)
		dst = append(dst, "\r\n"...)
	}
	if o.expect {
		dst = append(dst, "Expect: 100-continue\r\n"...)
	}
	switch {
	case o.upgrade:
		dst = append(append(dst, "Connection: Upgrade\r\nUpgrade: "...), h.upgrade...)
		dst = append(dst, "\r\n"...)
	case h.trailers:
		dst = append(dst, "Connection: TE\r\nTE: trailers\r\n"...)
	}
	return dst
}

// appendForwarded adds X-Forwarded-*: ours, after a trusted client's own.
func appendForwarded(dst []byte, h *head, p *peer, e *router.HeaderEdit) []byte {
	if len(p.text) > 0 && !edits(e, []byte("X-Forwarded-For")) {
		dst = append(dst, "X-Forwarded-For: "...)
		start := len(dst)
		if p.trusted {
			dst = appendValues(dst, h, kindForwardedFor)
		}
		if len(dst) > start {
			dst = append(dst, ", "...)
		}
		dst = append(append(dst, p.text...), "\r\n"...)
	}
	proto := "http"
	if p.tls {
		proto = "https"
	}
	dst = appendOurs(dst, e, "X-Forwarded-Proto", believed(h, p, kindForwardedProto, []byte(proto)))
	dst = appendOurs(dst, e, "X-Forwarded-Host", believed(h, p, kindForwardedHost, h.host))
	return appendOurs(dst, e, "X-Forwarded-Port", believed(h, p, kindForwardedPort, p.port))
}

// believed is a trusted client's own value, else ours.
func believed(h *head, p *peer, k kind, ours []byte) []byte {
	if p.trusted {
		if v := h.value(k); len(v) > 0 {
			return v
		}
	}
	return ours
}

// appendOurs adds a line of the proxy's own unless the policy edits it.
func appendOurs(dst []byte, e *router.HeaderEdit, name string, value []byte) []byte {
	if len(e.Set)+len(e.Remove) > 0 && edits(e, []byte(name)) {
		return dst
	}
	return appendField(dst, name, value)
}

// appendField adds a line unless value is empty.
func appendField(dst []byte, name string, value []byte) []byte {
	if len(value) == 0 {
		return dst
	}
	dst = append(append(dst, name...), ": "...)
	return append(append(dst, value...), "\r\n"...)
}

func appendValues(dst []byte, h *head, k kind) []byte {
	start := len(dst)
	for i, have := range h.kinds {
		if have != k || len(h.fields[i].Value) == 0 {
			continue
		}
		if len(dst) > start {
			dst = append(dst, ", "...)
		}
		dst = append(dst, h.fields[i].Value...)
	}
	return dst
}

// clientOf is whom the request comes from: the connection's peer or, behind
// trusted proxies, the nearest address in X-Forwarded-For that is not one.
func clientOf(h *head, p *peer, trusts func(netip.Addr) bool) netip.Addr {
	client := p.addr
	if !p.trusted {
		return client
	}
	for i := len(h.fields) - 1; i >= 0; i-- {
		if h.kinds[i] != kindForwardedFor {
			continue
		}
		list := h.fields[i].Value
		for list != nil {
			var last []byte
			list, last = cutLast(list)
			addr, err := netip.ParseAddr(string(last))
			if err != nil {
				return client
			}
			client = addr.Unmap()
			if !trusts(client) {
				return client
			}
		}
	}
	return client
}

// cutLast cuts the last element off a comma-separated list.
func cutLast(list []byte) (rest, last []byte) {
	for i := len(list) - 1; i >= 0; i-- {
		if list[i] == ',' {
			return list[:i], trim(list[i+1:])
		}
	}
	return nil, trim(list)
}

// requestID returns the client's own id if it is well-formed, else a new one
// of 128 random bits, written into buf.
func requestID(h *head, buf *[32]byte) []byte {
	if id := h.value(kindRequestID); validID(id) {
		return id
	}
	const digits = "0123456789abcdef"
	for half := range 2 {
		x := rand.Uint64()
		for i := range 16 {
			buf[half*16+i] = digits[x>>60]
			x <<= 4
		}
	}
	return buf[:]
}

func validID(id []byte) bool {
	if len(id) == 0 || len(id) > 128 {
		return false
	}
	for _, c := range id {
		l := lowerASCII(c)
		if !isDigit(c) && (l < 'a' || l > 'z') && c != '.' && c != '_' && c != '-' {
			return false
		}
	}
	return true
}
