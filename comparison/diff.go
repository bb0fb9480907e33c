package comparison

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"mime"
	"strconv"
	"strings"
)

// Kind says how a field differs.
type Kind string

// Kinds of differences.
const (
	Status  Kind = "status"
	Head    Kind = "header"
	Missing Kind = "missing" // stable's answer has it, the other has not
	Added   Kind = "added"   // the other has it, stable's answer has not
	Type    Kind = "type"    // another JSON type
	Value   Kind = "value"   // another value of the same type
	Length  Kind = "length"  // of an array, or of a body known by its length
	Body    Kind = "body"    // bytes: what is not JSON on both sides
)

// Difference is one field in which two answers differ.
type Difference struct {
	Path   string `json:"path"` // status, "header Content-Type", body, or a place in JSON such as $.items[2].price
	Kind   Kind   `json:"kind"`
	Stable string `json:"stable"` // shortened; hidden where the name tells a secret; "": nothing
	Shadow string `json:"shadow"`
}

// Policy says what is compared besides the status. Immutable in use. The zero
// value compares whole bodies and no headers.
type Policy struct {
	Ignore  []Path   // places in JSON bodies that are left out; bodies that are no JSON have none
	Headers []string // names
}

// maxDifferences bounds what one comparison tells: past it, answers are
// different in kind, and the rest adds nothing.
const maxDifferences = 100

// Diff tells how b differs from a: nothing for equal answers, at most 100
// differences otherwise. A differing status is told alone, and so is a differing
// length of an array, as what follows from them explains nothing. JSON bodies
// are compared by shape and value: the order of names and white space don't
// count, numbers are compared by value, exactly. Other bodies, and JSON that is
// malformed, cut or names a member twice, are compared byte by byte as far as
// they were kept. gzip is undone. Pure; the answers are not changed.
func Diff(a, b Answer, p *Policy) []Difference {
	if a.Status != b.Status {
		return []Difference{{Path: "status", Kind: Status, Stable: a.status(), Shadow: b.status()}}
	}
	d := differ{policy: p}
	for _, name := range p.Headers {
		d.header(find(a.Headers, name), find(b.Headers, name))
	}
	d.body(a.Decoded(), b.Decoded())
	return d.found
}

func (a *Answer) status() string {
	switch {
	case a.Status != 0:
		return strconv.Itoa(a.Status)
	case a.Failure != "":
		return "none (" + shorten(a.Failure) + ")"
	}
	return "none"
}

func find(all []Header, name string) Header {
	for i := range all {
		if strings.EqualFold(all[i].Name, name) {
			return all[i]
		}
	}
	return Header{Name: name}
}

// differ is one comparison under way.
type differ struct {
	policy *Policy
	at     []step
	found  []Difference
}

func (d *differ) add(path string, kind Kind, stable, shadow string) {
	if len(d.found) < maxDifferences {
		d.found = append(d.found, Difference{Path: path, Kind: kind, Stable: stable, Shadow: shadow})
	}
}

func (d *differ) header(a, b Header) {
	if a.lines == b.lines && a.value == b.value || strings.EqualFold(a.Name, "Content-Type") && sameType(a.value, b.value) {
		return
	}
	d.add("header "+shorten(a.Name), Head, a.shown(), b.shown())
}

// sameType compares media types regardless of case and white space.
func sameType(a, b string) bool {
	x, px, err := mime.ParseMediaType(a)
	if err != nil {
		return false
	}
	y, py, err := mime.ParseMediaType(b)
	if err != nil || x != y || len(px) != len(py) {
		return false
	}
	for name, v := range px {
		if w, ok := py[name]; !ok || w != v && !(name == "charset" && strings.EqualFold(v, w)) {
			return false
		}
	}
	return true
}

// body compares decoded bodies.
func (d *differ) body(a, b Answer) {
	if a.Encoding != b.Encoding {
		// At least one is unreadable: that says nothing of the content.
		d.add("header Content-Encoding", Head, orIdentity(a.Encoding), orIdentity(b.Encoding))
		return
	}
	if !a.Truncated && !b.Truncated {
		if bytes.Equal(a.Body, b.Body) {
			return
		}
		if a.mayBeJSON() && b.mayBeJSON() {
			x, errA := parseJSON(string(a.Body))
			y, errB := parseJSON(string(b.Body))
			if errA == nil && errB == nil {
				d.value(&x, &y)
				return
			}
		}
	}
	for i := range d.policy.Ignore {
		if len(d.policy.Ignore[i].steps) == 0 {
			return
		}
	}
	d.bytes(&a, &b)
}

func orIdentity(encoding string) string {
	if encoding == "" {
		return "identity"
	}
	return shorten(encoding)
}

// mayBeJSON goes by the content type and, where that is another's or missing,
// by the first byte.
func (a *Answer) mayBeJSON() bool {
	media, _, _ := strings.Cut(strings.ToLower(a.Type), ";")
	media = strings.TrimSpace(media)
	if media == "application/json" || strings.HasSuffix(media, "+json") {
		return a.Encoding == ""
	}
	t := bytes.TrimLeft(a.Body, " \t\r\n")
	return a.Encoding == "" && len(t) > 0 && (t[0] == '{' || t[0] == '[')
}

// bytes compares bodies as far as they were kept.
func (d *differ) bytes(a, b *Answer) {
	n := min(len(a.Body), len(b.Body))
	switch {
	case !a.Truncated && !b.Truncated:
		d.add("body", Body, a.digest(), b.digest())
	case !bytes.Equal(a.Body[:n], b.Body[:n]):
		d.add("body", Body, a.digest(), b.digest())
	case !a.Truncated && n < len(b.Body) || !b.Truncated && n < len(a.Body),
		a.Truncated != b.Truncated && len(a.Body) == len(b.Body),
		a.Length > 0 && b.Length > 0 && a.Length != b.Length && a.Encoding == "":
		d.add("body", Length, a.size(), b.size())
	}
}

// size tells the length of the body.
func (a *Answer) size() string {
	switch {
	case a.Truncated && a.Length > 0:
		return fmt.Sprintf("%d bytes", a.Length)
	case a.Truncated:
		return fmt.Sprintf("more than %d bytes", len(a.Body))
	}
	return fmt.Sprintf("%d bytes", len(a.Body))
}

// digest tells bodies apart without showing them.
func (a *Answer) digest() string {
	cut := ""
	if a.Truncated {
		cut = fmt.Sprintf(", first %d compared", len(a.Body))
	}
	return fmt.Sprintf("%s%s, hash %08x", a.size(), cut, uint32(maphash.Bytes(seed, a.Body)))
}
