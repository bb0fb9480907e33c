package config

import (
	"encoding/json"
	"math"
	"reflect"
	"testing"
	"time"
)

// What the new parts of a rollout mean once they are read.
func TestRolloutValues(t *testing.T) {
	s := parsed(t, full).Services[0]
	r := s.Rollout
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	one := "1"
	there := true
	checks := []struct {
		name      string
		got, want any
	}{
		{"working days", r.Windows[0], Window{[]time.Weekday{time.Monday, time.Friday}, 9 * time.Hour, 0, berlin}},
		{"over midnight", r.Windows[1], Window{nil, 22 * time.Hour, 6*time.Hour + 30*time.Minute, time.UTC}},
		{"always", r.Windows[2], Window{nil, 0, 0, time.UTC}},
		{"preview header", r.Preview.Headers, map[string]Match{"X-Preview": {Exact: &one}}},
		{"preview cookie", r.Preview.Cookies, map[string]Match{"p": {Present: &there}}},
		{"preview query", r.Preview.Query, map[string]Match{"p": {In: []string{"a", "b"}}}},
		{"approval", *r.Approval, Approval{time.Hour, "rollback"}},
		{"approval without a time", *r.Stages[1].Approval, Approval{}},
		{"no approval", r.Stages[0].Approval, (*Approval)(nil)},
		{"stage's own success", r.Stages[0].Success, Criteria{"error_rate": {{Text: "< 1%", Op: "<", Value: 0.01}}}},
		{"names of stages", []string{r.Stages[0].Name, r.Stages[1].Name}, []string{"stage-1", "half"}},
		{"preflight", r.Preflight, "warn"},
		{"flagger", r.Hooks[1], Hook{Name: "i", On: "during_stage", URL: "http://h", Format: "flagger", Stages: []string{"half", "stage-1"}, Versions: []string{"v1", "v2"},
			Timeout: 10 * time.Second, Interval: time.Minute, Metadata: map[string]string{"cmd": "hey -z 1m", "a": ""}}},
		{"body", r.Hooks[2].Body, map[string]any{"v": "${version} ${label_a} ${label_build_id}"}},
		{"slow", s.Faults[0], Injection{"slow", "v2", 25, 5 * time.Minute, "preview", 100 * time.Millisecond, 50 * time.Millisecond, 0, false, false}},
		{"gone", s.Faults[1], Injection{"gone", "v2", 0.1, time.Hour, "all", 0, 0, 503, false, false}},
		{"ignored", s.Mirror.Ignore, []string{"$.id", "$.items[*].at", "$.*[0]", "$..at", "$['a b']"}},
		{"compared headers", len(s.Mirror.Headers), 0},
		{"preview listener", parsed(t, full).Listeners[1].Preview, "shop"},
		{"public url", parsed(t, full).Admin.PublicURL, "https://a.example.com/sluice"},
	}
	for _, check := range checks {
		if !reflect.DeepEqual(check.got, check.want) {
			t.Errorf("%s: got %+v, want %+v", check.name, check.got, check.want)
		}
	}
}

// Days may be ranges, over the end of the week too.
func TestDays(t *testing.T) {
	for in, want := range map[string][]time.Weekday{
		"[mon-wed]":      {time.Monday, time.Tuesday, time.Wednesday},
		"[MON-FRI]":      {time.Monday, time.Tuesday, time.Wednesday, time.Thursday, time.Friday},
		"[fri-sun, Mon]": {time.Friday, time.Saturday, time.Sunday, time.Monday},
		"[saturday]":     {time.Saturday},
		"tue-wed":        {time.Tuesday, time.Wednesday},
	} {
		c := parsed(t, one+"    rollout: {strategy: canary, canary: v2, windows: [{days: "+in+", from: 9:00, to: 17:30}]}\n")
		w := c.Services[0].Rollout.Windows[0]
		if !reflect.DeepEqual(w.Days, want) || w.From != 9*time.Hour || w.To != 17*time.Hour+30*time.Minute {
			t.Errorf("%s: got %+v, want %v", in, w, want)
		}
		roundTrip(t, c)
	}
}

