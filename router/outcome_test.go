package router

import (
	"testing"
	"time"

	"sluice/analysis"
	"sluice/config"
)

// send makes one request and ends it with o; start and end are a millisecond apart.
func send(s *Service, r *Request, o analysis.Outcome) Choice {
	var c Choice
	s.Pick(r, &c)
	finish(s, &c, o)
	return c
}

func finish(s *Service, c *Choice, o analysis.Outcome) {
	start := analysis.Now()
	s.Start(c, 0, start)
	s.Finish(c, 0, start, start+int64(time.Millisecond), o)
}

// toRule is a request that a rule sends to v2.
func toRule() *Request { return get("a", "/", "To", "v2") }

// ruled is shop with a rule that sends to v2 who asks for it.
func ruled(bp ...int) config.Service {
	s := shop(bp...)
	s.Rules = []config.Rule{{Name: "r", To: "v2", Percent: 100, When: config.When{Headers: map[string]config.Match{"To": exactly("v2")}}}}
	return s
}

// expectCut reads one cut, which must be there.
func expectCut(t *testing.T, l *Live, version string, kind analysis.CutKind) analysis.Cut {
	t.Helper()
	select {
	case cut := <-l.Cuts():
		if cut.Service != "shop" || cut.Version != version || cut.Kind != kind || cut.At.IsZero() {
			t.Fatalf("got %+v, want kind %d of %s", cut, kind, version)
		}
		return cut
	default:
		t.Fatalf("no cut was told of, want kind %d of %s", kind, version)
	}
	return analysis.Cut{}
}

func expectNoCut(t *testing.T, l *Live) {
	t.Helper()
	select {
	case cut := <-l.Cuts():
		t.Fatalf("got %+v, want no cut", cut)
	default:
	}
}

// expectState is about v2.
func expectState(t *testing.T, s *Service, want config.State) {
	t.Helper()
	if got := s.version("v2").State(); got != want {
		t.Fatalf("v2 is %v, want %v", got, want)
	}
}

// failUntilCut sends failing requests to v2 by its weight until it is cut.
func failUntilCut(t *testing.T, s *Service, r *Request) int {
	t.Helper()
	for n := 1; n <= 100; n++ {
		if send(s, r, analysis.ServerError); s.version("v2").State() == config.Tripped {
			return n
		}
	}
	t.Fatal("a hundred failures in a row cut nothing")
	return 0
}

func TestDeadVersionIsCutInline(t *testing.T) {
	l, s := live(t, shop(0, 10000))
	n := failUntilCut(t, s, get("a", "/"))
	if n != 9 {
		t.Errorf("cut after %d failed attempts, want 9", n)
	}
	cut := expectCut(t, l, "v2", analysis.Tripped)
	if cut.Evidence.Failures != 9 || cut.Evidence.Score < cut.Evidence.Threshold {
		t.Errorf("evidence %+v", cut.Evidence)
	}
	if c := send(s, get("a", "/"), analysis.Success); c.Index != 0 || c.Why != ByFallback {
		t.Errorf("next request went to v%d by %v, want v1 by fallback", c.Index+1, c.Why)
	}
	if shares := s.Shares(); shares[0] != 1 {
		t.Errorf("shares %v, want all on v1", shares)
	}
	if w, _ := l.Weights("shop"); w.BP["v2"] != 10000 || w.States["v2"] != config.Tripped {
		t.Errorf("weights %v, states %v: the trip must leave weights alone", w.BP, w.States)
	}
}

func TestRuledFailuresTrip(t *testing.T) {
	l, s := live(t, ruled(10000, 0))
	failUntilCut(t, s, toRule())
	expectCut(t, l, "v2", analysis.Tripped)
	v := s.version("v2")
	if split, ruled := v.Split.Totals().Requests(), v.Ruled.Totals().Failed(); split != 0 || ruled != 9 {
		t.Errorf("split counts %d requests, rules %d failures, want 0 and 9", split, ruled)
	}
}

