package comparison

import (
	"fmt"
	"strconv"
	"strings"
)

// Path selects values in JSON bodies, and all that is below them. It is the part
// of JSONPath (RFC 9535) that names places: $, .name, ['name'], [2], [*], .* and
// ..name for a name at any depth. The zero value selects the whole body.
type Path struct{ steps []step }

type stepKind uint8

const (
	byName stepKind = iota
	byIndex
	wildcard
)

type step struct {
	kind  stepKind
	deep  bool // at any depth below: ..name
	name  string
	index int
}

// Bounds of a path: its text in bytes, its steps, and those of them at any
// depth, which multiply what a look costs.
const (
	maxPath  = 1024
	maxSteps = 64
	maxDeep  = 3
)

// ParsePath reads a path. The error says where it can't be read.
func ParsePath(text string) (Path, error) {
	p := pathParser{text: text}
	if len(text) > maxPath {
		return Path{}, fmt.Errorf("path: %d bytes, want at most %d", len(text), maxPath)
	}
	if !strings.HasPrefix(text, "$") {
		return Path{}, fmt.Errorf("path %q: want one that begins with $, such as $.items[*].at", text)
	}
	p.at = 1
	deep := 0
	for p.at < len(text) {
		if err := p.step(); err != nil {
			return Path{}, fmt.Errorf("path %q: at %d: %w", text, p.at+1, err)
		}
		if p.steps[len(p.steps)-1].deep {
			deep++
		}
		if len(p.steps) > maxSteps || deep > maxDeep {
			return Path{}, fmt.Errorf("path %q: want at most %d steps, %d of them with two dots", text, maxSteps, maxDeep)
		}
	}
	return Path{steps: p.steps}, nil
}

type pathParser struct {
	text  string
	at    int
	steps []step
}

func (p *pathParser) step() error {
	rest := p.text[p.at:]
	switch {
	case strings.HasPrefix(rest, ".."):
		p.at += 2
		if strings.HasPrefix(p.text[p.at:], "[") {
			return p.bracket(true)
		}
		return p.member(true)
	case rest[0] == '.':
		p.at++
		return p.member(false)
	case rest[0] == '[':
		return p.bracket(false)
	}
	return fmt.Errorf("got %q, want . or [", rest[:1])
}

// member reads a name without quotes, or *.
func (p *pathParser) member(deep bool) error {
	rest := p.text[p.at:]
	if strings.HasPrefix(rest, "*") {
		p.at++
		p.steps = append(p.steps, step{kind: wildcard, deep: deep})
		return nil
	}
	n := 0
	for n < len(rest) && plainByte(rest[n]) {
		n++
	}
	if n == 0 {
		return fmt.Errorf("want a name, or * (other names go in ['quotes'])")
	}
	p.at += n
	p.steps = append(p.steps, step{name: rest[:n], deep: deep})
	return nil
}

// plainByte reports whether a name may hold c without being quoted.
func plainByte(c byte) bool {
	return c == '_' || c == '-' || c >= 0x80 || '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
}

func (p *pathParser) bracket(deep bool) error {
	rest := p.text[p.at+1:]
	switch {
	case strings.HasPrefix(rest, "*]"):
		p.at += len("[*]")
		p.steps = append(p.steps, step{kind: wildcard, deep: deep})
		return nil
	case len(rest) > 0 && (rest[0] == '\'' || rest[0] == '"'):
		return p.quoted(deep)
	}
	digits, _, closed := strings.Cut(rest, "]")
	index, err := strconv.ParseUint(digits, 10, 31)
	if !closed || err != nil || digits != strconv.FormatUint(index, 10) {
		return fmt.Errorf("want an index, * or a quoted name in brackets")
	}
	p.at += len(digits) + 2
	p.steps = append(p.steps, step{kind: byIndex, index: int(index), deep: deep})
	return nil
}

// quoted reads ['name'] or ["name"]; a backslash takes the next byte as it is.
func (p *pathParser) quoted(deep bool) error {
	quote := p.text[p.at+1]
	var name strings.Builder
	for i := p.at + 2; i < len(p.text); i++ {
		switch c := p.text[i]; c {
		case '\\':
			i++
			if i < len(p.text) {
				name.WriteByte(p.text[i])
			}
		case quote:
			if !strings.HasPrefix(p.text[i+1:], "]") {
				return fmt.Errorf("want ] after the quoted name")
			}
			p.at = i + 2
			p.steps = append(p.steps, step{name: name.String(), deep: deep})
			return nil
		default:
			name.WriteByte(c)
		}
	}
	return fmt.Errorf("the quoted name has no end")
}

// String is the path as ParsePath reads it.
func (p Path) String() string { return string(appendPath(nil, p.steps)) }

func appendPath(dst []byte, steps []step) []byte {
	dst = append(dst, '$')
	for i := range steps {
		dst = steps[i].append(dst)
	}
	return dst
}

func (s *step) append(dst []byte) []byte {
	if s.deep {
		dst = append(dst, ".."...)
	}
	switch {
	case s.kind == wildcard:
		return append(dst, "[*]"...)
	case s.kind == byIndex:
		return append(strconv.AppendInt(append(dst, '['), int64(s.index), 10), ']')
	case plainName(s.name):
		if !s.deep {
			dst = append(dst, '.')
		}
		return append(dst, s.name...)
	}
	dst = append(dst, "['"...)
	for i := range len(s.name) {
		if c := s.name[i]; c == '\'' || c == '\\' {
			dst = append(dst, '\\')
		}
		dst = append(dst, s.name[i])
	}
	return append(dst, "']"...)
}

func plainName(name string) bool {
	for i := range len(name) {
		if !plainByte(name[i]) {
			return false
		}
	}
	return name != ""
}

// covers reports whether the path selects the place that at leads to, itself.
func (p Path) covers(at []step) bool { return covers(p.steps, at) }

func covers(pattern, at []step) bool {
	for len(pattern) > 0 {
		want := &pattern[0]
		if want.deep {
			for i := range at {
				if want.takes(&at[i]) && covers(pattern[1:], at[i+1:]) {
					return true
				}
			}
			return false
		}
		if len(at) == 0 || !want.takes(&at[0]) {
			return false
		}
		pattern, at = pattern[1:], at[1:]
	}
	return len(at) == 0
}

func (s *step) takes(place *step) bool {
	switch s.kind {
	case wildcard:
		return true
	case byIndex:
		return place.kind == byIndex && place.index == s.index
	}
	return place.kind == byName && place.name == s.name
}

// fold is the path with indexes, and names that look like ids, replaced by [*],
// so that what differs in each element is counted in one place. What is no path stays.
func fold(text string) string {
	p, err := ParsePath(text)
	if err != nil {
		return text
	}
	for i := range p.steps {
		if s := &p.steps[i]; s.kind == byIndex || s.kind == byName && looksLikeID(s.name) {
			p.steps[i] = step{kind: wildcard, deep: s.deep}
		}
	}
	return p.String()
}

// looksLikeID reports a name of digits alone, or of 16 or more hexadecimal digits
// with or without hyphens (UUIDs): keys of a map, not fields.
func looksLikeID(name string) bool {
	digits, hex := 0, 0
	for i := range len(name) {
		switch c := name[i]; {
		case '0' <= c && c <= '9':
			digits++
			hex++
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			hex++
		case c != '-':
			return false
		}
	}
	return digits > 0 && (digits == len(name) || hex >= 16)
}
