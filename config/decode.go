package config

import (
	"fmt"
	"regexp"
	"strings"
)

// decoder walks nodes into typed values by tables of keys (kind.go), notes
// every fault, and remembers where each path stands for the checks afterwards.
type decoder struct {
	file    string
	options ParseOptions
	faults  Faults
	places  map[string]place
	runtime bool            // within smoke tests and hook bodies, where ${name} is left alone
	files   []string        // read by ${file:…}
	secrets []string        // brought in, not to be shown by Effective
	wrongAt map[string]bool // paths with a fault of their own
}

// place is where a path's value stands. opaque: it holds a ${…} that was not
// expanded, so that its value is not known.
type place struct {
	line, col int
	opaque    bool
}

func newDecoder(file string, o ParseOptions) *decoder {
	return &decoder{file: file, options: o, places: map[string]place{}, wrongAt: map[string]bool{}}
}

func (d *decoder) faultAt(line, col int, path, message string) {
	d.wrongAt[path] = true
	d.faults = append(d.faults, Fault{File: d.file, Line: max(line, 1), Col: max(col, 1), Path: path, Message: message})
}

func (d *decoder) wrong(n *node, path, want string) {
	d.faultAt(n.line, n.col, path, fmt.Sprintf("got %s, want %s", n.describe(), want))
}

// fault notes a fault at path, or at the nearest of its parents that stands in the file.
func (d *decoder) fault(path, format string, args ...any) {
	p := d.placeOf(path)
	d.faultAt(p.line, p.col, path, fmt.Sprintf(format, args...))
}

func (d *decoder) placeOf(path string) place {
	for at := path; ; {
		if p, ok := d.places[at]; ok {
			return p
		}
		up, ok := parent(at)
		if !ok {
			return d.places[""]
		}
		at = up
	}
}

// parent cuts the last element off a path.
func parent(path string) (string, bool) {
	cut := strings.LastIndexAny(path, ".[")
	if cut < 0 {
		return "", false
	}
	return path[:cut], true
}

// faulty reports whether a fault was noted at path itself.
func (d *decoder) faulty(path string) bool { return d.wrongAt[path] }

// tainted are the paths at or below which a value has a fault or is not known.
func (d *decoder) tainted() map[string]bool {
	all := map[string]bool{}
	climb := func(path string) {
		for ok := true; ok && !all[path]; path, ok = parent(path) {
			all[path] = true
		}
	}
	for path := range d.wrongAt {
		climb(path)
	}
	for path, p := range d.places {
		if p.opaque {
			climb(path)
		}
	}
	return all
}

// wrongOrOpaque reports whether nothing can be said of path's value.
func (d *decoder) wrongOrOpaque(path string) bool { return d.faulty(path) || d.opaque(path) }

// known reports whether path was written in the file, and its value read.
func (d *decoder) known(path string) bool { return d.stands(path) && !d.wrongOrOpaque(path) }

// stands reports whether path was written in the file.
func (d *decoder) stands(path string) bool {
	_, ok := d.places[path]
	return ok
}

// opaque reports whether path's value is not known because expansion is off.
func (d *decoder) opaque(path string) bool { return d.places[path].opaque }

func (d *decoder) note(n *node, path string) {
	d.places[path] = place{line: n.line, col: n.col}
}

// text returns a scalar's text after expansion. known is false where expansion
// is off and the text holds a ${…}; ok is false after a fault.
func (d *decoder) text(n *node, path, want string) (text string, known, ok bool) {
	if n.kind != scalarNode {
		d.wrong(n, path, want)
		return "", false, false
	}
	if !strings.Contains(n.text, "$") {
		return n.text, true, true
	}
	if !d.options.Expand {
		known = !strings.Contains(n.text, "${")
		d.places[path] = place{line: n.line, col: n.col, opaque: !known}
		return n.text, known, true
	}
	text, err := d.expand(n.text)
	if err != nil {
		d.faultAt(n.line, n.col, path, err.Error())
		return "", false, false
	}
	return text, true, true
}

// bad notes that a scalar's text is refused. What an expansion brought in is
// not repeated: it may be a secret.
func (d *decoder) bad(n *node, path, text, want string, why error) {
	got := quote(hideUserinfo(text))
	if text != n.text {
		got = quote(n.text) + " (expanded)"
	}
	if why != nil && why.Error() != "" {
		d.faultAt(n.line, n.col, path, fmt.Sprintf("got %s, want %s: %v", got, want, why))
		return
	}
	d.faultAt(n.line, n.col, path, fmt.Sprintf("got %s, want %s", got, want))
}

// child is the path of a key below path; keys with unusual characters are quoted.
func child(path, key string) string {
	if !plainKey(key) {
		return fmt.Sprintf("%s[%q]", path, key)
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

func plainKey(key string) bool {
	for _, c := range []byte(key) {
		if !isAlnum(c) && c != '_' && c != '-' {
			return false
		}
	}
	return key != ""
}

func isAlnum(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

func element(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }

// didYouMean is " (did you mean X?)" for the nearest of known, or "".
func didYouMean(got string, known []string) string {
	best, bestDistance := "", 1+max(1, len(got)/3)
	if len(got) < 4 || len(got) > 64 {
		return ""
	}
	for _, k := range known {
		if dist := distance(strings.ToLower(got), k); dist < bestDistance {
			best, bestDistance = k, dist
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %s?)", best)
}

// distance is the number of single-character edits and swaps of neighbours
// between a and b (optimal string alignment).
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}

// namePattern is what names look like, for services, versions, rules and stages.
func namePattern() *regexp.Regexp { return regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9._-]*$`) }
