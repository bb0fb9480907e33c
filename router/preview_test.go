package router

import (
	"testing"

	"sluice/analysis"
	"sluice/config"
)

// previewed is a service whose rollout's canary is v2, with a preview by header,
// a rule that sends everybody to v3, and sticky cookies.
func previewed() config.Service {
	s := withSticky(shop(5000, 0, 5000), config.Sticky{Cookie: "id"})
	s.Rules = []config.Rule{{Name: "all", To: "v3", Percent: 100}}
	for i := range s.Versions {
		s.Versions[i].Shield = true
	}
	s.Rollout = &config.Rollout{Canary: "v2", Preview: &config.Preview{
		Headers: map[string]config.Match{"X-Preview": exactly("yes")},
		Cookies: map[string]config.Match{"tester": present(true)},
	}}
	return s
}

func TestPreviewsAreThoseThatMeetEveryCondition(t *testing.T) {
	_, s := live(t, previewed())
	for _, tt := range []struct {
		fields []string
		want   bool
	}{
		{[]string{"x-preview", "yes", "Cookie", "tester=1"}, true},
		{[]string{"X-Preview", "yes"}, false},
		{[]string{"X-Preview", "no", "Cookie", "tester=1"}, false},
		{nil, false},
	} {
		if got := s.Previews(get("a", "/", tt.fields...)); got != tt.want {
			t.Errorf("%v: got %v", tt.fields, got)
		}
	}
	for name, r := range map[string]*config.Rollout{"no rollout": nil, "no preview": {Canary: "v2"}, "asks nothing": {Canary: "v2", Preview: &config.Preview{}}} {
		sc := shop(fullBP, 0)
		sc.Rollout = r
		if _, s := live(t, sc); s.Previews(get("a", "/")) {
			t.Errorf("%s: every request is a preview", name)
		}
	}
}

func TestPreviewWinsOverRulesAndStickiness(t *testing.T) {
	_, s := live(t, previewed())
	var c Choice
	if !s.PickCandidate(get("a", "/", "Cookie", "id="+cookieKey(1)), &c) {
		t.Fatal("no candidate")
	}
	if c.Version.Name != "v2" || c.Why != ByPreview || c.Shield || c.SetKey || c.Pool != s.Pools[1] || c.Index != 1 {
		t.Errorf("got %+v", c)
	}
	s.Start(&c, 0, 1)
	s.Finish(&c, 0, 1, 2, 1)
	if split, ruled := c.Version.Split.Totals().Requests(), c.Version.Ruled.Totals().Requests(); split != 0 || ruled != 1 {
		t.Errorf("counted %d times in the split and %d times apart", split, ruled)
	}
	s.Start(&c, 0, 2)
	s.Finish(&c, 0, 2, 3, analysis.ServerError)
	if got := c.Version.Previewed(); got != (analysis.Counts{Requests: 2, Failed: 1}) {
		t.Errorf("%+v are testers'", got)
	}
}

func TestPreviewByState(t *testing.T) {
	for state, want := range map[config.State]bool{
		config.Active: true, config.Draining: true, config.Tripped: true, config.Quarantined: true, config.Off: false,
	} {
		l, s := live(t, previewed())
		setState(t, l, "v2", state)
		c := Choice{Version: s.Versions[0]}
		if got := s.PickCandidate(get("a", "/"), &c); got != want || !got && c.Version != nil {
			t.Errorf("%s: got %v on %v", state, got, c.Version)
		}
	}
}

// Blue and green take turns: the candidate is the one that is not stable.
func TestCandidateTakesTurns(t *testing.T) {
	l, _ := live(t, previewed())
	expect := func(want string) {
		t.Helper()
		if got := l.Candidate("shop"); got != want {
			t.Errorf("candidate: got %q, want %q", got, want)
		}
	}
	expect("v2")
	setWeights(t, l, "v2", 0, fullBP, 0)
	expect("v1")
	setWeights(t, l, "v3", 0, 0, fullBP)
	expect("v2")
	if err := l.SetCandidate("shop", "v1"); err != nil {
		t.Fatal(err)
	}
	expect("v1")
	setWeights(t, l, "v1", fullBP, 0, 0) // promoted: what it was named for is over
	expect("v2")
	if err := l.SetCandidate("shop", ""); err != nil {
		t.Fatal(err)
	}
	expect("v2")
	if l.SetCandidate("shop", "v9") == nil || l.SetCandidate("other", "") == nil || l.Candidate("other") != "" {
		t.Error("what there is not may be a candidate")
	}
	plain, s := live(t, shop(fullBP, 0))
	var c Choice
	if plain.Candidate("shop") != "" || s.PickCandidate(get("a", "/"), &c) {
		t.Error("a service without rollout has a candidate")
	}
}

// A preview listener leads to its service, whatever host and path say, and takes
// no more of a raw path than the service's own route does.
func TestPreviewListenerLeadsToItsService(t *testing.T) {
	a, b := previewed(), shop(fullBP)
	a.Routes = []config.Route{{Hosts: []string{"a.test"}, Path: config.Path{Prefix: "/x"}, AllowRawPath: true}}
	b.Name, b.Routes = "blog", []config.Route{{Hosts: []string{"b.test"}, Path: config.Path{Prefix: "/"}, AllowRawPath: true}}
	l, s := live(t, a, b)
	for _, tt := range []struct {
		host, path string
		raw        bool
	}{{"a.test", "/x/1", true}, {"a.test", "/", false}, {"b.test", "/", false}, {"", "/", false}} {
		rt := l.Load().Preview("shop", get(tt.host, tt.path))
		if rt == nil || rt.Service != s || rt.AllowRawPath != tt.raw {
			t.Errorf("%s%s: got %+v", tt.host, tt.path, rt)
		}
	}
	if rt := l.Load().Preview("other", get("a.test", "/x")); rt != nil {
		t.Errorf("an unknown service: got %+v", rt)
	}
}