// Large integers in what is sent and compared keep their digits.
func TestLargeNumbers(t *testing.T) {
	c := parsed(t, one+`    rollout: {strategy: canary, canary: v2, smoke_tests: [{name: a, endpoint: /, payload: [9007199254740993, -9007199254740993, 9007199254740992, 1.5, -0, 1e400, "12", .5]}]}`+"\n")
	want := []any{json.Number("9007199254740993"), json.Number("-9007199254740993"), 9007199254740992.0, 1.5, math.Copysign(0, -1), json.Number("1e400"), "12", ".5"}
	if got := c.Services[0].Rollout.SmokeTests[0].Payload; !reflect.DeepEqual(got, want) {
		t.Errorf("got %#v, want %#v", got, want)
	}
	roundTrip(t, c)
}

// Each strategy gets the defaults that are its own.
func TestStrategyDefaults(t *testing.T) {
	type defaults struct {
		Duration    time.Duration
		MinRequests int
		Unavailable int
		Difference  float64
		Approval    *Approval
		Preflight   string
		Stages      int
		Compare     bool
	}
	tests := []struct {
		in   string
		want defaults
	}{
		{"{strategy: canary, canary: v2}", defaults{0, 0, 0, 0.01, nil, "enforce", 5, false}},
		{"{strategy: blue_green, canary: v2}", defaults{0, 0, 0, 0.01, nil, "enforce", 0, false}},
		{"{strategy: ab_test, canary: v2, stages: [{weight: 50}]}", defaults{0, 0, 0, 0.01, &Approval{}, "enforce", 1, false}},
		{"{strategy: ab_test, canary: v2, stages: [{weight: 50}], approval: {timeout: 1h, then: rollback}}",
			defaults{0, 0, 0, 0.01, &Approval{time.Hour, "rollback"}, "enforce", 1, false}},
		{"{strategy: shadow, canary: v2}", defaults{10 * time.Minute, 100, 0, 0.01, nil, "enforce", 0, true}},
		{"{strategy: shadow, canary: v2, duration: 0, min_requests: 5, max_difference: 0}", defaults{0, 5, 0, 0, nil, "enforce", 0, true}},
		{"{strategy: rolling, canary: v2}", defaults{30 * time.Second, 0, 0, 0.01, nil, "enforce", 0, false}},
	}
	for _, test := range tests {
		s := parsed(t, one+"    mirror: {to: v2}\n    rollout: "+test.in+"\n").Services[0]
		r := s.Rollout
		got := defaults{r.Duration, r.MinRequests, r.MaxUnavailable, r.MaxDifference, r.Approval, r.Preflight, len(r.Stages), s.Mirror.Compare}
		if !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s:\ngot  %+v\nwant %+v", test.in, got, test.want)
		}
	}
}

// A file that is not expanded may hold ${…} anywhere: nothing that depends on it is refused.
func TestUnexpandedRollouts(t *testing.T) {
	for _, in := range []string{
		`    rollout: {strategy: "${S}", canary: v2, stages: [{weight: "${W}"}], duration: 1h}`,
		`    rollout: {strategy: shadow, canary: "${C}"}`,
		`    mirror: {to: "${C}", compare: "${B}", ignore: [$.a]}` + "\n    rollout: {strategy: shadow, canary: v2}",
		`    rollout: {strategy: ab_test, canary: v2, stages: [{weight: "${W}"}]}`,
		`    rollout: {strategy: rolling, canary: v2, max_unavailable: "${N}"}`,
		`    rollout: {strategy: canary, canary: v2, windows: [{days: ["${D}", "${E}"], from: "${F}", timezone: "${Z}"}], hooks: [{name: a, on: "${P}", url: "${U}", stages: ["${S}"], format: "${F}", metadata: {a: "${B}"}}]}`,
		`    rollout: {strategy: canary, canary: v2, stages: [{name: "${N}", weight: 5}], hooks: [{name: a, on: before_stage, url: "http://a", stages: [x]}]}`,
		`    rollout: {strategy: canary, canary: v2}` + "\n    faults: [{name: a, version: \"${V}\", percent: \"${P}\", duration: \"${D}\", delay: \"${D}\", jitter: 1s}]",
		`    rollout: {strategy: canary, canary: v2}` + "\n    faults: [{name: a, version: v2, percent: 1, duration: 1m, abort: \"${D}\"}]",
	} {
		if faults := Check("f", []byte(one+in+"\n")); faults != nil {
			t.Errorf("%s:\n%v", in, faults)
		}
	}
	text := "listeners: [{address: ':1'}, {address: ':2', preview: \"${P}\"}, {address: ':3', preview: other}]\n" +
		"services: [{name: \"${N}\", versions: [{name: v1, endpoints: ['http://a']}]}]\n"
	if faults := Check("f", []byte(text)); faults != nil {
		t.Error(faults)
	}
}
