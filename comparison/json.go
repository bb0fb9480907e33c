package comparison

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Kinds of JSON values.
type jsonKind uint8

const (
	jsonNull jsonKind = iota
	jsonBool
	jsonNumber
	jsonString
	jsonArray
	jsonObject
)

func (k jsonKind) String() string {
	return [...]string{"null", "boolean", "number", "string", "array", "object"}[k]
}

// value is one JSON value. Texts are cut out of the document where they hold no escapes.
type value struct {
	kind    jsonKind
	text    string   // of a string, decoded; of a number, as written; true or false
	members []member // of an object, sorted by name; of an array, in order and without names
}

type member struct {
	name string
	value
}

// Errors of parse: either way the body is compared as bytes.
var (
	errJSON      = errors.New("not JSON")
	errDuplicate = errors.New("a name stands twice in one object")
	errDepth     = errors.New("nested too deep")
)

// maxDepth bounds nesting.
const maxDepth = 200

// parseJSON reads one document (RFC 8259) strictly: nothing may follow it, and
// no object may have two members of one name, as readers differ in which they take.
func parseJSON(text string) (value, error) {
	p := jsonParser{text: text}
	v, err := p.value(0)
	if err != nil {
		return value{}, err
	}
	p.skip()
	if p.at < len(text) {
		return value{}, errJSON
	}
	return v, nil
}

type jsonParser struct {
	text  string
	at    int
	open  []member // of the arrays and objects that have not ended, the innermost last
	space []member // room for those that have, so that few of them allocate
}

// ended takes the members from base on, which are one value's, off the open ones.
func (p *jsonParser) ended(base int) []member {
	n := len(p.open) - base
	if n > cap(p.space)-len(p.space) {
		p.space = make([]member, 0, max(n, min(len(p.text)/32, 512)))
	}
	from := len(p.space)
	p.space = append(p.space, p.open[base:]...)
	p.open = p.open[:base]
	return p.space[from : from+n : from+n]
}

func (p *jsonParser) skip() {
	for p.at < len(p.text) {
		switch p.text[p.at] {
		case ' ', '\t', '\r', '\n':
			p.at++
		default:
			return
		}
	}
}

// next skips white space and returns the byte after it; 0 at the end.
func (p *jsonParser) next() byte {
	p.skip()
	if p.at == len(p.text) {
		return 0
	}
	return p.text[p.at]
}

// take consumes c, if it comes next.
func (p *jsonParser) take(c byte) bool {
	if p.next() != c || p.at == len(p.text) {
		return false
	}
	p.at++
	return true
}

func (p *jsonParser) value(depth int) (value, error) {
	if depth > maxDepth {
		return value{}, errDepth
	}
	switch c := p.next(); {
	case c == '{':
		return p.object(depth)
	case c == '[':
		return p.array(depth)
	case c == '"':
		s, err := p.string()
		return value{kind: jsonString, text: s}, err
	case c == '-' || isDigit(c):
		s, err := p.number()
		return value{kind: jsonNumber, text: s}, err
	}
	for _, w := range []value{{kind: jsonNull, text: "null"}, {kind: jsonBool, text: "true"}, {kind: jsonBool, text: "false"}} {
		if strings.HasPrefix(p.text[p.at:], w.text) {
			p.at += len(w.text)
			return w, nil
		}
	}
	return value{}, errJSON
}

func (p *jsonParser) array(depth int) (value, error) {
	p.at++
	v, base := value{kind: jsonArray}, len(p.open)
	if p.take(']') {
		return v, nil
	}
	for {
		item, err := p.value(depth + 1)
		if err != nil {
			return v, err
		}
		p.open = append(p.open, member{value: item})
		switch {
		case p.take(']'):
			v.members = p.ended(base)
			return v, nil
		case !p.take(','):
			return v, errJSON
		}
	}
}

func (p *jsonParser) object(depth int) (value, error) {
	p.at++
	v, base := value{kind: jsonObject}, len(p.open)
	if p.take('}') {
		return v, nil
	}
	for {
		if p.next() != '"' {
			return v, errJSON
		}
		name, err := p.string()
		if err != nil {
			return v, err
		}
		if !p.take(':') {
			return v, errJSON
		}
		item, err := p.value(depth + 1)
		if err != nil {
			return v, err
		}
		p.open = append(p.open, member{name: name, value: item})
		switch {
		case p.take('}'):
			v.members = p.ended(base)
			return v, v.sort()
		case !p.take(','):
			return v, errJSON
		}
	}
}

