package router

import "net/netip"

// Field is one header line.
type Field struct{ Name, Value []byte }

// Request is what routing looks at. The slices stay the caller's and are not kept.
type Request struct {
	Method     []byte
	Host       []byte // authority as sent, port and case included
	Path       []byte // normalised: see Normalize
	Query      []byte // raw, without '?'
	Fields     []Field
	ClientIP   netip.Addr
	Replayable bool   // may be sent twice: idempotent and without a body
	Rand       uint64 // uniformly random; a seeded one makes choices by weight repeatable
}

// field returns the value of the first header line called name. The second
// result tells an empty value from a missing line.
func (r *Request) field(name string) ([]byte, bool) {
	for i := range r.Fields {
		if equalFold(r.Fields[i].Name, name) {
			return r.Fields[i].Value, true
		}
	}
	return nil, false
}

// equalFold compares header names: ASCII only (RFC 9110, section 5.1), unlike bytes.EqualFold.
func equalFold(b []byte, s string) bool {
	if len(b) != len(s) {
		return false
	}
	for i := range b {
		if b[i] != s[i] && lower(b[i]) != lower(s[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + ('a' - 'A')
	}
	return c
}
