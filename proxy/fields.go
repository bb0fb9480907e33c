package proxy

import (
	"bytes"

	"sluice/router"
)

// kind says what the proxy has to know about a field's name. Most are plain.
type kind uint8

const (
	plain kind = iota
	kindHost
	kindContentLength
	kindTransferEncoding
	kindConnection
	kindHop // hop-by-hop and of no further interest: never forwarded
	kindTE
	kindTrailer
	kindUpgrade
	kindExpect
	kindForwardedFor
	kindForwardedProto
	kindForwardedHost
	kindForwardedPort
	kindForwardedOther // Forwarded, X-Real-IP, other X-Forwarded-*: believed from trusted networks only
	kindRequestID
	kindOurs // X-Sluice-*: passes from trusted networks only
	kindProxyStatus
	kindVia
	kindAccept
	kindUserAgent
	kindReferer
)

// fieldSet is the fields of one head, as received, with what framing and
// connection handling need to know of them. All slices point into the head.
type fieldSet struct {
	fields        []router.Field
	kinds         []kind   // by index of fields
	spans         []span   // the same
	text          []byte   // what the fields were read from
	listed        [][]byte // names that Connection lists, apart from close, keep-alive and upgrade
	upgrade       []byte   // value of Upgrade
	contentLength int64    // −1: none
	chunked       bool
	encodings     int // Transfer-Encoding lines
	hosts         int // Host lines
	host          []byte
	close         bool // Connection tokens
	keepAlive     bool
	upgradeToken  bool
	trailers      bool // TE: trailers
	expect        []byte
}

// span is where a whole line stands in the text, if it stands there just as it
// would be written: "name: value" and CRLF. Else it is empty.
type span struct{ from, to int }

func (f *fieldSet) reset() {
	f.fields, f.kinds, f.spans, f.listed = f.fields[:0], f.kinds[:0], f.spans[:0], f.listed[:0]
	f.text, f.upgrade, f.host, f.expect = nil, nil, nil, nil
	f.contentLength, f.chunked, f.encodings, f.hosts = -1, false, 0, 0
	f.close, f.keepAlive, f.upgradeToken, f.trailers = false, false, false, false
}

// scan reads field lines from b, which ends with the empty line, strictly
// (RFC 9112, 5): CRLF alone ends a line, no fold, no space before the colon.
func (f *fieldSet) scan(b []byte, limit int, underscores bool) *refusal {
	f.text = b
	for at := 0; ; {
		n := bytes.IndexByte(b[at:], '\n')
		if n < 1 || b[at+n-1] != '\r' {
			return refuseBareLF
		}
		if n == 1 {
			return f.checkFraming()
		}
		if len(f.fields) >= limit {
			return refuseCount
		}
		if r := f.line(b[at:at+n-1], at, underscores); r != nil {
			return r
		}
		at += n + 1
	}
}

// line reads one line, without its end, which begins at a place of the text.
func (f *fieldSet) line(b []byte, at int, underscores bool) *refusal {
	if b[0] == ' ' || b[0] == '\t' {
		return refuseFold
	}
	colon, classes := 0, byte(0)
	for ; colon < len(b) && token[b[colon]] != 0; colon++ {
		classes |= token[b[colon]]
	}
	if colon == 0 || colon == len(b) || b[colon] != ':' {
		return refuseName
	}
	name, value := b[:colon], trim(b[colon+1:])
	if !isValue(value) {
		return badValue(value)
	}
	if classes&underscore != 0 && !underscores {
		// Backends that map names to variables can't tell a_b from a-b.
		return nil
	}
	k := kindOf(name)
	if k != plain {
		if r := f.note(k, value); r != nil {
			return r
		}
	}
	s := span{}
	if len(value) > 0 && len(name)+2+len(value) == len(b) && b[colon+1] == ' ' {
		s = span{at, at + len(b) + 2}
	}
	f.fields = append(f.fields, router.Field{Name: name, Value: value})
	f.kinds, f.spans = append(f.kinds, k), append(f.spans, s)
	return nil
}

// appendLines adds the fields that pass, as they came, but for white space around
// values: lines that stand together in one piece.
func (f *fieldSet) appendLines(dst []byte, passes func(i int) bool) []byte {
	var run span
	for i, s := range f.spans {
		if !passes(i) {
			continue
		}
		if s.from == run.to && s.to > 0 {
			run.to = s.to
			continue
		}
		dst = append(dst, f.text[run.from:run.to]...)
		if run = s; s.to == 0 {
			dst = append(append(dst, f.fields[i].Name...), ": "...)
			dst = append(append(dst, f.fields[i].Value...), "\r\n"...)
		}
	}
	return append(dst, f.text[run.from:run.to]...)
}

