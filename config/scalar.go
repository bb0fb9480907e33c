package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// errShape says that a text has not the wanted form at all; the message then
// says only what is wanted.
var errShape = errors.New("")

// reference is the pattern of a value that an expansion provides.
const reference = `\$\{`

// scalar is a kind that is read from one text.
func scalar[T any](want string, parse func(string) (T, error), show func(T) any, s schema) kind[T] {
	return kind[T]{
		read: func(d *decoder, n *node, path string, dst *T) {
			text, known, ok := d.text(n, path, want)
			if !ok || !known {
				return
			}
			v, err := parse(text)
			if err != nil {
				d.bad(n, path, text, want, err)
				return
			}
			*dst = v
		},
		show: show, schema: s,
	}
}

// text is a kind read from one text that check (nil: anything) accepts. A
// text with an expansion that is off is kept as it is. Empty ones are not shown.
func text(want, pattern string, check func(string) error) kind[string] {
	s := schema{"type": "string"}
	if pattern != "" {
		s = schema{"type": []any{"string", "number", "boolean"}, "pattern": "(?:" + pattern + ")|" + reference}
	}
	return kind[string]{
		read: func(d *decoder, n *node, path string, dst *string) {
			text, known, ok := d.text(n, path, want)
			if !ok {
				return
			}
			if known && check != nil {
				if err := check(text); err != nil {
					d.bad(n, path, text, want, err)
					return
				}
			}
			*dst = text
		},
		show: func(v string) any {
			if v == "" {
				return nil
			}
			return v
		},
		schema: s,
	}
}

// value is any text, empty ones shown too: an element of a list or mapping.
func value() kind[string] {
	k := text("text", "", nil)
	k.show = func(v string) any { return v }
	k.schema = schema{"type": []any{"string", "number", "boolean"}}
	return k
}

func matching(re *regexp.Regexp) func(string) error {
	return func(s string) error {
		if !re.MatchString(s) || len(s) > 128 {
			return errShape
		}
		return nil
	}
}

func name() kind[string] {
	re := namePattern()
	return text("a name of letters, digits, '.', '_' and '-' that starts with a letter or digit", re.String(), matching(re))
}

// nonEmpty is any text but none, without control characters.
func nonEmpty(want string) kind[string] {
	return text(want, "", func(s string) error {
		if s == "" || strings.ContainsFunc(s, isControl) {
			return errShape
		}
		return nil
	})
}

func isControl(r rune) bool { return r < 0x20 || r == 0x7f }

// choice is one of a few words.
func choice[T ~string](words ...string) kind[T] {
	want := "one of " + strings.Join(words, ", ")
	if len(words) == 2 {
		want = words[0] + " or " + words[1]
	}
	var enum []any
	for _, w := range words {
		enum = append(enum, w)
		if jsonNumber(w) { // 1.2 without quotes is a number to an editor
			enum = append(enum, json.Number(w))
		}
	}
	k := kind[T]{schema: schema{"anyOf": []any{schema{"enum": enum}, schema{"type": "string", "pattern": reference}}}}
	k.read = func(d *decoder, n *node, path string, dst *T) {
		text, known, ok := d.text(n, path, want)
		switch {
		case !ok || !known:
		case slices.Contains(words, text):
			*dst = T(text)
		default:
			d.bad(n, path, text, want+didYouMean(text, words), nil)
		}
	}
	k.show = func(v T) any {
		if v == "" {
			return nil
		}
		return string(v)
	}
	return k
}

func boolean() kind[bool] {
	return scalar("true or false", func(s string) (bool, error) {
		if s != "true" && s != "false" {
			return false, errShape
		}
		return s == "true", nil
	}, func(v bool) any { return v }, orReference(schema{"type": "boolean"}))
}

// integer is a whole number from lo to hi.
func integer(lo, hi int) kind[int] {
	want := fmt.Sprintf("a whole number from %d to %d", lo, hi)
	return scalar(want, func(s string) (int, error) {
		v, err := strconv.Atoi(s)
		if err != nil || v < lo || v > hi || s[0] == '+' {
			return 0, errShape
		}
		return v, nil
	}, func(v int) any { return v }, orReference(schema{"type": "integer", "minimum": lo, "maximum": hi}))
}

func orReference(s schema) schema {
	return schema{"anyOf": []any{s, schema{"type": "string", "pattern": reference}}}
}

// network is a CIDR or a bare IP address.
func network() kind[netip.Prefix] {
	want := "a network such as 10.0.0.0/8 or an IP address"
	return scalar(want, func(s string) (netip.Prefix, error) {
		if addr, err := netip.ParseAddr(s); err == nil && addr.Zone() == "" {
			addr = addr.Unmap()
			return netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return p, errShape
		}
		if p != p.Masked() {
			return p, fmt.Errorf("the address has bits beyond its length; did you mean %s?", p.Masked())
		}
		if p.Addr().Is4In6() {
			return p, errors.New("write it as IPv4")
		}
		return p, nil
	}, func(v netip.Prefix) any { return v.String() }, schema{"type": "string"})
}

// anything is free JSON: texts expanded, numbers as float64, as encoding/json has them.
func anything() kind[any] {
	return kind[any]{
		read:   func(d *decoder, n *node, path string, dst *any) { *dst = d.any(n, path) },
		show:   func(v any) any { return v },
		schema: schema{},
	}
}

func (d *decoder) any(n *node, path string) any {
	switch n.kind {
	case nullNode:
		return nil
	case listNode:
		out := make([]any, len(n.items))
		for i, item := range n.items {
			out[i] = d.any(item, element(path, i))
		}
		return out
	case mapNode:
		out := make(map[string]any, len(n.entries))
		for _, e := range n.entries {
			out[e.key] = d.any(e.value, child(path, e.key))
		}
		return out
	}
	text, _, _ := d.text(n, path, "a value")
	if !n.plain {
		return text
	}
	switch text {
	case "true", "false":
		return text == "true"
	}
	if !jsonNumber(text) {
		return text
	}
	return d.number(text)
}

// number is a float64, or, in what is sent and compared at run time, a json.Number where
// that would lose digits of an integer.
func (d *decoder) number(text string) any {
	v, err := strconv.ParseFloat(text, 64)
	whole := digitsOnly(strings.TrimPrefix(text, "-"))
	if d.runtime && (err != nil || whole && strconv.FormatFloat(v, 'f', -1, 64) != text) {
		return json.Number(text)
	}
	if err != nil {
		return text // beyond what JSON's readers take
	}
	return v
}

func jsonNumber(s string) bool { return json.Valid([]byte(s)) }
