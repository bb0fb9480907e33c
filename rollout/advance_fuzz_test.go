package rollout

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"
	"time"
)

// FuzzAdvance plays any order of inputs to any plan and holds what users rely on:
// no rise on an input that says failing, no movement up after an end, weights within
// bounds, stale answers without effect, saved and unsaved runs alike, and always an end.
func FuzzAdvance(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0}, []byte{0, 60, 1, 0, 0, 200, 0, 200, 1, 1, 2, 4})
	f.Add([]byte{1, 7, 1, 0}, []byte{0, 3, 1, 1, 0, 5, 2, 0, 0, 9, 2, 1, 3, 0, 4, 0})
	f.Add([]byte{4, 2, 9, 3}, []byte{0, 0xf1, 0, 0x0f, 0, 0x31, 5, 0, 6, 0, 7, 1, 2, 2})
	f.Add([]byte{2, 4, 255, 1}, []byte{0, 1, 6, 0, 0, 1, 2, 3, 0, 1, 2, 5, 8, 0})
	f.Add([]byte{3, 0, 0, 8}, []byte{0, 90, 0, 91, 0, 92, 0, 93, 2, 2, 9, 0})
	f.Fuzz(func(t *testing.T, settings, script []byte) {
		p := &player{t: t, at: storyBegin, keys: map[uint64]string{}}
		var todo []runAction
		p.r, todo = begin(fuzzPlan(settings), "r1", "alice", p.at)
		p.note(runInput{}, todo)
		if len(script) > 4000 {
			script = script[:4000]
		}
		for ; len(script) >= 2; script = script[2:] {
			p.put(p.scripted(script[0], script[1]))
		}
		p.finish()
	})
}

// fuzzPlan reads a plan from a few bytes.
func fuzzPlan(b []byte) itinerary {
	b = append(slices.Clone(b), 0, 0, 0, 0)
	it := itinerary{
		Strategy: []string{"canary", strategyBlueGreen, strategyABTest, strategyShadow, strategyRolling}[b[0]%5],
		Canary:   "v2", From: "v1", MaxWait: time.Duration(b[2]) * time.Second, MaxDiff: 0.01,
		Pauses: b[1]&1 != 0, Evidence: b[1]&2 == 0, Enforce: b[1]&4 == 0, Alerts: b[1]&8 != 0,
		Standby: time.Duration(b[1]>>4) * time.Second,
	}
	it.Promotes = it.Strategy != strategyShadow
	it.Asks = map[string]time.Duration{PointConfirmStage: 3 * time.Second}
	if b[3]&1 != 0 {
		it.Asks[PointDuringStage] = 2 * time.Second
	}
	if b[3]&2 != 0 {
		it.Approval = &gate{Timeout: time.Duration(b[3]&4) * time.Second, Promote: b[3]&8 != 0}
	}
	one := leg{Duration: time.Duration(b[3]>>4) * time.Second, MinRequests: uint64(b[2] % 3)}
	switch it.Strategy {
	case strategyBlueGreen:
		one.Name, one.Test = "preview", true
		it.Stages = []leg{one}
	case strategyShadow:
		one.Name = "shadow"
		it.Stages = []leg{one}
	case strategyRolling:
		it.Stages = rollingLegs(one, 1+int(b[2]%5), int(b[3]%3))
	default:
		for i, bp := range []int{500, 2500, 2500, 10000}[:1+b[2]%4] {
			l := one
			l.Name, l.WeightBP = string(rune('a'+i)), bp
			l.Lasts = it.Strategy == strategyABTest && i == int(b[2]%4)
			if b[3]&16 != 0 && i == 1 {
				l.Approval = &gate{}
			}
			it.Stages = append(it.Stages, l)
		}
	}
	return it
}

// player is the world around a fuzzed run.
type player struct {
	t    *testing.T
	r    run
	at   time.Time
	keys map[uint64]string // of tasks, by number
}

