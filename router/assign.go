package router

import (
	"net/netip"
	"net/url"
	"strings"
)

// What Assign says instead of a reason where the key leads nowhere.
const (
	noSticky  = "no sticky key: each request is sent anew"
	notAKey   = "not a key that a request could carry"
	noService = "unknown service"
)

// Assign says which version a request with this sticky key would get now, and why
// (weight never; sticky, rule, fallback), without sending any. It is Pick's own way, for a
// GET of "/" that carries nothing but the key: rules that ask for more do not apply, nor does a
// probe of a tripped version. key is as the client has it: a cookie's or header's value,
// a parameter decoded, an address. Version is "" where no user keeps a version by a key; why then says so.
func (s *Service) Assign(key string) (version, why string) {
	if s.Policy.Sticky == (Sticky{}) {
		return "", noSticky
	}
	r, ok := s.Policy.Sticky.request(key)
	if !ok {
		return "", notAKey
	}
	var buf keyBuffer
	found := s.Policy.Sticky.key(r, &buf)
	if found == nil {
		return "", notAKey
	}
	d := s.Split.now.Load()
	i, by := s.choose(r, d, found)
	i, by = s.standIn(d, i, by, s.keeps(by))
	return s.Versions[i].Name, by.String()
}

// Assign is Service.Assign on the table in force.
func (l *Live) Assign(service, key string) (version, why string) {
	s := l.Load().Service(service)
	if s == nil {
		return "", noService
	}
	return s.Assign(key)
}

// request is one that carries the key and nothing else.
func (s *Sticky) request(key string) (*Request, bool) {
	r := &Request{Method: []byte("GET"), Path: []byte("/")}
	switch {
	case key == "":
		return nil, false
	case s.Cookie != "" && wellFormed([]byte(key)):
		r.Fields = []Field{{Name: []byte("Cookie"), Value: []byte(s.Cookie + "=" + key)}}
	case s.Header != "" && !strings.ContainsFunc(key, isControl):
		r.Fields = []Field{{Name: []byte(s.Header), Value: trim([]byte(key))}}
	case s.Query != "":
		r.Query = []byte(url.QueryEscape(s.Query) + "=" + url.QueryEscape(key))
	case s.ClientIP:
		ip, err := netip.ParseAddr(key)
		if err != nil {
			return nil, false
		}
		r.ClientIP = ip
	default:
		return nil, false
	}
	return r, true
}

// isControl tells what no header's value holds (RFC 9110, section 5.5).
func isControl(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }
