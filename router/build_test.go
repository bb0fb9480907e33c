package router

import (
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"sluice/config"
)

func configOf(services ...config.Service) *config.Config { return &config.Config{Services: services} }

// snapshot is all of a service that a build could disturb.
type snapshot struct {
	weights config.Weights
	shares  []float64
	tripOff bool
	table   *Table
}

func snap(l *Live) snapshot {
	w, _ := l.Weights("shop")
	s := l.Load().Service("shop")
	return snapshot{w, s.Shares(), s.Versions[1].tripOff.Load(), l.Load()}
}

func TestFailedBuildChangesNothing(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*config.Service)
		want   string
	}{
		{"rule to nowhere", func(s *config.Service) { s.Rules = []config.Rule{{To: "v9"}} },
			`service shop: rules[0]: to "v9", which is not among the versions`},
		{"mirror to nowhere", func(s *config.Service) { s.Mirror = &config.Mirror{To: "v9"} },
			`service shop: mirror: to "v9", which is not among the versions`},
		{"unreadable CA", func(s *config.Service) {
			s.Versions[1].TLS = &config.UpstreamTLS{CA: filepath.Join("testdata", "no-such-file.pem")}
		}, "service shop: version v2: ca: open testdata/no-such-file.pem: no such file or directory"},
		{"endpoint", func(s *config.Service) { s.Versions[1].Endpoints[0].Scheme = "ftp" },
			`service shop: version v2: service shop version v2: endpoint "http://127.0.0.1:9002": scheme "ftp", want http or https`},
		{"retry word", func(s *config.Service) { s.Retries.On = []string{"sometimes"} },
			`service shop: retries: on: got "sometimes", want connect_error, reset, timeout or a status from 400 to 599`},
		{"header value", func(s *config.Service) { s.Headers.Request.Set = map[string]string{"x-a": "b\r\nc: d"} },
			"service shop: headers: request: set: value of X-A holds a control character"},
		{"header name", func(s *config.Service) { s.Headers.Response.Remove = []string{"x a"} },
			"service shop: headers: response: header name \"x a\" holds ' '"},
		{"version twice", func(s *config.Service) { s.Versions[1].Name = "v1" }, "service shop: version v1: declared twice"},
		{"no versions", func(s *config.Service) { s.Versions = nil }, `service shop: weights: stable is "v1", which is not among the versions`},
		{"weights", func(s *config.Service) { s.Versions = append(s.Versions, config.Version{Name: "v3", WeightBP: 1}) },
			"service shop: weights: weights sum to 10001 hundredths of a percent, want 10000"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l, _ := live(t, shop(9000, 1000))
			setWeights(t, l, "v1", 7000, 3000)
			before := snap(l)
			next := shop(9000, 1000)
			next.Guard.Trip.Off = true
			tc.change(&next)
			_, err := Build(configOf(next), l.Load(), nil)
			if err == nil || err.Error() != tc.want {
				t.Errorf("got %v, want %s", err, tc.want)
			}
			if after := snap(l); !reflect.DeepEqual(before, after) {
				t.Errorf("before %+v, after %+v", before, after)
			}
		})
	}
}

func TestServiceTwice(t *testing.T) {
	if _, err := Build(configOf(shop(10000), shop(10000)), nil, nil); err == nil || !strings.Contains(err.Error(), "service shop: declared twice") {
		t.Errorf("got %v", err)
	}
}

