package proxy

import (
	"bytes"
	"slices"
)

// maxTarget is the longest request target accepted, in bytes; 414 above.
const maxTarget = 8 << 10

// head is one request head. Its slices point into the bytes parseHead was
// given, which the caller keeps unchanged for as long as the head is used.
type head struct {
	fieldSet
	method    []byte
	target    []byte // as sent, but origin-form (or "*") also where absolute-form was sent
	path      []byte // raw, up to '?'
	query     []byte // raw, without '?'
	authority []byte // of an absolute-form target
	minor     int    // HTTP/1.minor: 0 or 1
}

func (h *head) reset() {
	h.fieldSet.reset()
	h.method, h.target, h.path, h.query, h.authority, h.minor = nil, nil, nil, nil, nil, 0
}

// headLimits bound a head besides its size in bytes, which its reader bounds.
type headLimits struct {
	fields      int  // lines
	underscores bool // let names with '_' pass
}

// parseHead reads a whole request head, empty line included, and refuses
// whatever two parsers could read in two ways (RFC 9112, 2 to 6 and 11.2).
func parseHead(b []byte, h *head, l headLimits) *refusal {
	h.reset()
	n := bytes.IndexByte(b, '\n')
	if n < 1 || b[n-1] != '\r' {
		return refuseBareLF
	}
	if r := h.requestLine(b[:n-1]); r != nil {
		return r
	}
	if r := h.scan(b[n+1:], l.fields, l.underscores); r != nil {
		return r
	}
	if h.minor == 0 && h.encodings > 0 {
		return refuseEncoding // fasthttp#2330; RFC 9112, 6.1
	}
	return h.checkHost()
}

func (h *head) requestLine(b []byte) *refusal {
	i := bytes.IndexByte(b, ' ')
	j := bytes.LastIndexByte(b, ' ')
	if i <= 0 || j == i {
		return refuseLine
	}
	h.method, h.target = b[:i], b[i+1:j]
	if !isToken(h.method) || misspelt(h.method) {
		return refuseMethod
	}
	if r := h.version(b[j+1:]); r != nil {
		return r
	}
	if len(h.target) > maxTarget {
		return refuseLongTarget
	}
	if !isVisible(h.target) {
		return refuseTarget
	}
	return h.splitTarget()
}

// misspelt reports whether m is a standard method in other case. Methods are
// case-sensitive (RFC 9110, 9.1), but some origins fold them: one that takes
// "head" for HEAD sends no body where one is waited for.
func misspelt(m []byte) bool {
	if !slices.ContainsFunc(m, func(c byte) bool { return 'a' <= c && c <= 'z' }) {
		return false
	}
	return slices.ContainsFunc(standardMethods, func(lower string) bool { return equalFold(m, lower) })
}

// standardMethods in lower case. Never written.
var standardMethods = []string{"get", "head", "post", "put", "delete", "connect", "options", "trace", "patch"}

func (h *head) version(v []byte) *refusal {
	if len(v) != 8 || string(v[:5]) != "HTTP/" || v[6] != '.' || !isDigit(v[5]) || !isDigit(v[7]) {
		return refuseLine
	}
	if v[5] != '1' || v[7] > '1' {
		return refuseVersion
	}
	h.minor = int(v[7] - '0')
	return nil
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func (h *head) splitTarget() *refusal {
	if string(h.method) == "CONNECT" {
		return refuseConnect
	}
	if h.target[0] != '/' {
		if r := h.otherForm(); r != nil {
			return r
		}
	}
	h.path = h.target
	if q := bytes.IndexByte(h.target, '?'); q >= 0 {
		h.path, h.query = h.target[:q], h.target[q+1:]
	}
	return nil
}

// otherForm handles asterisk-form and absolute-form (RFC 9112, 3.2). An
// absolute-form target becomes origin-form; its authority is checked later.
func (h *head) otherForm() *refusal {
	if len(h.target) == 1 && h.target[0] == '*' {
		if string(h.method) != "OPTIONS" {
			return refuseTarget
		}
		return nil
	}
	rest := h.target
	switch {
	case hasPrefixFold(rest, "http://"):
		rest = rest[len("http://"):]
	case hasPrefixFold(rest, "https://"):
		rest = rest[len("https://"):]
	default:
		return refuseTarget
	}
	end := bytes.IndexAny(rest, "/?")
	switch {
	case end < 0: // "http://host"
		h.authority, h.target = rest, []byte("/")
	case rest[end] == '?': // lacks the slash that origin-form needs
		return refuseTarget
	default:
		h.authority, h.target = rest[:end], rest[end:]
	}
	return nil
}

// checkHost holds RFC 9112, 3.2: exactly one well-formed Host, which an
// HTTP/1.0 client alone may leave out.
func (h *head) checkHost() *refusal {
	if h.hosts == 0 && h.minor == 0 && h.authority == nil {
		return nil
	}
	if h.hosts != 1 || !validAuthority(h.host) {
		return refuseHost
	}
	if h.authority != nil && !equalFoldBytes(h.authority, h.host) {
		return refuseAuthority
	}
	return nil
}

// validAuthority accepts a name or address with an optional port, nothing else
// that RFC 3986 would allow (no user, no sub-delimiters, no escapes).
func validAuthority(b []byte) bool {
	if len(b) == 0 || len(b) > 300 {
		return false
	}
	if b[0] == '[' {
		end := bytes.IndexByte(b, ']')
		return end > 2 && isHex(b[1:end], ":.") && validPort(b[end+1:])
	}
	i := 0
	for i < len(b) && b[i] != ':' {
		c := lowerASCII(b[i])
		if !isDigit(c) && (c < 'a' || c > 'z') && c != '-' && c != '.' && c != '_' && c != '~' {
			return false
		}
		i++
	}
	return i > 0 && validPort(b[i:])
}

func isHex(b []byte, also string) bool {
	for _, c := range b {
		if hexValue(c) < 0 && bytes.IndexByte([]byte(also), c) < 0 {
			return false
		}
	}
	return true
}

// validPort accepts "" and ":" with one to five digits, up to 65535.
func validPort(b []byte) bool {
	if len(b) == 0 {
		return true
	}
	n, ok := parseLength(b[1:])
	return ok && len(b) <= 6 && n <= 65535
}

func (h *head) isHead() bool { return string(h.method) == "HEAD" }

// hasBody reports whether body bytes follow the head.
func (h *head) hasBody() bool { return h.chunked || h.contentLength > 0 }

// persistent reports whether the client lets the connection live on.
func (h *head) persistent() bool {
	if h.minor == 0 {
		return h.keepAlive && !h.close
	}
	return !h.close
}

// upgrades reports whether the request asks for another protocol. h2c is not
// passed on: a tunnel to an h2c upstream would carry requests past all rules.
func (h *head) upgrades() bool {
	return h.minor == 1 && h.upgradeToken && len(h.upgrade) > 0 && !h.hasBody() &&
		!listHas(h.upgrade, "h2c") && !listHas(h.upgrade, "h2")
}

// idempotent methods may be sent twice (RFC 9110, 9.2.2).
func (h *head) idempotent() bool {
	switch string(h.method) {
	case "GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE":
		return true
	}
	return false
}
