package router

import "bytes"

// queryScan walks over the parameters of a raw query, in order. Names and
// values stay encoded. A parameter without '=' has an empty value.
type queryScan struct {
	rest, name, value []byte
}

func (s *queryScan) next() bool {
	for len(s.rest) > 0 {
		pair := s.rest
		if i := bytes.IndexByte(s.rest, '&'); i >= 0 {
			pair, s.rest = s.rest[:i], s.rest[i+1:]
		} else {
			s.rest = nil
		}
		if len(pair) == 0 {
			continue
		}
		if i := bytes.IndexByte(pair, '='); i >= 0 {
			s.name, s.value = pair[:i], pair[i+1:]
		} else {
			s.name, s.value = pair, nil
		}
		return true
	}
	return false
}

// decodeByte takes one character off an encoded name or value: '+' is a space,
// and a bad escape stands for itself.
func decodeByte(v []byte) (c byte, rest []byte) {
	switch {
	case v[0] == '+':
		return ' ', v[1:]
	case v[0] == '%' && len(v) > 2 && unhex(v[1]) >= 0 && unhex(v[2]) >= 0:
		return byte(unhex(v[1])<<4 | unhex(v[2])), v[3:]
	}
	return v[0], v[1:]
}

// cutDecoded takes prefix, which is not encoded, off v, which is.
func cutDecoded(v []byte, prefix string) (rest []byte, ok bool) {
	for i := range len(prefix) {
		if len(v) == 0 {
			return nil, false
		}
		var c byte
		if c, v = decodeByte(v); c != prefix[i] {
			return nil, false
		}
	}
	return v, true
}

func equalDecoded(v []byte, s string) bool {
	rest, ok := cutDecoded(v, s)
	return ok && len(rest) == 0
}

func appendDecoded(dst, v []byte) []byte {
	for len(v) > 0 {
		var c byte
		c, v = decodeByte(v)
		dst = append(dst, c)
	}
	return dst
}
