package router

import "bytes"

// cookieScan walks over the cookies of a request, in order, over all its Cookie
// lines (HTTP/2 gateways split them: RFC 9113, section 8.2.3). Names and values
// are slices of the lines, values without a surrounding pair of quotes.
type cookieScan struct {
	fields      []Field
	line        []byte // what is left of the current line
	name, value []byte
}

func (s *cookieScan) next() bool {
	for {
		for len(s.line) == 0 {
			if !s.nextLine() {
				return false
			}
		}
		var pair []byte
		if i := bytes.IndexByte(s.line, ';'); i >= 0 {
			pair, s.line = s.line[:i], s.line[i+1:]
		} else {
			pair, s.line = s.line, nil
		}
		i := bytes.IndexByte(pair, '=')
		if i < 0 {
			continue // no cookie without a name (RFC 6265, section 5.2)
		}
		s.name, s.value = trim(pair[:i]), trim(pair[i+1:])
		if n := len(s.value); n >= 2 && s.value[0] == '"' && s.value[n-1] == '"' {
			s.value = s.value[1 : n-1]
		}
		return true
	}
}

func (s *cookieScan) nextLine() bool {
	for i := range s.fields {
		if equalFold(s.fields[i].Name, "cookie") {
			s.line, s.fields = s.fields[i].Value, s.fields[i+1:]
			return true
		}
	}
	s.fields = nil
	return false
}

// trim removes optional white space (RFC 9110, section 5.6.3).
func trim(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b
}