func TestBuildWithoutStoreChangesNothing(t *testing.T) {
	l, _ := live(t, shop(9000, 1000))
	before := snap(l)
	next := shop(5000, 5000)
	next.Guard.Trip.Off = true
	_, err := Build(configOf(next), l.Load(), map[string]config.Weights{"shop": {
		Stable: "v2", BP: map[string]int{"v1": 1, "v2": 9999}, States: map[string]config.State{"v2": config.Off},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if after := snap(l); !reflect.DeepEqual(before, after) {
		t.Errorf("before %+v, after %+v", before, after)
	}
}

func reload(t *testing.T, l *Live, weights map[string]config.Weights, services ...config.Service) *Service {
	t.Helper()
	table, err := Build(configOf(services...), l.Load(), weights)
	if err != nil {
		t.Fatal(err)
	}
	l.Store(table)
	return table.services[0]
}

func expectBP(t *testing.T, l *Live, stable string, want map[string]int) config.Weights {
	t.Helper()
	w, ok := l.Weights("shop")
	if !ok || w.Stable != stable || !reflect.DeepEqual(w.BP, want) {
		t.Errorf("stable %s, weights %v, want %s, %v", w.Stable, w.BP, stable, want)
	}
	return w
}

func TestReloadKeepsWhatLives(t *testing.T) {
	l, s := live(t, shop(9000, 1000))
	setWeights(t, l, "v2", 3000, 7000)
	setState(t, l, "v1", config.Draining)
	next := shop(9000, 1000)
	next.Versions[0].Shield = true
	n := reload(t, l, nil, next)
	if n == s || n.Versions[0] != s.Versions[0] || n.Versions[1] != s.Versions[1] || n.Split != s.Split {
		t.Error("a version or the split was made anew")
	}
	if n.Pools[0] == s.Pools[0] || n.Pools[0].Endpoints()[0] != s.Pools[0].Endpoints()[0] {
		t.Error("want a new pool with the old endpoint")
	}
	if !n.Shield[0] || s.Shield[0] {
		t.Error("shield must change with the generation")
	}
	w := expectBP(t, l, "v2", map[string]int{"v1": 3000, "v2": 7000})
	if w.States["v1"] != config.Draining {
		t.Errorf("v1 is %v, want drain", w.States["v1"])
	}
}

func TestReloadWithWeights(t *testing.T) {
	l, s := live(t, shop(9000, 1000))
	n := reload(t, l, map[string]config.Weights{"shop": {
		Stable: "v2", BP: map[string]int{"v1": 1000, "v2": 9000}, By: "file", Reason: "changed",
		States: map[string]config.State{"v1": config.Off},
	}}, shop(1000, 9000))
	w := expectBP(t, l, "v2", map[string]int{"v1": 1000, "v2": 9000})
	if w.By != "file" || w.Reason != "changed" || w.States["v1"] != config.Off {
		t.Errorf("got %+v", w)
	}
	if n.Versions[0] != s.Versions[0] {
		t.Error("a version was made anew")
	}
}

// TestFileReleasesNothing: neither a quarantine nor a trip, whatever the entry says.
func TestFileReleasesNothing(t *testing.T) {
	entry := map[string]config.Weights{"shop": {Stable: "v1", BP: map[string]int{"v1": 10000}, States: map[string]config.State{}}}
	for _, tc := range []struct{ was, says, want config.State }{
		{config.Quarantined, config.Active, config.Quarantined},
		{config.Quarantined, config.Tripped, config.Quarantined},
		{config.Tripped, config.Active, config.Tripped},
		{config.Tripped, config.Quarantined, config.Quarantined},
		{config.Off, config.Active, config.Active},
		{config.Active, config.Quarantined, config.Quarantined},
		{config.Active, config.Tripped, config.Tripped},
	} {
		l, _ := live(t, shop(9000, 1000))
		setState(t, l, "v2", tc.was)
		entry["shop"].States["v2"] = tc.says
		s := reload(t, l, entry, shop(10000, 0))
		if got := s.version("v2").State(); got != tc.want {
			t.Errorf("%v, the entry says %v: got %v, want %v", tc.was, tc.says, got, tc.want)
		}
	}
}

// TestStatesAreRestoredOnce: putting the same table in force again is no second restore.
func TestStatesAreRestoredOnce(t *testing.T) {
	l := NewLive()
	table, err := Build(configOf(shop(9000, 1000)), nil, map[string]config.Weights{"shop": {
		Stable: "v1", BP: map[string]int{"v1": 10000}, States: map[string]config.State{"v2": config.Quarantined}}})
	if err != nil {
		t.Fatal(err)
	}
	l.Store(table)
	expectState(t, table.services[0], config.Quarantined)
	setState(t, l, "v2", config.Active)
	l.Store(table)
	expectState(t, table.services[0], config.Active)
}

func TestReloadInAnotherOrder(t *testing.T) {
	l, s := live(t, shop(9000, 1000))
	setWeights(t, l, "v2", 2000, 8000)
	next := shop(9000, 1000)
	next.Versions[0], next.Versions[1] = next.Versions[1], next.Versions[0]
	table, err := Build(configOf(next), l.Load(), nil)
	if err != nil {
		t.Fatal(err)
	}
	setWeights(t, l, "v1", 4000, 6000) // between build and store: must not be lost
	l.Store(table)
	n := table.services[0]
	expectBP(t, l, "v1", map[string]int{"v1": 4000, "v2": 6000})
	if n.Versions[0] != s.Versions[1] || n.Stable() != 1 || n.Pools[0].Endpoints()[0] != s.Pools[1].Endpoints()[0] {
		t.Error("versions, pools and stable don't belong together")
	}
}

// TestReloadWithAnotherVersion: without an entry the declared weights stand in.
func TestReloadWithAnotherVersion(t *testing.T) {
	l, s := live(t, shop(9000, 1000))
	s.Versions[0].Shielded.Add(7)
	setWeights(t, l, "v1", 7000, 3000)
	n := reload(t, l, nil, shop(5000, 3000, 2000))
	w := expectBP(t, l, "v1", map[string]int{"v1": 5000, "v2": 3000, "v3": 2000})
	if w.By != "file" || n.Versions[0] != s.Versions[0] || n.Versions[0].Shielded.Load() != 7 {
		t.Error("versions that stay keep their counts; the weights are the file's")
	}
	if got := n.Versions[2].Split.Totals().Started; got != 0 {
		t.Errorf("a new version begins with %d requests", got)
	}
	back := reload(t, l, nil, shop(10000))
	if back.Versions[0] != s.Versions[0] {
		t.Error("v1 was made anew")
	}
}

func TestPolicy(t *testing.T) {
	s := shop(9000, 1000)
	s.Timeouts = config.Timeouts{Connect: 1, Response: 2, Idle: 3, Whole: 4, Tunnel: 5}
	s.Limits.MaxBody = 6
	s.Retries = config.Retries{Attempts: 2, On: []string{"connect_error", "reset", "timeout", "502", "503"}, Budget: 0.2}
	s.Sticky = &config.Sticky{Cookie: "id"}
	s.Mirror = &config.Mirror{To: "v2", Percent: 10, Methods: []string{"get"}, MaxBody: 7, Timeout: 8}
	s.Headers.Request = config.HeaderEdit{Set: map[string]string{"x-b": " 2 ", "x-a": "1"}, Remove: []string{"x-powered-by"}}
	table := build(t, nil, s)
	n := table.Service("shop")
	want := Policy{
		ConnectTimeout: 1, ResponseTimeout: 2, IdleTimeout: 3, WholeTimeout: 4, TunnelTimeout: 5,
		MaxBody: 6, Attempts: 2, RetryBudget: 0.2,
		RetryOn: RetryOn{ConnectError: true, Reset: true, Timeout: true, Statuses: []int{502, 503}},
		Sticky:  Sticky{Cookie: "id"},
		Mirror:  &Mirror{Version: n.Versions[1], Pool: n.Pools[1], Share: 0.1, Methods: []string{"GET"}, MaxBody: 7, Timeout: 8 * time.Nanosecond},
		Request: HeaderEdit{Set: headers("X-A", "1", "X-B", "2"), Remove: []string{"X-Powered-By"}},
	}
	if !reflect.DeepEqual(n.Policy, want) {
		t.Errorf("got %+v, want %+v", n.Policy, want)
	}
	if got := build(t, nil, shop(10000)).Service("shop").Policy.Attempts; got != 1 {
		t.Errorf("attempts by default: got %d, want 1", got)
	}
}

func TestRegexOfAPathIsAnchored(t *testing.T) {
	p, err := compilePath(config.Path{Regex: regexp.MustCompile(`/a|/b`)})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{"/a": true, "/b": true, "/ab": false, "/a/b": false, "/a\n": false} {
		if got := p.holds([]byte(path)); got != want {
			t.Errorf("%q: got %v, want %v", path, got, want)
		}
	}
}
