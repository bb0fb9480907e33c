package upstream

import (
	"crypto/tls"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
)

// target is one declared endpoint and the addresses it stands for now: one for
// an IP literal, any number for a name. It lives across generations of pools.
type target struct {
	Address
	tlsKey   string
	literal  bool
	preamble int // version of the PROXY protocol that its connections begin with; 0: none
	version  *version
	tls      *tls.Config // nil for http

	failed  atomic.Bool // the last lookup failed
	retired atomic.Bool

	mu  sync.Mutex
	all []*Endpoint // guarded by mu; replaced, never changed
}

func newTarget(a Address, o *Options, v *version) *target {
	t := &target{Address: a, tlsKey: o.TLSKey, preamble: o.ProxyProtocol, version: v}
	if a.Scheme == "https" {
		t.tls = clientTLS(o.TLS, a.Host)
	}
	if ip, err := netip.ParseAddr(a.Host); err == nil {
		t.literal = true
		t.all = []*Endpoint{newEndpoint(t, netip.AddrPortFrom(ip, uint16(a.Port)))}
	}
	return t
}

func (t *target) endpoints() []*Endpoint {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.all
}

// learn replaces the addresses, carrying over endpoints whose address stays and
// retiring the others. found is not empty.
func (t *target) learn(found []netip.Addr) {
	first, second := families(found)
	t.mu.Lock()
	defer t.mu.Unlock()
	before := t.all
	t.all = nil
	for i, ip := range first {
		at := netip.AddrPortFrom(ip, uint16(t.Port))
		k := slices.IndexFunc(before, func(e *Endpoint) bool { return e.primary == at })
		var e *Endpoint
		if k >= 0 {
			e = before[k]
		} else {
			e = newEndpoint(t, at)
			e.retired.Store(t.retired.Load())
		}
		e.standIn(second, i)
		t.all = append(t.all, e)
	}
	for _, e := range before {
		if !slices.Contains(t.all, e) {
			e.retire()
		}
	}
}

func (t *target) retire() {
	t.retired.Store(true)
	for _, e := range t.endpoints() {
		e.retire()
	}
}

// families splits addresses into those of the family that the resolver puts
// first (RFC 6724: the reachable one, as a rule) and those of the other, sorted
// and without repetitions. Used side by side, every machine with both would count twice,
// and a host without IPv6 would send half of its requests nowhere.
func families(found []netip.Addr) (first, second []netip.Addr) {
	for _, ip := range found {
		ip = ip.Unmap()
		if ip.Is4() == found[0].Unmap().Is4() {
			first = append(first, ip)
		} else {
			second = append(second, ip)
		}
	}
	slices.SortFunc(first, netip.Addr.Compare)
	slices.SortFunc(second, netip.Addr.Compare)
	return slices.Compact(first), slices.Compact(second)
}
