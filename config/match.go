package config

import (
	"errors"
	"fmt"
	"net/netip"
	"net/textproto"
	"net/url"
	"path"
	"regexp"
	"strconv"
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
	}, func(v string) any { return v }, schema{"type": "string"})
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

// endpoint reads http://host:port; nothing else may stand in it.
func endpoint() kind[Endpoint] {
	return kind[Endpoint]{
		read: func(d *decoder, n *node, path string, dst *Endpoint) {
			want := "a URL such as http://127.0.0.1:9001"
			text, known, ok := d.text(n, path, want)
			if !ok {
				return
			}
			dst.URL = text
			if !known {
				return
			}
			e, err := parseEndpoint(text)
			if err != nil {
				d.bad(n, path, text, want, err)
				return
			}
			*dst = e
		},
		show:   func(e Endpoint) any { return e.URL },
		schema: schema{"type": "string", "pattern": `^https?://[^/?#@]+/?$|` + reference},
	}
}

// hideUserinfo keeps a password that stands in a URL out of a message.
func hideUserinfo(s string) string {
	scheme, rest, ok := strings.Cut(s, "://")
	if at := strings.LastIndexByte(rest, '@'); ok && at >= 0 {
		return scheme + "://***" + rest[at:]
	}
	return s
}

func parseEndpoint(s string) (Endpoint, error) {
	u, err := url.Parse(s)
	if err != nil {
		return Endpoint{}, errShape
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return Endpoint{}, errors.New("the scheme must be http or https")
	case u.User != nil:
		return Endpoint{}, errors.New("it must not hold a user or password")
	case u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.ForceQuery || strings.Contains(s, "#"):
		return Endpoint{}, errors.New("it must not hold a path or query, requests bring theirs")
	case u.Hostname() == "":
		return Endpoint{}, errors.New("the host is missing")
	}
	e := Endpoint{URL: s, Scheme: u.Scheme, Host: u.Hostname()}
	if _, err := netip.ParseAddr(e.Host); err != nil && !isHostName(e.Host) {
		return Endpoint{}, errors.New("the host is no name and no IP address")
	}
	e.Port, err = portOf(u)
	return e, err
}

func portOf(u *url.URL) (int, error) {
	switch {
	case u.Port() == "" && strings.HasSuffix(u.Host, ":"):
		return 0, errors.New("the port is missing after ':'")
	case u.Port() == "" && u.Scheme == "https":
		return 443, nil
	case u.Port() == "":
		return 80, nil
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil || port < 1 || port > 65535 {
		return 0, errors.New("the port must be from 1 to 65535")
	}
	return port, nil
}

// address is where to listen: host:port or unix:/path.
func address() kind[string] {
	return text("an address such as 127.0.0.1:8080 or unix:/run/sluice.sock", "", func(s string) error {
		if p, ok := strings.CutPrefix(s, "unix:"); ok {
			switch {
			case !strings.HasPrefix(p, "/"):
				return errors.New("the path of a Unix socket must start with /")
			case len(p) > 107 || strings.ContainsFunc(p, isControl):
				return errors.New("the path of a Unix socket must not have more than 107 bytes or control characters")
			}
			return nil
		}
		host, port, ok := splitAddress(s)
		if !ok {
			return errShape
		}
		if v, err := strconv.Atoi(port); err != nil || v < 0 || v > 65535 || !digitsOnly(port) {
			return errors.New("the port must be from 0 to 65535")
		}
		if _, err := netip.ParseAddr(host); host != "" && err != nil && !isHostName(host) {
			return errors.New("the host is no name and no IP address")
		}
		return nil
	})
}

// splitAddress cuts host:port, with brackets around IPv6 only.
func splitAddress(s string) (host, port string, ok bool) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return "", "", false
	}
	host, port = s[:i], s[i+1:]
	if inner, ok := strings.CutPrefix(host, "["); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		return inner, port, ok && strings.Contains(inner, ":")
	}
	return host, port, !strings.ContainsAny(host, ":[]")
}

// webhookURL is where a hook or notification goes; path and query are free.
func webhookURL(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return errors.New("it must start with http:// or https:// and a host")
	}
	if _, err := portOf(u); err != nil {
		return err
	}
	return nil
}
