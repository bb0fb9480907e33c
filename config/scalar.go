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
	"time"
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
	enum := make([]any, len(words))
	for i, w := range words {
		enum[i] = w
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

const maxDuration = 365 * 24 * time.Hour

// duration is a time span from least to a year.
func duration(least time.Duration) kind[time.Duration] {
	want := "a duration such as 10s"
	return scalar(want, func(s string) (time.Duration, error) {
		v, err := time.ParseDuration(s)
		switch {
		case err != nil:
			return 0, errShape
		case v < least:
			return 0, fmt.Errorf("it must be at least %s", formatDuration(least))
		case v > maxDuration:
			return 0, errors.New("it must be at most a year")
		}
		return v, nil
	}, func(v time.Duration) any { return formatDuration(v) },
		schema{"type": []any{"string", "integer"}, "pattern": `^(0|(\+?(\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h))+)$|` + reference})
}

// formatDuration prints 90m as 1h30m, not as 1h30m0s.
func formatDuration(v time.Duration) string {
	s := v.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// size is a number of bytes from lo to hi: 64KiB, 10MiB, 1MB, or bare bytes.
func size(lo, hi int64) kind[int64] {
	want := "a size such as 64KiB"
	return scalar(want, func(s string) (int64, error) {
		v, err := parseSize(s)
		if err != nil {
			return 0, err
		}
		if v < lo || v > hi {
			return 0, fmt.Errorf("it must be from %s to %s", formatSize(lo), formatSize(hi))
		}
		return v, nil
	}, func(v int64) any { return formatSize(v) },
		schema{"type": []any{"string", "integer"}, "pattern": `^\d+ ?(B|kB|KB|MB|GB|KiB|MiB|GiB)?$|` + reference})
}

type unit struct {
	name  string
	bytes int64
}

func units() []unit {
	return []unit{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"KB", 1e3}, {"B", 1}}
}

func parseSize(s string) (int64, error) {
	digits, factor := s, int64(1)
	for _, u := range units() {
		if before, ok := strings.CutSuffix(s, u.name); ok {
			digits, factor = strings.TrimSuffix(before, " "), u.bytes
			break
		}
	}
	v, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || v < 0 || digits[0] == '+' || v > (1<<62)/factor {
		return 0, errShape
	}
	return v * factor, nil
}

func formatSize(v int64) string {
	for _, u := range units()[:3] {
		if v != 0 && v%u.bytes == 0 {
			return strconv.FormatInt(v/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(v, 10)
}

// decimal reads 12, 12.5 or 12.5% as millionths of a percent, exactly.
func decimal(s string) (micro int64, err error) {
	s = strings.TrimSuffix(s, "%")
	whole, fraction, dotted := strings.Cut(s, ".")
	if !digitsOnly(whole) || len(whole) > 9 || dotted && !digitsOnly(fraction) {
		return 0, errShape
	}
	if len(fraction) > 6 {
		return 0, errors.New("it must not be finer than 0.000001%")
	}
	micro, err = strconv.ParseInt(whole+fraction+strings.Repeat("0", 6-len(fraction)), 10, 64)
	if err != nil {
		return 0, errShape
	}
	return micro, nil
}

func digitsOnly(s string) bool {
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return s != ""
}

const wholeMicro = 100_000_000 // 100 % in millionths of a percent

func percentOf(s string) (int64, error) {
	micro, err := decimal(s)
	if err == nil && micro > wholeMicro {
		err = errors.New("it must be from 0 to 100")
	}
	return micro, err
}

func showPercent(micro int64) json.Number {
	s := fmt.Sprintf("%d.%06d", micro/1_000_000, micro%1_000_000)
	return json.Number(strings.TrimSuffix(strings.TrimRight(s, "0"), "."))
}

func percentSchema() schema {
	return schema{"anyOf": []any{
		schema{"type": "number", "minimum": 0, "maximum": 100},
		schema{"type": "string", "pattern": `^\d+(\.\d+)?%?$|` + reference},
	}}
}

// weight is a percentage in hundredths of a percent (basis points).
func weight() kind[int] {
	return scalar("a percentage such as 10 or 0.05%", func(s string) (int, error) {
		micro, err := percentOf(s)
		if err != nil {
			return 0, err
		}
		if micro%10_000 != 0 {
			return 0, errors.New("a weight must not be finer than 0.01%")
		}
		return int(micro / 10_000), nil
	}, func(bp int) any { return showPercent(int64(bp) * 10_000) }, percentSchema())
}

// percent is a percentage, 0..100.
func percent() kind[float64] {
	return scalar("a percentage such as 10 or 0.05%", func(s string) (float64, error) {
		micro, err := percentOf(s)
		return float64(micro) / 1e6, err
	}, func(v float64) any { return showPercent(int64(v*1e6 + 0.5)) }, percentSchema())
}

// share is a percentage kept as 0..1; without its % sign it is refused, as 0.2
// could mean either.
func share() kind[float64] {
	return scalar("a percentage such as 20%", func(s string) (float64, error) {
		if !strings.HasSuffix(s, "%") && s != "0" {
			return 0, errors.New("write the % sign")
		}
		micro, err := percentOf(s)
		return float64(micro) / wholeMicro, err
	}, func(v float64) any { return string(showPercent(int64(v*wholeMicro+0.5))) + "%" },
		schema{"type": []any{"string", "integer"}, "pattern": `^(0|\d+(\.\d+)?%)$|` + reference})
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

const maxRegex = 1024 // characters

// pattern is a regular expression (RE2). anchored ones must match the whole value.
func pattern(anchored bool) kind[*regexp.Regexp] {
	return scalar("a regular expression (RE2)", func(s string) (*regexp.Regexp, error) {
		if s == "" {
			return nil, errShape
		}
		if len(s) > maxRegex {
			return nil, fmt.Errorf("it has %d characters, the limit is %d", len(s), maxRegex)
		}
		if _, err := regexp.Compile(s); err != nil {
			return nil, regexFault(err)
		}
		if anchored {
			s = anchorOpen + s + anchorClose
		}
		re, err := regexp.Compile(s)
		if err != nil {
			return nil, regexFault(err)
		}
		return re, nil
	}, func(re *regexp.Regexp) any {
		if re == nil {
			return nil
		}
		return strings.TrimSuffix(strings.TrimPrefix(re.String(), anchorOpen), anchorClose)
	}, schema{"type": "string", "minLength": 1, "maxLength": maxRegex})
}

const anchorOpen, anchorClose = `^(?:`, `)$`

func regexFault(err error) error {
	return errors.New(strings.TrimPrefix(err.Error(), "error parsing regexp: "))
}

// secret never repeats what it read, in faults neither.
func secret(check func(string) error) kind[Secret] {
	return kind[Secret]{
		read: func(d *decoder, n *node, path string, dst *Secret) {
			if n.kind != scalarNode {
				d.faultAt(n.line, n.col, path, "want text")
				return
			}
			text, known, ok := d.text(n, path, "text")
			if !ok {
				return
			}
			if known && check != nil {
				if err := check(text); err != nil {
					d.faultAt(n.line, n.col, path, err.Error())
					return
				}
			}
			*dst = Secret(text)
		},
		show: func(v Secret) any {
			if v == "" {
				return nil
			}
			return v.String()
		},
		schema: schema{"type": "string"},
	}
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
	if v, err := strconv.ParseFloat(text, 64); err == nil && jsonNumber(text) {
		return v
	}
	return text
}

func jsonNumber(s string) bool { return json.Valid([]byte(s)) }
