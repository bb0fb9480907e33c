package router

import (
	"bytes"
	"strings"
)

// index finds candidates by host, then by path, with map probes whose number
// depends on the request and on the depth of the routes, not on how many there are.
type index struct {
	exact    map[string]*paths // "shop.example.com"
	wildcard map[string]*paths // "example.com" for "*.example.com"
	any      *paths            // routes without hosts
	labels   int               // most labels in any key of wildcard
	routes   int               // added so far
}

// maxHost is the longest host that is looked up: names end at 253 characters
// (RFC 1035), IPv6 literals with a zone well before.
const maxHost = 256

// match tries the hosts that fit r from the most exact to any.
func (x *index) match(r *Request) *Route {
	var buf [maxHost]byte
	host := hostKey(buf[:0], r.Host)
	if len(host) > 0 {
		if p := x.exact[string(host)]; p != nil {
			if rt := p.match(r); rt != nil {
				return rt
			}
		}
		if rt := x.matchWildcard(r, host); rt != nil {
			return rt
		}
	}
	if x.any != nil {
		return x.any.match(r)
	}
	return nil
}

// matchWildcard strips labels from the left: the longest suffix comes first.
func (x *index) matchWildcard(r *Request, host []byte) *Route {
	if x.labels == 0 {
		return nil
	}
	for spare := bytes.Count(host, []byte{'.'}) - x.labels; ; spare-- {
		dot := bytes.IndexByte(host, '.')
		if dot < 0 {
			return nil
		}
		host = host[dot+1:]
		if spare > 0 {
			continue // more labels than any wildcard has
		}
		if p := x.wildcard[string(host)]; p != nil {
			if rt := p.match(r); rt != nil {
				return rt
			}
		}
	}
}

// hostKey appends host to dst in the form that hosts are looked up by: lower
// case, without port, trailing dot and the brackets of an IPv6 literal. It
// appends nothing for what is longer than any host.
func hostKey(dst, host []byte) []byte {
	if len(host) > 0 && host[0] == '[' {
		end := bytes.IndexByte(host, ']')
		if end < 0 {
			return dst
		}
		host = host[1:end]
	} else if i := bytes.LastIndexByte(host, ':'); i >= 0 && bytes.IndexByte(host, ':') == i {
		host = host[:i] // a second colon makes it an IPv6 literal without brackets
	}
	if n := len(host); n > 0 && host[n-1] == '.' {
		host = host[:n-1]
	}
	if len(host) > maxHost {
		return dst
	}
	for _, c := range host {
		dst = append(dst, lower(c))
	}
	return dst
}

// add puts e under every host it is for; none means any.
func (x *index) add(e *entry, hosts []string) {
	if len(hosts) == 0 {
		if x.any == nil {
			x.any = &paths{}
		}
		x.any.add(e)
	}
	for _, h := range hosts {
		if suffix, ok := strings.CutPrefix(h, "*."); ok {
			key := string(hostKey(nil, []byte(suffix)))
			x.labels = max(x.labels, strings.Count(key, ".")+1)
			under(&x.wildcard, key).add(e)
		} else {
			under(&x.exact, string(hostKey(nil, []byte(h)))).add(e)
		}
	}
}

func under(m *map[string]*paths, key string) *paths {
	if *m == nil {
		*m = map[string]*paths{}
	}
	p := (*m)[key]
	if p == nil {
		p = &paths{}
		(*m)[key] = p
	}
	return p
}

// sort orders the candidates that differ in their conditions only.
func (x *index) sort() {
	if x.any != nil {
		x.any.sort()
	}
	for _, p := range x.exact {
		p.sort()
	}
	for _, p := range x.wildcard {
		p.sort()
	}
}
