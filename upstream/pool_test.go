package upstream

import (
	"strings"
	"testing"
)

func TestNewTakesOverByIdentity(t *testing.T) {
	s := newLineServer(t, "127.0.0.1:0")
	stays, goes := s.address(), literals(1)[0]
	old := newPool(t, Options{Endpoints: []Address{stays, goes}, MaxConnections: 5}, nil)
	e := old.Endpoints()[0]
	c := conn(t, old, e, false)
	e.inFlight.Add(1)
	e.down.Store(true)

	next := newPool(t, Options{Endpoints: []Address{literals(2)[1], stays}, MaxConnections: 1}, old)
	if next.Endpoints()[1] != e || next.Endpoints()[1].InFlight() != 1 || next.Endpoints()[1].Healthy() {
		t.Error("the endpoint that stays was not taken over with its counts and health")
	}
	if open, _ := next.Connections(); open != 1 {
		t.Errorf("%d open connections are counted, want the old generation's 1", open)
	}
	old.Retire([]*Pool{newPool(t, Options{Service: "other"}, nil), next})
	c.Release()
	if c = conn(t, next, e, false); !c.Reused {
		t.Error("the reload dropped a connection of an endpoint that stays")
	}
	c.Release()
	if !old.Endpoints()[1].retired.Load() || e.retired.Load() {
		t.Error("retirement hit the wrong endpoints")
	}

	for _, test := range []struct {
		name string
		o    Options
	}{
		{"another TLS identity", Options{Endpoints: []Address{stays}, TLSKey: "other"}},
		{"another URL", Options{Endpoints: []Address{{URL: stays.URL + "/", Scheme: "http", Host: stays.Host, Port: stays.Port}}}},
		{"another version", Options{Service: "shop", Version: "v2", Endpoints: []Address{stays}}},
	} {
		if p := newPool(t, test.o, next); p.Endpoints()[0] == e {
			t.Errorf("%s: the endpoint was taken over", test.name)
		}
	}
	next.Retire(nil)
}

func TestRetireKeepsWhatAnyNextPoolUses(t *testing.T) {
	a := newPool(t, Options{Endpoints: literals(1)}, nil)
	newPool(t, Options{Endpoints: literals(1)}, a) // a build that never came into force
	b := newPool(t, Options{Endpoints: literals(1)}, a)
	c := newPool(t, Options{Endpoints: literals(1)}, b)
	e := a.Endpoints()[0]
	a.Retire([]*Pool{a}) // stays in force itself
	a.Retire([]*Pool{b})
	a.Retire([]*Pool{c}) // not the successor, but of the same version
	if e.retired.Load() {
		t.Fatal("an endpoint in use was retired")
	}
	a.Retire(nil)
	if !e.retired.Load() {
		t.Fatal("not retired")
	}
	if d := newPool(t, Options{Endpoints: literals(1)}, c); d.Endpoints()[0] == e {
		t.Error("a retired endpoint was taken over")
	}
}

func TestNewRefusesWhatCannotBe(t *testing.T) {
	for _, test := range []struct {
		name string
		o    Options
		want string
	}{
		{"scheme", Options{Endpoints: []Address{{URL: "ftp://x", Scheme: "ftp", Host: "x", Port: 1}}}, `scheme "ftp"`},
		{"host", Options{Endpoints: []Address{{URL: "http://", Scheme: "http", Port: 1}}}, "no host"},
		{"port", Options{Endpoints: []Address{{URL: "http://x", Scheme: "http", Host: "x"}}}, "port 0"},
		{"check path", Options{Health: &Health{Checks: []Check{{Path: "health"}}}}, "leading slash"},
		{"check head", Options{Health: &Health{Checks: []Check{{Host: "a\r\nb"}}}}, "control characters"},
	} {
		test.o.Service, test.o.Version = "shop", "v1"
		if _, err := New(test.o, nil); err == nil || !strings.Contains(err.Error(), test.want) ||
			!strings.Contains(err.Error(), "service shop version v1") {
			t.Errorf("%s: got %v", test.name, err)
		}
	}
}

func TestAnEndpointListedTwiceIsUsedOnce(t *testing.T) {
	if n := len(newPool(t, Options{Endpoints: append(literals(2), literals(2)...)}, nil).Endpoints()); n != 2 {
		t.Errorf("%d endpoints, want 2", n)
	}
}

func TestAuthority(t *testing.T) {
	for _, test := range []struct {
		scheme, host string
		port         int
		want         string
	}{
		{"http", "shop", 80, "shop"},
		{"https", "shop", 443, "shop"},
		{"http", "shop", 443, "shop:443"},
		{"http", "::1", 80, "[::1]"},
		{"https", "::1", 8443, "[::1]:8443"},
		{"http", "127.0.0.1", 9001, "127.0.0.1:9001"},
	} {
		a := Address{Scheme: test.scheme, Host: test.host, Port: test.port}
		if got := a.authority(); got != test.want {
			t.Errorf("%+v: got %s, want %s", a, got, test.want)
		}
	}
}
