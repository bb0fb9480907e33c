package upstream

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
)

func namedOptions(r Resolver, host string, port int) Options {
	return Options{
		Endpoints: []Address{{URL: "http://" + host, Scheme: "http", Host: host, Port: port}},
		Resolver:  r,
	}
}

func addrs(p *Pool) string {
	var all []string
	for _, e := range p.Endpoints() {
		all = append(all, e.Addr())
	}
	return strings.Join(all, " ")
}

func mustLearn(p *Pool, host string, ips ...string) {
	var found []netip.Addr
	for _, ip := range ips {
		found = append(found, netip.MustParseAddr(ip))
	}
	p.learn(host, found, nil)
}

func TestNameIsLookedUpAtFirstUse(t *testing.T) {
	r := &fakeResolver{}
	r.set(errors.New("no such host"))
	p := newPool(t, namedOptions(r, "shop.internal", 80), nil)
	if r.asked.Load() != 0 {
		t.Error("New looked a name up")
	}
	if !p.Usable() {
		t.Error("unusable before the first lookup")
	}
	for range 3 {
		if _, err := p.Pick(nil); !errors.Is(err, ErrNoEndpoint) {
			t.Fatalf("got %v, want ErrNoEndpoint", err)
		}
	}
	if n := r.asked.Load(); n != 1 {
		t.Errorf("%d lookups within a second of a failure, want 1", n)
	}
	if p.Usable() {
		t.Error("usable although no address is known")
	}
	r.set(nil)
	p.tryNext = 0
	if _, err := p.Pick(nil); !errors.Is(err, ErrNoEndpoint) || p.Usable() {
		t.Errorf("an answer without addresses: got %v, usable %v", err, p.Usable())
	}
	r.set(nil, "10.0.0.2", "10.0.0.1", "10.0.0.2")
	p.tryNext = 0
	pick(t, p, nil)
	if got := addrs(p); got != "10.0.0.1:80 10.0.0.2:80" || !p.Usable() {
		t.Errorf("endpoints %s, usable %v", got, p.Usable())
	}
}

func TestNewAddressesCarryOverAndFailuresKeepTheLast(t *testing.T) {
	p := newPool(t, namedOptions(&fakeResolver{}, "shop.internal", 8080), nil)
	mustLearn(p, "shop.internal", "10.0.0.1", "10.0.0.2")
	kept, gone := p.Endpoints()[1], p.Endpoints()[0]
	mustLearn(p, "shop.internal", "::ffff:10.0.0.2", "10.0.0.3")
	if addrs(p) != "10.0.0.2:8080 10.0.0.3:8080" || p.Endpoints()[0] != kept {
		t.Errorf("endpoints %s", addrs(p))
	}
	if !gone.retired.Load() || kept.retired.Load() {
		t.Error("want exactly the endpoint that left retired")
	}
	if changes, moved := p.learn("shop.internal", nil, errors.New("timeout")); len(changes) != 0 || moved {
		t.Errorf("a failed lookup changed %v", changes)
	}
	if addrs(p) != "10.0.0.2:8080 10.0.0.3:8080" || !p.Usable() {
		t.Errorf("the last good set is lost: %s", addrs(p))
	}
	// The next generation takes over what is known, without a lookup.
	next := newPool(t, namedOptions(&fakeResolver{}, "shop.internal", 8080), p)
	if addrs(next) != addrs(p) || next.Endpoints()[0] != kept {
		t.Errorf("endpoints of the next generation: %s", addrs(next))
	}
}

func TestFamiliesAreNotUsedSideBySide(t *testing.T) {
	for _, test := range []struct{ name, in, first, second string }{
		{"one family", "10.0.0.2 10.0.0.1", "10.0.0.1 10.0.0.2", ""},
		{"v6 first", "::2 10.0.0.1 ::1", "::1 ::2", "10.0.0.1"},
		{"v4 first", "10.0.0.1 ::1", "10.0.0.1", "::1"},
		{"v4 in v6", "::ffff:10.0.0.1 10.0.0.1", "10.0.0.1", ""},
	} {
		var in []netip.Addr
		for s := range strings.FieldsSeq(test.in) {
			in = append(in, netip.MustParseAddr(s))
		}
		first, second := families(in)
		if joined(first) != test.first || joined(second) != test.second {
			t.Errorf("%s: got %s and %s", test.name, joined(first), joined(second))
		}
	}
}

func joined(ips []netip.Addr) string {
	var all []string
	for _, ip := range ips {
		all = append(all, ip.String())
	}
	return strings.Join(all, " ")
}

// A server often listens on one of localhost's two addresses only.
func TestTheOtherFamilyStandsIn(t *testing.T) {
	s := newLineServer(t, "127.0.0.1:0")
	port := s.address().Port
	p := retired(t, namedOptions(&fakeResolver{}, "both.internal", port))
	// 127.9.9.9 stands for an address where nothing listens; families of one
	// kind, so that the test needs no IPv6.
	mustLearn(p, "both.internal", "127.9.9.9")
	e := p.Endpoints()[0]
	e.standIn([]netip.Addr{netip.MustParseAddr("127.0.0.1")}, 0)
	for range 2 {
		c := conn(t, p, e, true)
		say(t, c, "x")
		c.Discard()
		if e.Addr() != s.Addr().String() {
			t.Errorf("addr %s, want the one that answered, %s", e.Addr(), s.Addr())
		}
	}
	e.standIn([]netip.Addr{netip.MustParseAddr("127.9.9.8")}, 0)
	if _, err := p.Conn(context.Background(), e, true); err == nil ||
		!strings.Contains(err.Error(), "127.9.9.9") || !strings.Contains(err.Error(), "127.9.9.8") {
		t.Errorf("got %v, want both addresses named", err)
	}
}

func TestLocalhostWorks(t *testing.T) {
	s := newLineServer(t, "127.0.0.1:0")
	o := namedOptions(net.DefaultResolver, "localhost", s.address().Port)
	p := retired(t, o)
	c := conn(t, p, pick(t, p, nil), false)
	say(t, c, "x")
	c.Release()
}

func TestProberLooksUpEachNameOnce(t *testing.T) {
	r := &fakeResolver{}
	r.set(errors.New("no such host"))
	var pools []*Pool
	for _, version := range []string{"v1", "v2", "v3"} {
		o := namedOptions(r, "shop.internal", 80)
		o.Service, o.Version = "shop", version
		pools = append(pools, newPool(t, o, nil))
	}
	prober, changes := watched(t, pools...)
	for range pools {
		c := nextChange(t, changes)
		if c.Healthy || !c.Last || c.Endpoint != "http://shop.internal" || !strings.Contains(c.Reason, "no such host") {
			t.Errorf("change %+v", c)
		}
	}
	if n := r.asked.Load(); n != 1 {
		t.Errorf("%d lookups for three pools, want 1", n)
	}
	// A pool that comes along is looked up for at once, and all learn of it.
	r.set(nil, "10.0.0.1")
	o := namedOptions(r, "shop.internal", 80)
	o.Service, o.Version = "late", "v1"
	late := newPool(t, o, nil)
	prober.Watch(append(pools, late))
	for range pools {
		if c := nextChange(t, changes); !c.Healthy || c.Last {
			t.Errorf("change %+v", c)
		}
	}
	eventually(t, "the late pool has it", func() bool { return addrs(late) == "10.0.0.1:80" })
	if n := r.asked.Load(); n != 2 {
		t.Errorf("%d lookups, want 2", n)
	}
}