func (v *value) sort() error {
	byName := func(a, b member) int { return strings.Compare(a.name, b.name) }
	slices.SortFunc(v.members, byName)
	for i := 1; i < len(v.members); i++ {
		if v.members[i].name == v.members[i-1].name {
			return errDuplicate
		}
	}
	return nil
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func (p *jsonParser) digits() int {
	from := p.at
	for p.at < len(p.text) && isDigit(p.text[p.at]) {
		p.at++
	}
	return p.at - from
}

// number checks the grammar of RFC 8259, 6 and returns it as written.
func (p *jsonParser) number() (string, error) {
	from := p.at
	if p.text[p.at] == '-' {
		p.at++
	}
	zero := p.at < len(p.text) && p.text[p.at] == '0'
	if n := p.digits(); n == 0 || zero && n > 1 {
		return "", errJSON
	}
	if p.at < len(p.text) && p.text[p.at] == '.' {
		p.at++
		if p.digits() == 0 {
			return "", errJSON
		}
	}
	if p.at < len(p.text) && p.text[p.at]|0x20 == 'e' {
		p.at++
		if p.at < len(p.text) && (p.text[p.at] == '+' || p.text[p.at] == '-') {
			p.at++
		}
		if p.digits() == 0 {
			return "", errJSON
		}
	}
	return p.text[from:p.at], nil
}

// string reads a string; one without escapes is a part of the document.
func (p *jsonParser) string() (string, error) {
	p.at++
	from := p.at
	for p.at < len(p.text) {
		switch c := p.text[p.at]; {
		case c == '"':
			p.at++
			return p.text[from : p.at-1], nil
		case c == '\\':
			return p.escaped(append(make([]byte, 0, 64), p.text[from:p.at]...))
		case c < ' ':
			return "", errJSON
		}
		p.at++
	}
	return "", errJSON
}

// escaped reads the rest of a string that holds escapes.
func (p *jsonParser) escaped(dst []byte) (string, error) {
	for p.at < len(p.text) {
		c := p.text[p.at]
		p.at++
		switch {
		case c == '"':
			return string(dst), nil
		case c < ' ':
			return "", errJSON
		case c != '\\':
			dst = append(dst, c)
			continue
		}
		var ok bool
		if dst, ok = p.escape(dst); !ok {
			return "", errJSON
		}
	}
	return "", errJSON
}

// escape decodes what stands after a backslash.
func (p *jsonParser) escape(dst []byte) ([]byte, bool) {
	if p.at == len(p.text) {
		return dst, false
	}
	c := p.text[p.at]
	p.at++
	if i := strings.IndexByte(`"\/bfnrt`, c); i >= 0 {
		return append(dst, "\"\\/\b\f\n\r\t"[i]), true
	}
	if c != 'u' {
		return dst, false
	}
	r, ok := p.hex4()
	if !ok {
		return dst, false
	}
	if 0xD800 <= r && r < 0xDC00 && strings.HasPrefix(p.text[p.at:], `\u`) {
		back := p.at
		p.at += 2
		low, ok := p.hex4()
		if !ok {
			return dst, false
		}
		if 0xDC00 <= low && low < 0xE000 {
			return utf8.AppendRune(dst, 0x10000+(r-0xD800)<<10+(low-0xDC00)), true
		}
		p.at = back
	}
	if 0xD800 <= r && r < 0xE000 {
		// Half of a pair is no character; kept as it is, two of them stay different.
		return append(dst, 0xE0|byte(r>>12), 0x80|byte(r>>6)&0x3F, 0x80|byte(r)&0x3F), true
	}
	return utf8.AppendRune(dst, r), true
}

func (p *jsonParser) hex4() (rune, bool) {
	if len(p.text)-p.at < 4 {
		return 0, false
	}
	n, err := strconv.ParseUint(p.text[p.at:p.at+4], 16, 16)
	p.at += 4
	return rune(n), err == nil
}
