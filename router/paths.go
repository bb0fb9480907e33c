package router

import (
	"bytes"
	"cmp"
	"regexp"
	"slices"
	"strings"

	"sluice/config"
)

// entry is one candidate: a route and what it asks besides host and path.
type entry struct {
	route *Route
	when  conditions
	path  pathTest
	order int // place in the file
}

func (e *entry) before(f *entry) int {
	return cmp.Or(cmp.Compare(f.when.count(), e.when.count()), cmp.Compare(e.order, f.order))
}

// paths are the candidates under one host.
type paths struct {
	exact  map[string][]*entry
	prefix map[string][]*entry // without a trailing slash
	regex  []*entry
	root   []*entry // prefix "/": every path
	depth  int      // most segments in any key of prefix
}

func (p *paths) add(e *entry) {
	switch {
	case e.path.regex != nil:
		p.regex = append(p.regex, e)
	case e.path.isExact:
		if p.exact == nil {
			p.exact = map[string][]*entry{}
		}
		p.exact[e.path.text] = append(p.exact[e.path.text], e)
	case e.path.text == "":
		p.root = append(p.root, e)
	default:
		if p.prefix == nil {
			p.prefix = map[string][]*entry{}
		}
		p.prefix[e.path.text] = append(p.prefix[e.path.text], e)
		p.depth = max(p.depth, strings.Count(e.path.text, "/"))
	}
}

func (p *paths) sort() {
	for _, list := range p.exact {
		slices.SortFunc(list, (*entry).before)
	}
	for _, list := range p.prefix {
		slices.SortFunc(list, (*entry).before)
	}
	slices.SortFunc(p.regex, (*entry).before)
	slices.SortFunc(p.root, (*entry).before)
}

func (p *paths) match(r *Request) *Route {
	if p.exact != nil {
		if rt := first(p.exact[string(r.Path)], r); rt != nil {
			return rt
		}
	}
	if p.prefix != nil {
		if rt := p.matchPrefix(r); rt != nil {
			return rt
		}
	}
	for _, e := range p.regex {
		if e.path.regex.Match(r.Path) && e.when.hold(r) {
			return e.route
		}
	}
	return first(p.root, r)
}

// matchPrefix probes from the longest segment boundary that any prefix has.
// A path of thousands of segments costs no more than the deepest prefix.
func (p *paths) matchPrefix(r *Request) *Route {
	end := 0
	for n := 0; n < p.depth && end < len(r.Path); n++ {
		next := bytes.IndexByte(r.Path[end+1:], '/')
		if next < 0 {
			end = len(r.Path)
			break
		}
		end += 1 + next
	}
	for end > 0 {
		if rt := first(p.prefix[string(r.Path[:end])], r); rt != nil {
			return rt
		}
		end = bytes.LastIndexByte(r.Path[:end], '/')
	}
	return nil
}

func first(list []*entry, r *Request) *Route {
	for _, e := range list {
		if e.when.hold(r) {
			return e.route
		}
	}
	return nil
}

// pathTest is a compiled path condition. The zero value is the prefix "/".
type pathTest struct {
	text    string // in normal form; a prefix has no trailing slash, so "/" is ""
	isExact bool
	regex   *regexp.Regexp // anchored at both ends
}

func compilePath(p config.Path) (pathTest, error) {
	switch {
	case p.Regex != nil:
		re, err := regexp.Compile(`\A(?:` + p.Regex.String() + `)\z`)
		return pathTest{regex: re}, err
	case p.Exact != "":
		return pathTest{text: normalText(p.Exact), isExact: true}, nil
	}
	return pathTest{text: strings.TrimRight(normalText(p.Prefix), "/")}, nil
}

// normalText brings a path of the configuration into the form that Normalize
// gives requests. It may be written with escapes or without.
func normalText(path string) string {
	if b, ok := Normalize(nil, []byte(path)); ok {
		return string(b)
	}
	b, _ := Normalize(nil, []byte(strings.ReplaceAll(path, "%", "%25")))
	return string(b)
}

// holds is for rules; routes are found through the index.
func (t *pathTest) holds(path []byte) bool {
	switch {
	case t.regex != nil:
		return t.regex.Match(path)
	case t.isExact:
		return string(path) == t.text
	}
	n := len(t.text)
	return len(path) >= n && string(path[:n]) == t.text && (n == 0 || len(path) == n || path[n] == '/')
}