// TestWhoIsNotTripped: each case sends a hundred failures to v2.
func TestWhoIsNotTripped(t *testing.T) {
	for _, tc := range []struct {
		name   string
		stable string
		off    bool
		v1     config.State
	}{
		{"trip off", "v1", true, config.Active},
		{"stable itself", "v2", false, config.Active},
		{"stable is off", "v1", false, config.Off},
		{"stable is cut", "v1", false, config.Quarantined},
	} {
		t.Run(tc.name, func(t *testing.T) {
			service := shop(0, 10000)
			service.Stable, service.Guard.Trip.Off = tc.stable, tc.off
			l, s := live(t, service)
			setState(t, l, "v1", tc.v1)
			for range 100 {
				send(s, get("a", "/"), analysis.Timeout)
			}
			expectNoCut(t, l)
			expectState(t, s, config.Active)
		})
	}
}

// TestThirdVersionTakesOver: without stable, a version that has traffic of its
// own is enough for a cut, but not one that has none.
func TestThirdVersionTakesOver(t *testing.T) {
	l, s := live(t, shop(0, 9000, 1000))
	setState(t, l, "v1", config.Off)
	rest := get("a", "/")
	for n := 0; s.version("v2").State() != config.Tripped; n++ {
		if n == 1000 {
			t.Fatal("v2 was not cut, though v3 could take over")
		}
		var c Choice
		rest.Rand = mix(uint64(n), 0)
		s.Pick(rest, &c)
		o := analysis.Success
		if c.Index == 1 {
			o = analysis.ServerError
		}
		finish(s, &c, o)
	}
	if c := send(s, get("a", "/"), analysis.Success); c.Index != 2 {
		t.Errorf("next request went to v%d, want v3", c.Index+1)
	}

	l, s = live(t, shop(0, 10000, 0))
	setState(t, l, "v1", config.Off)
	for range 100 {
		send(s, get("a", "/"), analysis.ServerError)
	}
	expectState(t, s, config.Active)
}

// TestProbedByWhatCannotBeRepeated: a service without repeatable requests gets
// its version back all the same.
func TestProbedByWhatCannotBeRepeated(t *testing.T) {
	l, s := live(t, shop(0, 10000))
	posted := get("a", "/")
	posted.Replayable = false
	failUntilCut(t, s, posted)
	l.Probe("shop", "v2")
	if c := send(s, posted, analysis.Success); c.Why != ByFallback {
		t.Fatalf("at once: got v%d by %v, want stable", c.Index+1, c.Why)
	}
	s.version("v2").standing.Load().since -= int64(probePatience)
	for range probesToRestore {
		if c := send(s, posted, analysis.Success); c.Why != ByProbe {
			t.Fatalf("later: got v%d by %v, want a probe", c.Index+1, c.Why)
		}
	}
	expectState(t, s, config.Active)
}

// TestAlarmSoundsAgain: an alarm that could cut nothing must not be the last one.
func TestAlarmSoundsAgain(t *testing.T) {
	l, s := live(t, shop(0, 10000))
	setState(t, l, "v1", config.Off)
	for range 100 {
		send(s, get("a", "/"), analysis.Reset)
	}
	setState(t, l, "v1", config.Active)
	failUntilCut(t, s, get("a", "/"))
	expectCut(t, l, "v2", analysis.Tripped)
}

func TestClientsAndProxySpeakForNobody(t *testing.T) {
	l, s := live(t, shop(0, 10000))
	for range 100 {
		send(s, get("a", "/"), analysis.ClientGone)
		send(s, get("a", "/"), analysis.LocalRefusal)
		send(s, get("a", "/"), analysis.ClientError)
	}
	expectNoCut(t, l)
	expectState(t, s, config.Active)
}

