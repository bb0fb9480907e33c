package router

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"

	"sluice/config"
)

// conditions are what a route or a rule asks of a request besides host and
// path. All must hold. The zero value holds for every request.
type conditions struct {
	methods []string
	fields  []condition // header names match in any case
	cookies []condition
	query   []condition
}

// condition asks something of the values that a request carries under name.
type condition struct {
	name string
	want test
}

// test is one way to look at a value. It is exact unless something else is set.
type test struct {
	in     []string // one of these; a single one is an exact value
	prefix string
	regex  *regexp.Regexp // finds a match anywhere in the value, unless it is anchored
	kind   testKind
}

type testKind uint8

const (
	isIn testKind = iota
	hasPrefix
	matchesRegex
	isPresent
	isAbsent
)

func compileConditions(methods []string, headers, cookies, query map[string]config.Match) (c conditions, err error) {
	c.methods = slices.Clone(methods)
	for _, part := range []struct {
		what string
		in   map[string]config.Match
		out  *[]condition
	}{{"header", headers, &c.fields}, {"cookie", cookies, &c.cookies}, {"query", query, &c.query}} {
		for _, name := range slices.Sorted(maps.Keys(part.in)) {
			want, err := compileTest(part.in[name])
			if err != nil {
				return c, fmt.Errorf("%s %q: %w", part.what, name, err)
			}
			*part.out = append(*part.out, condition{name, want})
		}
	}
	return c, nil
}

func compileTest(m config.Match) (test, error) {
	switch {
	case m.Exact != nil:
		return test{in: []string{*m.Exact}}, nil
	case len(m.In) > 0:
		return test{in: slices.Clone(m.In)}, nil
	case m.Prefix != nil:
		return test{kind: hasPrefix, prefix: *m.Prefix}, nil
	case m.Regex != nil:
		return test{kind: matchesRegex, regex: m.Regex}, nil
	case m.Present != nil && *m.Present:
		return test{kind: isPresent}, nil
	case m.Present != nil:
		return test{kind: isAbsent}, nil
	}
	return test{}, errors.New("empty condition")
}

// count is how many conditions there are: the methods are one.
func (c *conditions) count() int {
	n := len(c.fields) + len(c.cookies) + len(c.query)
	if len(c.methods) > 0 {
		n++
	}
	return n
}

func (c *conditions) hold(r *Request) bool {
	if len(c.methods) > 0 && !contains(c.methods, r.Method) {
		return false
	}
	for i := range c.fields {
		if !c.fields[i].holdsFields(r.Fields) {
			return false
		}
	}
	for i := range c.cookies {
		if !c.cookies[i].holdsCookies(r.Fields) {
			return false
		}
	}
	for i := range c.query {
		if !c.query[i].holdsQuery(r.Query) {
			return false
		}
	}
	return true
}

// holdsFields looks at every line of that name: one that fits is enough.
func (c *condition) holdsFields(fields []Field) bool {
	for i := range fields {
		if !equalFold(fields[i].Name, c.name) {
			continue
		}
		if c.want.kind == isAbsent {
			return false
		}
		if c.want.holds(fields[i].Value) {
			return true
		}
	}
	return c.want.kind == isAbsent
}

func (c *condition) holdsCookies(fields []Field) bool {
	for s := (cookieScan{fields: fields}); s.next(); {
		if string(s.name) != c.name {
			continue
		}
		if c.want.kind == isAbsent {
			return false
		}
		if c.want.holds(s.value) {
			return true
		}
	}
	return c.want.kind == isAbsent
}

func (c *condition) holdsQuery(query []byte) bool {
	for s := (queryScan{rest: query}); s.next(); {
		if !equalDecoded(s.name, c.name) {
			continue
		}
		if c.want.kind == isAbsent {
			return false
		}
		if c.want.holdsEncoded(s.value) {
			return true
		}
	}
	return c.want.kind == isAbsent
}

func (t *test) holds(v []byte) bool {
	switch t.kind {
	case isIn:
		return contains(t.in, v)
	case hasPrefix:
		return len(v) >= len(t.prefix) && string(v[:len(t.prefix)]) == t.prefix
	case matchesRegex:
		return t.regex.Match(v)
	}
	return t.kind == isPresent
}

// holdsEncoded is holds for a value of the query, decoded on the way. Only an
// escaped value put to a regular expression costs an allocation.
func (t *test) holdsEncoded(v []byte) bool {
	if bytes.IndexByte(v, '%') < 0 && bytes.IndexByte(v, '+') < 0 {
		return t.holds(v)
	}
	switch t.kind {
	case isIn:
		for _, s := range t.in {
			if equalDecoded(v, s) {
				return true
			}
		}
		return false
	case hasPrefix:
		_, ok := cutDecoded(v, t.prefix)
		return ok
	case matchesRegex:
		return t.regex.Match(appendDecoded(nil, v))
	}
	return t.kind == isPresent
}

func contains(list []string, b []byte) bool {
	for _, s := range list {
		if string(b) == s {
			return true
		}
	}
	return false
}
