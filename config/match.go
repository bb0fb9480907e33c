package config

import (
	"errors"
	"fmt"
	"net/netip"
	"net/textproto"
	"path"
	"regexp"
	"strings"
)

// condition reads a Match: a text stands for an exact value, a mapping for one
// of the other ways.
func condition() kind[Match] {
	exact := value()
	ways := mapping(Match{},
		has("exact", "The value itself.", optional(value()), func(m *Match) **string { return &m.Exact }),
		has("in", "Any of these values.", list(value(), 1), func(m *Match) *[]string { return &m.In }),
		has("prefix", "What the value starts with.", optional(value()), func(m *Match) **string { return &m.Prefix }),
		has("regex", "A regular expression (RE2) found in the value; anchor it with ^ and $ to match the whole.", pattern(false), func(m *Match) **regexp.Regexp { return &m.Regex }),
		has("present", "Whether the value is there at all.", optional(boolean()), func(m *Match) **bool { return &m.Present }),
	)
	return kind[Match]{
		read: func(d *decoder, n *node, path string, dst *Match) {
			if n.kind != mapNode {
				dst.Exact = new(string)
				exact.read(d, n, path, dst.Exact)
				return
			}
			ways.read(d, n, path, dst)
			if len(n.entries) != 1 {
				d.faultAt(n.line, n.col, path, "want exactly one of exact, in, prefix, regex, present")
			}
		},
		show: func(m Match) any {
			if m.Exact != nil {
				return *m.Exact
			}
			return ways.show(m)
		},
		schema: schema{"anyOf": []any{exact.schema, exactlyOne(ways.schema)}},
	}
}

func exactlyOne(s schema) schema {
	s["minProperties"], s["maxProperties"] = 1, 1
	return s
}

// routePath reads a Path: a text stands for a prefix.
func routePath() kind[Path] {
	prefix := text("a path such as /shop", `^/`, checkRoutePath)
	ways := mapping(Path{},
		has("prefix", "Prefix on segment boundaries: /shop matches /shop and /shop/cart, not /shopping.", prefix, func(p *Path) *string { return &p.Prefix }),
		has("exact", "The whole path.", prefix, func(p *Path) *string { return &p.Exact }),
		has("regex", "Regular expression (RE2) that the whole path must match.", pattern(true), func(p *Path) **regexp.Regexp { return &p.Regex }),
	)
	return kind[Path]{
		read: func(d *decoder, n *node, path string, dst *Path) {
			*dst = Path{}
			if n.kind != mapNode {
				prefix.read(d, n, path, &dst.Prefix)
				return
			}
			ways.read(d, n, path, dst)
			if len(n.entries) != 1 {
				d.faultAt(n.line, n.col, path, "want exactly one of prefix, exact, regex")
			}
		},
		show: func(p Path) any {
			if p.Prefix != "" {
				return p.Prefix
			}
			return ways.show(p)
		},
		schema: schema{"anyOf": []any{prefix.schema, exactlyOne(ways.schema)}},
	}
}

// checkRoutePath refuses what the normalised path of a request can never be.
func checkRoutePath(s string) error {
	switch {
	case !strings.HasPrefix(s, "/"):
		return errors.New("it must start with /")
	case strings.ContainsAny(s, "?#"):
		return errors.New("it must not hold ? or #")
	case strings.Contains(s, "%"):
		return errors.New("write it decoded, requests are matched so")
	case strings.ContainsFunc(s, isControl):
		return errors.New("it must not hold control characters")
	case strings.TrimSuffix(path.Clean(s), "/") != strings.TrimSuffix(s, "/"):
		return errors.New("it must not hold //, /./ or /../")
	}
	return nil
}

func isToken(s string) bool {
	for _, c := range []byte(s) {
		if !isAlnum(c) && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)) {
			return false
		}
	}
	return s != "" && len(s) <= 256
}

// headerName brings a field name into its canonical form (RFC 9110 5.1).
func headerName(s string) (string, error) {
	if !isToken(s) {
		return "", fmt.Errorf("got %s, want a header name", quote(s))
	}
	return textproto.CanonicalMIMEHeaderKey(s), nil
}

func cookieName(s string) (string, error) {
	if !isToken(s) {
		return "", fmt.Errorf("got %s, want a cookie name", quote(s))
	}
	return s, nil
}

func anyName(s string) (string, error) {
	if s == "" {
		return "", errors.New("the name is empty")
	}
	return s, nil
}

// named is a text that a name function such as headerName accepts and forms.
func named(want string, form func(string) (string, error)) kind[string] {
	k := scalar(want, func(s string) (string, error) {
		final, err := form(s)
		if err != nil {
			return "", errShape
		}
		return final, nil
	}, nil, schema{"type": "string", "minLength": 1})
	k.show = func(v string) any {
		if v == "" {
			return nil
		}
		return v
	}
	return k
}

func method() kind[string] {
	return text("a method such as GET", `^[A-Z-]+$`, func(s string) error {
		switch {
		case !isToken(s):
			return errShape
		case s != strings.ToUpper(s):
			return fmt.Errorf("methods are told apart by case, did you mean %s?", strings.ToUpper(s))
		case s == "CONNECT":
			return errors.New("CONNECT is never forwarded")
		}
		return nil
	})
}

// host is a name in lower case, an IP address, or *.suffix.
func host() kind[string] {
	return scalar("a host such as shop.example.com or *.example.com", func(s string) (string, error) {
		s = strings.ToLower(s)
		if _, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
			return s, nil
		}
		rest := strings.TrimPrefix(s, "*.")
		switch {
		case s == "*":
			return "", errors.New("leave hosts out to match any")
		case strings.Contains(rest, ":"):
			return "", errors.New("without a port, any port matches")
		case !isHostName(rest):
			return "", errShape
		}
		return s, nil
	}, func(v string) any {
		if v == "" {
			return nil
		}
		return v
	}, schema{"type": "string"})
}

// isHostName accepts what DNS and service discovery use, underscores included.
// Names beyond ASCII are to be written in their xn-- form, as requests carry them.
func isHostName(s string) bool {
	if len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(strings.TrimSuffix(s, "."), ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, c := range []byte(label) {
			if !isAlnum(c) && c != '-' && c != '_' {
				return false
			}
		}
	}
	return true
}
