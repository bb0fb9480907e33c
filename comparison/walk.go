package comparison

import (
	"strconv"
	"strings"
)

// value compares two JSON values at the place that d.at leads to.
func (d *differ) value(a, b *value) {
	if len(d.found) >= maxDifferences || d.ignored() {
		return
	}
	switch {
	case a.kind != b.kind:
		d.here(Type, a, b)
	case a.kind == jsonObject:
		d.objects(a.members, b.members)
	case a.kind == jsonArray:
		d.arrays(a, b)
	case a.kind == jsonNumber:
		if !sameNumber(a.text, b.text) {
			d.here(Value, a, b)
		}
	case a.text != b.text:
		d.here(Value, a, b)
	}
}

func (d *differ) ignored() bool {
	for i := range d.policy.Ignore {
		if d.policy.Ignore[i].covers(d.at) {
			return true
		}
	}
	return false
}

// objects walks both lists of members, which are sorted by name.
func (d *differ) objects(a, b []member) {
	for len(a) > 0 || len(b) > 0 {
		var x, y *value
		var name string
		switch {
		case len(b) == 0 || len(a) > 0 && a[0].name < b[0].name:
			name, x, a = a[0].name, &a[0].value, a[1:]
		case len(a) == 0 || b[0].name < a[0].name:
			name, y, b = b[0].name, &b[0].value, b[1:]
		default:
			name, x, y, a, b = a[0].name, &a[0].value, &b[0].value, a[1:], b[1:]
		}
		d.at = append(d.at, step{name: name})
		switch {
		case x != nil && y != nil:
			d.value(x, y)
		case d.ignored():
		case y == nil:
			d.here(Missing, x, nil)
		default:
			d.here(Added, nil, y)
		}
		d.at = d.at[:len(d.at)-1]
	}
}

func (d *differ) arrays(a, b *value) {
	if len(a.members) != len(b.members) {
		d.here(Length, a, b)
		return
	}
	for i := range a.members {
		d.at = append(d.at, step{kind: byIndex, index: i})
		d.value(&a.members[i].value, &b.members[i].value)
		d.at = d.at[:len(d.at)-1]
	}
}

// here adds a difference at d.at. A nil value is one that is not there.
func (d *differ) here(kind Kind, a, b *value) {
	if len(d.found) >= maxDifferences {
		return
	}
	d.add(d.place(), kind, d.shown(a), d.shown(b))
}

// maxPlace bounds the text of a place, in bytes.
const maxPlace = 512

// place is where d.at leads to. Long names and deep places are cut.
func (d *differ) place() string {
	dst := []byte{'$'}
	for i := range d.at {
		s := d.at[i]
		s.name = shorten(s.name)
		dst = s.append(dst)
		if len(dst) > maxPlace {
			return string(dst[:maxPlace]) + "…"
		}
	}
	return string(dst)
}

// shown is v for people: values shortened, and those below a secret's name hidden.
func (d *differ) shown(v *value) string {
	if v == nil {
		return ""
	}
	switch v.kind {
	case jsonObject:
		return "object with " + strconv.Itoa(len(v.members)) + " members"
	case jsonArray:
		return "array of " + strconv.Itoa(len(v.members))
	case jsonNull:
		return "null"
	}
	for i := range d.at {
		if d.at[i].kind == byName && secret(d.at[i].name) {
			return v.kind.String() + " " + hidden
		}
	}
	if v.kind == jsonString {
		return `"` + strings.ToValidUTF8(shorten(v.text), "\uFFFD") + `"`
	}
	return shorten(v.text)
}
