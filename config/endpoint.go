package config

import (
	"errors"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

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
