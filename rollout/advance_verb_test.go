package rollout

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// What a run allows depends on where it stands; what it refuses, it explains.
func TestAllows(t *testing.T) {
	stage := run{ID: "r1", Phase: PhaseRunning, Station: atStage, Entered: 0, Reason: "gathers evidence",
		Plan: itinerary{Canary: "v2", From: "v1", Promotes: true, Stages: []leg{{Name: "a", WeightBP: 500}}}, Stages: []progress{{State: stageRunning}}}
	with := func(change func(r *run)) run {
		r := stage.clone()
		change(&r)
		return r
	}
	tests := []struct {
		name string
		r    run
		want string
	}{
		{"none", run{}, ""},
		{"in a stage", stage, "pause promote promote_full abort undo"},
		{"before it", with(func(r *run) { r.Station = atBeforeStage }), "pause promote_full abort undo"},
		{"at a gate", with(func(r *run) { r.Station = atApproval }), "pause promote promote_full abort undo"},
		{"while it is confirmed", with(func(r *run) { r.Station = atConfirmStage }), "pause promote promote_full abort undo"},
		{"paused", with(func(r *run) { r.Paused = true }), "resume promote promote_full abort undo"},
		{"paused by a failure before it", with(func(r *run) { r.Paused, r.Failed, r.Station = true, true, atBeforeStage }), "resume promote_full abort undo"},
		{"paused by a failure in it", with(func(r *run) { r.Paused, r.Failed = true, true }), "resume promote promote_full abort undo"},
		{"paused by a failure after it", with(func(r *run) { r.Paused, r.Failed, r.Station = true, true, atAfterStage }), "resume promote promote_full abort undo"},
		{"cut", with(func(r *run) { r.Cut = true }), "pause abort undo"},
		{"cut at a gate", with(func(r *run) { r.Cut, r.Station = true, atApproval }), "pause abort undo"},
		{"shadow", with(func(r *run) { r.Plan.Promotes = false }), "pause promote abort undo"},
		{"being promoted", with(func(r *run) { r.Station, r.Stage, r.Task = atPromotion, 1, 7 }), "pause abort undo"},
		{"waiting to be promoted", with(func(r *run) { r.Station, r.Stage = atPromotion, 1 }), "pause promote_full abort undo"},
		{"promoted", with(func(r *run) { r.Phase = PhasePromoted }), "undo"},
		{"rolled back", with(func(r *run) { r.Phase = PhaseRolledBack }), ""},
		{"aborted", with(func(r *run) { r.Phase = PhaseAborted }), ""},
		{"superseded", with(func(r *run) { r.Phase = PhaseSuperseded }), ""},
		{"completed", with(func(r *run) { r.Phase = PhaseCompleted }), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, verb := range []string{VerbPause, VerbResume, VerbPromote, VerbPromoteFull, VerbAbort, VerbUndo, "retry", ""} {
				err := tt.r.allows(verb)
				wanted := verb != "" && slices.Contains(strings.Fields(tt.want), verb)
				switch {
				case wanted != (err == nil):
					t.Errorf("%q: got %v", verb, err)
				case err != nil && !errors.Is(err, ErrConflict):
					t.Errorf("%q: %v is no conflict", verb, err)
				case err != nil && tt.want != "" && !strings.Contains(err.Error(), strings.ReplaceAll(tt.want, " ", ", ")):
					t.Errorf("%q: %v does not say what is possible", verb, err)
				}
			}
		})
	}
}

