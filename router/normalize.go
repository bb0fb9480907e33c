package router

import "bytes"

// Normalize decodes and cleans a raw path for routing, into dst, which is
// overwritten, grown if need be, and must not overlap raw. Escapes are decoded
// (but for %25, which stays, so that '%' means one thing and normalising twice
// changes nothing), dot segments are resolved, and a run of slashes counts as
// one. The path to forward is the raw one: slashes are merged for routing alone.
//
// ok is false if the raw path holds %2f, %5c, %00, "..;" or dot segments, in any
// spelling, a backslash, a bad escape, or does not begin with a slash ("*" and
// the empty path are fine); the result is then what a backend would most likely
// make of it. No result ever holds a dot segment.
func Normalize(dst, raw []byte) (path []byte, ok bool) {
	dst = dst[:0]
	if len(raw) == 1 && raw[0] == '*' {
		return append(dst, '*'), true
	}
	if plain(raw) {
		return append(dst, raw...), true
	}
	dst, ok = decodePath(dst, raw)
	if bytes.Contains(dst, []byte("..;")) {
		ok = false
	}
	dst, dots := resolve(dst)
	return dst, ok && !dots
}

// plain reports whether raw is its own normal form; nearly all paths are.
func plain(raw []byte) bool {
	if len(raw) == 0 || raw[0] != '/' {
		return false
	}
	prev := byte(0)
	for _, c := range raw {
		switch c {
		case '%', '\\', ';', 0:
			return false
		case '/', '.':
			if prev == '/' { // an empty segment, or one that begins with a dot
				return false
			}
		}
		prev = c
	}
	return true
}

// decodePath appends raw to dst, decoded and with a leading slash.
func decodePath(dst, raw []byte) (path []byte, ok bool) {
	ok = true
	if len(raw) == 0 || raw[0] != '/' {
		ok = len(raw) == 0
		dst = append(dst, '/')
	}
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		if c != '%' {
			if c == '\\' {
				c = '/'
				ok = false
			}
			ok = ok && c != 0
			dst = append(dst, c)
			continue
		}
		if i+2 >= len(raw) || unhex(raw[i+1]) < 0 || unhex(raw[i+2]) < 0 {
			dst = append(dst, "%25"...)
			ok = false
			continue
		}
		c = byte(unhex(raw[i+1])<<4 | unhex(raw[i+2]))
		i += 2
		switch c {
		case '/', '\\':
			dst = append(dst, '/')
			ok = false
		case 0:
			dst = append(dst, c)
			ok = false
		case '%':
			dst = append(dst, "%25"...)
		default:
			dst = append(dst, c)
		}
	}
	return dst, ok
}

// resolve merges slashes and removes dot segments of p, in place (RFC 3986,
// section 5.2.4), also those that carry a parameter ("..;x"), as servlet
// containers do. It reports whether there was any.
func resolve(p []byte) (path []byte, dots bool) {
	w := 0 // p[:w] is done; it is empty or a slash and a segment, repeated
	for i := 0; i < len(p); {
		for i < len(p) && p[i] == '/' {
			i++
		}
		end := i
		for end < len(p) && p[end] != '/' {
			end++
		}
		seg := p[i:end]
		last := end == len(p)
		switch dotsOf(seg) {
		case 1:
			dots = true
		case 2:
			dots = true
			w = max(0, bytes.LastIndexByte(p[:w], '/'))
		default:
			p[w] = '/'
			w += 1 + copy(p[w+1:], seg)
			i = end
			continue
		}
		if last { // "/a/.." names the directory: "/"
			p[w] = '/'
			w++
		}
		i = end
	}
	if w == 0 {
		p[0] = '/'
		w = 1
	}
	return p[:w], dots
}

// dotsOf is 1 for ".", 2 for "..", with or without a parameter, else 0.
func dotsOf(seg []byte) int {
	n := 0
	for n < len(seg) && n < 3 && seg[n] == '.' {
		n++
	}
	if n == 0 || n > 2 || (n < len(seg) && seg[n] != ';') {
		return 0
	}
	return n
}

func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