// badValue tells a bare CR from other control bytes, for the count of refusals.
func badValue(v []byte) *refusal {
	if bytes.IndexByte(v, '\r') >= 0 {
		return refuseBareLF
	}
	return refuseValue
}

func (f *fieldSet) note(k kind, value []byte) *refusal {
	switch k {
	case kindHost:
		f.hosts++
		f.host = value
	case kindContentLength:
		n, ok := parseLength(value)
		if !ok || f.contentLength >= 0 {
			return refuseLength
		}
		f.contentLength = n
	case kindTransferEncoding:
		f.encodings++
		f.chunked = equalFold(value, "chunked")
		if f.encodings > 1 || !f.chunked {
			return refuseEncoding
		}
	case kindConnection:
		f.connection(value)
	case kindTE:
		f.trailers = f.trailers || listHas(value, "trailers")
	case kindUpgrade:
		f.upgrade = value
	case kindExpect:
		if f.expect == nil || equalFold(f.expect, "100-continue") {
			f.expect = value // of several, the one that can't be met stays
		}
	}
	return nil
}

func (f *fieldSet) connection(list []byte) {
	for name, rest, ok := nextToken(list); ok; name, rest, ok = nextToken(rest) {
		switch {
		case equalFold(name, "close"):
			f.close = true
		case equalFold(name, "keep-alive"):
			f.keepAlive = true
		case equalFold(name, "upgrade"):
			f.upgradeToken = true
		case len(name) > 0:
			f.listed = append(f.listed, name)
		}
	}
}

// isListed reports whether Connection asks for the field to be removed. What
// frames or routes the message, and what the proxy sets itself, can't be.
func (f *fieldSet) isListed(i int) bool {
	switch f.kinds[i] {
	case plain, kindVia, kindAccept, kindUserAgent, kindReferer:
	default:
		return false
	}
	for _, name := range f.listed {
		if equalFoldBytes(name, f.fields[i].Name) {
			return true
		}
	}
	return false
}

func (f *fieldSet) checkFraming() *refusal {
	if f.chunked && f.contentLength >= 0 {
		return refuseBoth
	}
	return nil
}

// value returns the first value of kind k, or nil.
func (f *fieldSet) value(k kind) []byte {
	for i, have := range f.kinds {
		if have == k {
			return f.fields[i].Value
		}
	}
	return nil
}

func listHas(list []byte, lower string) bool {
	for e, rest, ok := nextToken(list); ok; e, rest, ok = nextToken(rest) {
		if equalFold(e, lower) {
			return true
		}
	}
	return false
}

// parseLength reads a Content-Length: digits alone, at most 18, so that it
// can't overflow (fasthttp#2343).
func parseLength(b []byte) (n int64, ok bool) {
	if len(b) == 0 || len(b) > 18 {
		return 0, false
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

// kindOf classifies a name by its length first: most names need no comparison.
func kindOf(name []byte) kind {
	if len(name) > 2 && (name[0]|0x20) == 'x' && name[1] == '-' {
		return kindOfX(name)
	}
	for _, c := range kindsByLength[min(len(name), len(kindsByLength)-1)] {
		if equalFold(name, c.name) {
			return c.kind
		}
	}
	return plain
}

func kindOfX(name []byte) kind {
	switch {
	case equalFold(name, "x-request-id"):
		return kindRequestID
	case hasPrefixFold(name, "x-sluice-"):
		return kindOurs
	case equalFold(name, "x-real-ip"):
		return kindForwardedOther
	case !hasPrefixFold(name, "x-forwarded-"):
		return plain
	case equalFold(name, "x-forwarded-for"):
		return kindForwardedFor
	case equalFold(name, "x-forwarded-proto"):
		return kindForwardedProto
	case equalFold(name, "x-forwarded-host"):
		return kindForwardedHost
	case equalFold(name, "x-forwarded-port"):
		return kindForwardedPort
	}
	return kindForwardedOther
}

type namedKind struct {
	name string
	kind kind
}

// kindsByLength is never written.
var kindsByLength = [21][]namedKind{
	2:  {{"te", kindTE}},
	3:  {{"via", kindVia}},
	4:  {{"host", kindHost}},
	6:  {{"expect", kindExpect}, {"accept", kindAccept}},
	7:  {{"trailer", kindTrailer}, {"upgrade", kindUpgrade}, {"referer", kindReferer}},
	9:  {{"forwarded", kindForwardedOther}},
	10: {{"connection", kindConnection}, {"keep-alive", kindHop}, {"user-agent", kindUserAgent}},
	12: {{"proxy-status", kindProxyStatus}},
	14: {{"content-length", kindContentLength}, {"http2-settings", kindHop}},
	16: {{"proxy-connection", kindHop}},
	17: {{"transfer-encoding", kindTransferEncoding}},
	18: {{"proxy-authenticate", kindHop}},
	19: {{"proxy-authorization", kindHop}},
}