// scripted makes an input of two bytes.
func (p *player) scripted(op, arg byte) runInput {
	in := runInput{at: p.at, text: "text"}
	switch op % 10 {
	case 0, 9: // a tick, of any length and either direction
		p.at = p.at.Add([]time.Duration{time.Second, 100 * time.Millisecond, 0, -time.Hour, 3 * time.Hour, time.Second, 2 * time.Second, 4 * time.Second}[arg&7])
		in.at, in.what = p.at, runTick
		in.seen = sight{requests: uint64(arg >> 4), ready: arg&8 != 0, suspicious: arg&0x30 == 0x30, cut: arg&0x50 == 0x50, tripped: arg&0x50 == 0x50 && arg&1 != 0,
			endpoints: int(arg>>3) % 7, open: arg&0xc0 != 0xc0, difference: float64(arg&3) / 100, unproven: arg&0x20 != 0}
	case 1, 5: // the outstanding task ends
		in.what, in.task, in.ok = runDone, p.r.Task, arg&3 != 0
	case 2:
		in.what, in.by = runVerb, "bob"
		in.verb = []string{VerbPause, VerbResume, VerbPromote, VerbPromoteFull, VerbAbort, VerbUndo, "nonsense", VerbResume}[arg&7]
		in.moved = arg&8 != 0
		if arg&0xf0 != 0 && (in.verb == VerbAbort || in.verb == VerbUndo || in.verb == VerbPromoteFull) {
			in.verb = VerbPromote // else most scripts are over soon
		}
	case 3: // a task that is not outstanding ends
		in.what, in.task, in.ok = runDone, uint64(arg), arg&1 != 0
	case 4:
		in.what = []runHappening{runBreach, runTrip, runTrip, runRetrip}[arg&3]
	case 6:
		in.what = runRestart
	case 7:
		in.what = runUndone
	case 8:
		in.what = []runHappening{runRestart, runRestart, runRestart, runCut, runReload, runSupersede, runRestart, runRestart}[arg&7]
	}
	return in
}

func (p *player) put(in runInput) {
	p.t.Helper()
	before := p.saved(p.r)
	next, todo := advance(p.r, in)
	if !reflect.DeepEqual(before, p.saved(p.r)) {
		p.t.Fatalf("advance changed the run it was given, on %+v", in)
	}
	again, sameTodo := advance(before, in)
	if !reflect.DeepEqual(p.saved(next), p.saved(again)) || !reflect.DeepEqual(todo, sameTodo) {
		p.t.Fatalf("a run that was saved does otherwise on %+v:\n%+v\n%+v\n%+v\n%+v", in, next, again, todo, sameTodo)
	}
	if err := next.check(); err != nil {
		p.t.Fatalf("%v after %+v", err, in)
	}
	p.hold(p.r, next, in, todo)
	p.r = next
	p.note(in, todo)
}

// saved is r as the disk gives it back.
func (p *player) saved(r run) run {
	p.t.Helper()
	raw, err := json.Marshal(r)
	if err != nil {
		p.t.Fatal(err)
	}
	var out run
	if err := json.Unmarshal(raw, &out); err != nil {
		p.t.Fatal(err)
	}
	return out
}

// note holds that a number is given once, but that a restart asks the same again.
func (p *player) note(in runInput, todo []runAction) {
	p.t.Helper()
	for _, a := range todo {
		if taskName(a) == "" {
			continue
		}
		key, known := p.keys[a.task]
		if known && (in.what != runRestart || key != a.key) {
			p.t.Fatalf("task %d was %s, and is asked again as %s on %+v", a.task, key, a.key, in)
		}
		p.keys[a.task] = a.key
	}
}