// TestProbing follows a trip to its end, or to the next one.
func TestProbing(t *testing.T) {
	l, s := live(t, shop(0, 10000))
	r := get("a", "/")
	failUntilCut(t, s, r)
	expectCut(t, l, "v2", analysis.Tripped)
	l.Probe("shop", "v2")
	if !s.version("v2").Probing() {
		t.Fatal("not probing")
	}
	posted := get("a", "/")
	posted.Replayable = false
	if c := send(s, posted, analysis.Success); c.Why != ByFallback {
		t.Errorf("a request that can't be sent twice went to v%d by %v", c.Index+1, c.Why)
	}
	var probe Choice
	s.Pick(r, &probe)
	if probe.Why != ByProbe || probe.Index != 1 || !probe.Shield {
		t.Fatalf("got %+v, want a shielded probe of v2", probe)
	}
	if c := send(s, r, analysis.Success); c.Why != ByFallback {
		t.Errorf("a second probe in flight: v%d by %v", c.Index+1, c.Why)
	}
	finish(s, &probe, analysis.ClientGone) // counts for nothing, frees the place
	for n := 1; n <= probesToRestore; n++ {
		expectState(t, s, config.Tripped)
		if c := send(s, r, analysis.Success); c.Why != ByProbe {
			t.Fatalf("request %d went by %v, want probe", n, c.Why)
		}
	}
	expectState(t, s, config.Active)
	expectCut(t, l, "v2", analysis.Restored)
	if v := s.version("v2"); v.Split.Totals().Started != 9 || v.Ruled.Totals().Started != probesToRestore+1 {
		t.Errorf("split counts %d, want 9: probes must not enter the comparison", v.Split.Totals().Started)
	}
	if n := failUntilCut(t, s, r); n != 9 {
		t.Errorf("cut again after %d failures, want 9", n)
	}
}

func TestBadProbe(t *testing.T) {
	l, s := live(t, shop(0, 10000))
	r := get("a", "/")
	failUntilCut(t, s, r)
	expectCut(t, l, "v2", analysis.Tripped)
	l.Probe("shop", "v2")
	for range probesToRestore - 1 {
		send(s, r, analysis.Success)
	}
	send(s, r, analysis.ConnectError)
	expectCut(t, l, "v2", analysis.Retripped)
	expectState(t, s, config.Tripped)
	if c := send(s, r, analysis.Success); c.Why != ByFallback {
		t.Errorf("got v%d by %v, want no more probes", c.Index+1, c.Why)
	}
	l.Probe("shop", "v2")
	for range probesToRestore {
		send(s, r, analysis.Success)
	}
	expectState(t, s, config.Active)
}

// TestProbeOutlivedByAState: what was begun under another state decides nothing.
func TestProbeOutlivedByAState(t *testing.T) {
	l, s := live(t, shop(0, 10000))
	failUntilCut(t, s, get("a", "/"))
	l.Probe("shop", "v2")
	var probe Choice
	s.Pick(get("a", "/"), &probe)
	setState(t, l, "v2", config.Quarantined)
	finish(s, &probe, analysis.ServerError)
	expectState(t, s, config.Quarantined)
	setState(t, l, "v2", config.Tripped)
	l.Probe("shop", "v2")
	finish(s, &probe, analysis.ServerError)
	if !s.version("v2").Probing() {
		t.Error("a probe of an earlier trip ended the probing of this one")
	}
}

// TestForgottenProbe: a choice that is never finished must not block probing for ever.
func TestForgottenProbe(t *testing.T) {
	l, s := live(t, shop(0, 10000))
	failUntilCut(t, s, get("a", "/"))
	l.Probe("shop", "v2")
	var forgotten, next Choice
	s.Pick(get("a", "/"), &forgotten)
	s.Pick(get("a", "/"), &next)
	if next.Why == ByProbe {
		t.Fatal("two probes in flight")
	}
	s.version("v2").standing.Load().probe.Add(-int64(s.Policy.probeLease()))
	if s.Pick(get("a", "/"), &next); next.Why != ByProbe {
		t.Fatalf("got %v, want a probe after the lease", next.Why)
	}
	finish(s, &forgotten, analysis.Success)
	if n := s.version("v2").standing.Load().good.Load(); n != 0 {
		t.Errorf("%d good probes counted, want 0: the first lost its place", n)
	}
	finish(s, &next, analysis.Success)
	if n := s.version("v2").standing.Load().good.Load(); n != 1 {
		t.Errorf("%d good probes counted, want 1", n)
	}
}

