package proxy

import "encoding/binary"

// underscore is the mark of '_' in token.
const underscore = 2

// token marks the bytes of a token (RFC 9110, 5.6.2). Never written.
var token = func() (t [256]byte) {
	for _, c := range "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" {
		t[c] = 1
	}
	t['_'] = underscore
	return t
}()

func isToken(b []byte) bool {
	for _, c := range b {
		if token[c] == 0 {
			return false
		}
	}
	return len(b) > 0
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// isValue reports whether b may stand as a field value: no control byte but
// HTAB (RFC 9110, 5.5). Eight bytes a step, the last step over what is there
// already: values are most of a head.
func isValue(b []byte) bool {
	if len(b) < 8 {
		return isValueSlow(b)
	}
	bad := uint64(0)
	for i := 0; i+8 < len(b); i += 8 {
		bad |= controls(binary.LittleEndian.Uint64(b[i:]))
	}
	bad |= controls(binary.LittleEndian.Uint64(b[len(b)-8:]))
	return bad == 0 || isValueSlow(b)
}

// controls is not 0 if one of eight bytes is a control byte, HTAB among them.
func controls(x uint64) uint64 {
	low := (x - 0x20*ones) &^ x & highs
	del := x ^ 0x7f*ones
	return low | (del-ones)&^del&highs
}

func isValueSlow(b []byte) bool {
	for _, c := range b {
		if c < 0x20 && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// isVisible reports whether b is made of visible ASCII alone and holds no
// fragment: what a request target may be.
func isVisible(b []byte) bool {
	for _, c := range b {
		if c <= 0x20 || c >= 0x7f || c == '#' {
			return false
		}
	}
	return len(b) > 0
}

// equalFold compares b with lower, which is lower-case ASCII.
func equalFold(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i, c := range b {
		if lowerASCII(c) != lower[i] {
			return false
		}
	}
	return true
}

// equalFoldBytes compares two byte slices, ASCII letters alike in either case.
func equalFoldBytes(a, b []byte) bool {
	if len(a) != len(b) {
		return false
	}
	for i, c := range a {
		if lowerASCII(c) != lowerASCII(b[i]) {
			return false
		}
	}
	return true
}

func hasPrefixFold(b []byte, lower string) bool {
	return len(b) >= len(lower) && equalFold(b[:len(lower)], lower)
}

func lowerASCII(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c | 0x20
	}
	return c
}

// trim removes optional white space (SP and HTAB) from both ends.
func trim(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b
}

// nextToken cuts the first element off a comma-separated list. It returns
// empty elements as empty; ok is false when the list is at its end.
func nextToken(list []byte) (element, rest []byte, ok bool) {
	if list == nil {
		return nil, nil, false
	}
	for i, c := range list {
		if c == ',' {
			return trim(list[:i]), list[i+1:], true
		}
	}
	return trim(list), nil, true
}