// hold fails the test where one step breaks a promise.
func (p *player) hold(before, after run, in runInput, todo []runAction) {
	p.t.Helper()
	if in.what == runDone && (in.task != before.Task || in.task == 0) && (len(todo) > 0 || !reflect.DeepEqual(before, after)) {
		p.t.Fatalf("a stale answer had an effect: %+v", todo)
	}
	if in.what == runVerb && before.allows(in.verb) != nil && (len(todo) > 0 || !reflect.DeepEqual(before, after)) {
		p.t.Fatalf("%s is not allowed and had an effect: %+v", in.verb, todo)
	}
	bad := in.what == runTick && (in.seen.cut || in.seen.suspicious) || in.what == runCut || in.what == runBreach || in.what == runTrip || in.what == runRetrip ||
		in.what == runReload || in.what == runSupersede || in.what == runUndone || in.what == runDone && !in.ok && before.Plan.Enforce ||
		in.what == runVerb && (in.verb == VerbPause || in.verb == VerbAbort || in.verb == VerbUndo)
	// The weight changes at no other moment than these.
	if after.WeightBP > before.WeightBP && !(in.what == runDone && in.ok && (before.Station == atShift || before.Station == atPromotion)) {
		p.t.Fatalf("from %d to %d on %+v", before.WeightBP, after.WeightBP, in)
	}
	for i, a := range todo {
		rises := a.do == runShift || a.do == runPromote
		switch {
		case a.weightBP < 0 || a.weightBP > wholeBP:
			p.t.Fatalf("a weight of %d", a.weightBP)
		case rises && bad:
			p.t.Fatalf("a rise on %+v: %+v", in, todo)
		case rises && before.Phase.Ended():
			p.t.Fatalf("a rise after the end %s: %+v", before.Phase, todo)
		case rises && in.what == runTick && !in.seen.open && !before.Full:
			p.t.Fatalf("a rise outside of the windows: %+v", todo)
		case rises && after.Paused:
			p.t.Fatalf("a rise while paused: %+v", todo)
		case a.do == runLower && a.weightBP > before.WeightBP:
			p.t.Fatalf("lowers from %d to %d", before.WeightBP, a.weightBP)
		case taskName(a) != "" && a.key == "":
			p.t.Fatalf("a task without a key: %+v", a)
		case a.do == runSwitchBack && before.Phase != PhasePromoted:
			p.t.Fatalf("switches back in %s", before.Phase)
		case a.do == runSwitchBack && i > 0:
			p.t.Fatalf("something comes before the switch back: %+v", todo)
		}
	}
	p.holdEnd(before, after, in, todo)
}

// holdEnd looks at how runs end, and at what comes after.
func (p *player) holdEnd(before, after run, in runInput, todo []runAction) {
	p.t.Helper()
	switch {
	case before.Phase.Ended() && !after.Phase.Ended():
		p.t.Fatalf("%s is an end, and led to %s", before.Phase, after.Phase)
	case before.Phase.Ended() && before.Phase != after.Phase && before.Phase != PhasePromoted:
		p.t.Fatalf("%s became %s", before.Phase, after.Phase)
	case after.Phase.Ended() && after.Task != 0:
		p.t.Fatalf("a task outlives the end: %+v", after)
	case after.Phase.Ended() && after.WeightBP > 0 && after.Phase != PhasePromoted:
		p.t.Fatalf("%s with a weight of %d", after.Phase, after.WeightBP)
	}
	cuts := in.what == runCut || in.what == runVerb && in.verb == VerbAbort
	if cuts && before.live() && (len(todo) == 0 || todo[0].do != runLower || todo[0].weightBP != 0) {
		p.t.Fatalf("the first effect of %+v is not that the weight falls: %+v", in, todo)
	}
	if !before.Phase.Ended() && after.Phase.Ended() {
		ends := 0
		for _, a := range todo {
			if a.do == runEnd {
				ends++
			}
		}
		if ends != 1 {
			p.t.Fatalf("%d ends: %+v", ends, todo)
		}
	}
	if reason := after.status().Reason; reason == "" {
		p.t.Fatalf("no reason for %s after %+v", after.Phase, in)
	}
}

// finish lets all go well from here on: the run must come to an end.
func (p *player) finish() {
	p.t.Helper()
	for range 20_000 {
		if p.r.Phase.Ended() {
			return
		}
		in := runInput{at: p.at, what: runTick, seen: sight{requests: 1_000_000, ready: true, endpoints: 100, open: true}}
		switch {
		case p.r.Task != 0:
			in = runInput{at: p.at, what: runDone, task: p.r.Task, ok: true}
		case p.r.Paused:
			in = runInput{at: p.at, what: runVerb, verb: VerbResume}
		case p.r.Waiting == "approval":
			in = runInput{at: p.at, what: runVerb, verb: VerbPromote}
		}
		if in.what == runTick || in.what == runVerb && p.r.allows(in.verb) != nil {
			p.at = p.at.Add(time.Second)
			in.at, in.what = p.at, runTick
			in.seen = sight{requests: 1_000_000, ready: true, endpoints: 100, open: true}
		}
		p.put(in)
	}
	p.t.Fatalf("no end: %+v", p.r)
}