// TestDrainingVersionTrips and comes back to draining.
func TestDrainingVersionTrips(t *testing.T) {
	l, s := live(t, withSticky(shop(0, 10000), config.Sticky{Cookie: "id"}))
	setState(t, l, "v2", config.Draining)
	r := get("a", "/", "Cookie", "id=x")
	failUntilCut(t, s, r)
	l.Probe("shop", "v2")
	for range probesToRestore {
		send(s, r, analysis.Success)
	}
	expectState(t, s, config.Draining)
	if c := send(s, r, analysis.Success); c.Index != 1 {
		t.Errorf("the old user went to v%d by %v, want v2", c.Index+1, c.Why)
	}
}

func TestTrippedByTheControllerComesBackToDraining(t *testing.T) {
	l, s := live(t, withSticky(shop(0, 10000), config.Sticky{Cookie: "id"}))
	setState(t, l, "v2", config.Draining)
	setState(t, l, "v2", config.Tripped)
	setState(t, l, "v2", config.Tripped)
	l.Probe("shop", "v2")
	for range probesToRestore {
		send(s, get("a", "/", "Cookie", "id=x"), analysis.Success)
	}
	expectState(t, s, config.Draining)
}

func TestProbeOnlyOfTripped(t *testing.T) {
	l, s := live(t, shop(5000, 5000))
	for _, st := range []config.State{config.Active, config.Draining, config.Off, config.Quarantined} {
		setState(t, l, "v2", st)
		l.Probe("shop", "v2")
		if s.version("v2").Probing() {
			t.Errorf("%v is probed", st)
		}
	}
	l.Probe("shop", "v9") // unknown ones are nobody's business
	l.Probe("nope", "v2")
}

func TestAlternative(t *testing.T) {
	service := shop(5000, 5000)
	service.Versions[1].Shield = true
	for _, tc := range []struct {
		name  string
		index int
		v1    config.State
		want  bool
	}{
		{"failed on v2", 1, config.Active, true},
		{"failed on stable", 0, config.Active, false},
		{"stable drains", 1, config.Draining, false},
		{"stable is off", 1, config.Off, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l, s := live(t, service)
			c := Choice{Index: tc.index, Version: s.Versions[tc.index], Pool: s.Pools[tc.index], Shield: true, SetKey: true}
			setState(t, l, "v1", tc.v1)
			before := c
			if got := s.Alternative(&c, 1); got != tc.want {
				t.Fatalf("got %v, want %v", got, tc.want)
			}
			if !tc.want && c != before {
				t.Errorf("a refusal changed the choice to %+v", c)
			}
			if tc.want && (c.Version != s.Versions[0] || c.Pool != s.Pools[0] || c.Index != 0 || c.Shield || !c.SetKey) {
				t.Errorf("got %+v, want stable with the key kept", c)
			}
		})
	}
}

func TestAlternativeWithinBudget(t *testing.T) {
	service := shop(10000, 0)
	service.Versions[1].Shield = true
	_, s := live(t, service)
	for range 1000 {
		send(s, get("a", "/"), analysis.Success)
	}
	got := 0
	for range 1000 {
		c := Choice{Index: 1, Version: s.Versions[1], Pool: s.Pools[1]}
		if s.Alternative(&c, analysis.Now()) {
			got++
		}
	}
	if got != 200 {
		t.Errorf("stable took over %d requests after 1000 of its own, want 200", got)
	}
}

func TestCutsNeverBlock(t *testing.T) {
	l, s := live(t, shop(0, 10000))
	for range 3 * cutsKept {
		failUntilCut(t, s, get("a", "/"))
		setState(t, l, "v2", config.Active)
	}
	if n := len(l.Cuts()); n != cutsKept {
		t.Errorf("%d cuts wait, want %d", n, cutsKept)
	}
}