// A run that the disk gives back damaged is refused, before anything is done with it.
func TestDamagedRun(t *testing.T) {
	good, _ := begin(itinerary{Canary: "v2", From: "v1", Stages: []leg{{Name: "a", WeightBP: 500}, {Name: "b", WeightBP: wholeBP}}}, "r1", "alice", storyBegin)
	if err := good.check(); err != nil {
		t.Fatal(err)
	}
	tests := map[string]func(r *run){
		"stages missing":           func(r *run) { r.Stages = nil },
		"stage below":              func(r *run) { r.Stage = -2 },
		"stage above":              func(r *run) { r.Stage = 3 },
		"entered above":            func(r *run) { r.Entered = 2 },
		"entered below":            func(r *run) { r.Entered = -2 },
		"reached above":            func(r *run) { r.Reached = 3 },
		"weight below":             func(r *run) { r.WeightBP = -1 },
		"weight above":             func(r *run) { r.WeightBP = wholeBP + 1 },
		"rise above":               func(r *run) { r.RiseBP = wholeBP + 1 },
		"a leg above":              func(r *run) { r.Plan.Stages = []leg{{WeightBP: wholeBP + 1}, {}} },
		"nowhere":                  func(r *run) { r.Station = "moon" },
		"a stage's place, without": func(r *run) { r.Station, r.Stage = atShift, -1 },
		"no phase":                 func(r *run) { r.Phase = "unclear" },
	}
	for name, damage := range tests {
		t.Run(name, func(t *testing.T) {
			r := good.clone()
			damage(&r)
			if err := r.check(); err == nil || !strings.Contains(err.Error(), "rollout r1") {
				t.Errorf("got %v, want an error that names the rollout", err)
			}
		})
	}
}

// Times that are shown are UTC, wherever the clock was read.
func TestTimesAreUTC(t *testing.T) {
	at := storyBegin.In(time.FixedZone("away", 5*3600))
	r, _ := begin(itinerary{Canary: "v2", From: "v1", Promotes: true, Stages: []leg{{Name: "a", WeightBP: 500}}}, "r1", "alice", at)
	r, _ = advance(r, runInput{at: at, what: runCut, text: "bad"})
	raw, err := json.Marshal(r.status())
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(raw), "+05:00") || !strings.Contains(string(raw), `"ended_at":"2026-11-20T10:00:00Z"`) {
		t.Errorf("got %s", raw)
	}
}

// A stage's time begins when its weight is in force, not at the tick before.
func TestStageTimeBeginsWithItsWeight(t *testing.T) {
	s := newStory(new(strings.Builder))
	if err := s.makePlan([]string{"canary", "stages=a:5:10s"}); err != nil {
		t.Fatal(err)
	}
	s.tasks["shift"] = "hang"
	r, todo := begin(s.plan, "r1", "alice", s.at)
	s.r = r
	s.carryOut(todo)
	if err := s.wait([]string{"2s"}); err != nil {
		t.Fatal(err)
	}
	r, _ = advance(s.r, runInput{at: s.at.Add(900 * time.Millisecond), what: runDone, task: s.r.Task, ok: true})
	r, _ = advance(r, runInput{at: s.at.Add(time.Second), what: runTick, seen: s.seen})
	if got := r.status().Stages[0].Spent; got != 0.1 {
		t.Errorf("got %v s, want 0.1 s", got)
	}
}

// What advance was given stays as it was, whatever it does with it: the caller may
// hold on to it.
func TestAdvanceLeavesItsRunAlone(t *testing.T) {
	s := newStory(new(strings.Builder))
	if err := s.makePlan([]string{"canary", "stages=a:5:10s,b:100:10s", "confirm=1s"}); err != nil {
		t.Fatal(err)
	}
	s.tasks[PointConfirmStage] = "no"
	r, todo := begin(s.plan, "r1", "alice", s.at)
	s.r = r
	s.carryOut(todo)
	if err := s.wait([]string{"11s"}); err != nil {
		t.Fatal(err)
	}
	for what := runTick; what <= runSupersede; what++ {
		was := s.r.clone()
		was.Told = slices.Clone(s.r.Told)
		advance(s.r, runInput{at: s.at.Add(time.Second), what: what, task: s.r.Task, verb: VerbPromoteFull, seen: sight{open: true, requests: 7}})
		if !reflect.DeepEqual(was, s.r) {
			t.Errorf("input %d: got %+v, want %+v", what, s.r, was)
		}
	}
}