// TestEndsWithoutAnybody lets nothing go well: hooks that never answer, evidence
// that never comes, a disk that never takes anything. A run without manual gates
// ends within max_wait at each of its places.
func TestEndsWithoutAnybody(t *testing.T) {
	plan := func(strategy string) itinerary {
		s := newStory(nil)
		text := []string{strategy, "stages=a:5:10s,b:100:10s", "max_wait=1m"}
		if strategy == strategyRolling {
			text[1] = "endpoints=3"
		}
		if err := s.makePlan(text); err != nil {
			t.Fatal(err)
		}
		return s.plan
	}
	answers := map[string]func(r *run, n int) *runInput{
		"nothing answers": func(*run, int) *runInput { return nil },
		"all fails":       func(r *run, _ int) *runInput { return &runInput{what: runDone, task: r.Task} },
		"the disk fails": func(r *run, _ int) *runInput {
			return &runInput{what: runDone, task: r.Task, ok: r.Station != atShift && r.Station != atPromotion}
		},
		"no evidence": func(r *run, _ int) *runInput { return &runInput{what: runDone, task: r.Task, ok: true} },
	}
	for _, strategy := range []string{"canary", strategyBlueGreen, strategyShadow, strategyRolling} {
		for name, answer := range answers {
			t.Run(strategy+"/"+name, func(t *testing.T) {
				at := storyBegin
				r, _ := begin(plan(strategy), "r1", "alice", at)
				for n := range 3600 {
					if r.Phase.Ended() {
						return
					}
					if in := answer(&r, n); in != nil && r.Task != 0 {
						in.at = at
						r, _ = advance(r, *in)
					}
					at = at.Add(time.Second)
					// Endpoints flap, and take a rolling canary up and down.
					r, _ = advance(r, runInput{at: at, what: runTick, seen: sight{open: true, endpoints: n / 7 % 4}})
				}
				t.Fatalf("no end after an hour: %s, %s", r.Phase, r.Reason)
			})
		}
	}
}

// TestFlappingEndpointsEnd has a rolling canary of four endpoints whose last never comes,
// while the third comes and goes: each return passes its step again, and the time
// to wait for the fourth runs on.
func TestFlappingEndpointsEnd(t *testing.T) {
	s := newStory(nil)
	if err := s.makePlan([]string{strategyRolling, "endpoints=4", "max_wait=10m"}); err != nil {
		t.Fatal(err)
	}
	at := storyBegin
	r, _ := begin(s.plan, "r1", "alice", at)
	for n := range 4 * 3600 {
		for r.Task != 0 {
			r, _ = advance(r, runInput{at: at, what: runDone, task: r.Task, ok: true})
		}
		if r.Phase.Ended() {
			if r.Phase != PhaseRolledBack || n < 600 {
				t.Errorf("got %s after %d s: %s", r.Phase, n, r.Reason)
			}
			return
		}
		at = at.Add(time.Second)
		r, _ = advance(r, runInput{at: at, what: runTick, seen: sight{open: true, ready: true, requests: 1000, endpoints: 3 - n/60%2}})
	}
	t.Fatalf("no end after four hours: %s, %s", r.Phase, r.Reason)
}

func TestZeroRunIsOpenToNothing(t *testing.T) {
	for what := runTick; what <= runSupersede; what++ {
		for _, verb := range []string{VerbPause, VerbUndo, ""} {
			r, todo := advance(run{}, runInput{at: storyBegin, what: what, verb: verb, ok: true})
			if len(todo) > 0 || !reflect.DeepEqual(r, run{}) {
				t.Fatalf("input %d: %+v, %+v", what, r, todo)
			}
		}
	}
	if s := (&run{}).status(); s.ID != "" || len(s.Stages) != 0 {
		t.Errorf("got %+v", s)
	}
	r := run{}
	if err := r.check(); err != nil {
		t.Error(err)
	}
}
