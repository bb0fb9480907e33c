package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/analysis"
	"sluice/config"
)

// world is an Outside whose answers a test chooses. The zero value finds nothing wrong.
type world struct {
	mu        sync.Mutex
	called    []Situation
	preflight func(ctx context.Context) []Check
	smoke     func(ctx context.Context) []SmokeResult
	call      func(ctx context.Context, at Situation) []HookResult
}

func (w *world) Preflight(ctx context.Context, at Situation) []Check {
	w.note(at, "preflight")
	if w.preflight != nil {
		return w.preflight(ctx)
	}
	return []Check{{Name: "endpoints", Severity: "critical", OK: true}}
}

func (w *world) Smoke(ctx context.Context, at Situation) []SmokeResult {
	w.note(at, "smoke")
	if w.smoke != nil {
		return w.smoke(ctx)
	}
	return []SmokeResult{{Name: "home", OK: true}}
}

func (w *world) Call(ctx context.Context, at Situation) []HookResult {
	w.note(at, at.Point)
	if w.call != nil {
		return w.call(ctx, at)
	}
	return nil
}

func (w *world) note(at Situation, point string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	at.Point = point
	w.called = append(w.called, at)
}

// points are what was asked for, in order; events are left out.
func (w *world) points() (all []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, at := range w.called {
		if at.Point == PointEvent {
			continue
		}
		name := at.Point
		if at.Stage != "" {
			name += " " + at.Stage
		}
		all = append(all, name)
	}
	return all
}

func (w *world) asked(point string) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, at := range w.called {
		if at.Point == point {
			n++
		}
	}
	return n
}

// canary is the shop with a rollout of v2 in the given weights, a minute each.
func canaryShop(weights ...int) config.Service {
	s := shop(10000, 0)
	s.Versions[0].Endpoints = []config.Endpoint{{URL: "http://127.0.0.1:9001"}}
	s.Versions[1].Endpoints = []config.Endpoint{{URL: "http://127.0.0.1:9002"}}
	s.Versions[1].Labels = map[string]string{"release": "2.0.0"}
	s.Rollout = &config.Rollout{Strategy: "canary", Canary: "v2", MaxWait: 10 * time.Minute, OnFailure: "rollback", Standby: 5 * time.Minute,
		Analysis: "evidence", Preflight: "enforce", Success: config.Criteria{"error_rate": {{Text: "< 5%", Op: "<", Value: 0.05}}}}
	for i, bp := range weights {
		s.Rollout.Stages = append(s.Rollout.Stages, config.Stage{Name: fmt.Sprintf("stage-%d", i+1), WeightBP: bp, Duration: time.Minute, MinRequests: 50})
	}
	return s
}

// start begins a rollout.
func (b *bench) start() Status {
	b.t.Helper()
	st, err := b.StartRollout(shopCommand, "")
	if err != nil {
		b.t.Fatal(err)
	}
	settle()
	return st
}

func (b *bench) verb(verb string) Status {
	b.t.Helper()
	st, err := b.RolloutVerb(shopCommand, verb)
	if err != nil {
		b.t.Fatal(err)
	}
	settle()
	return st
}

// serve sends rps requests a second for so long, split by the live weights; of those
// to a version a share fails.
func (b *bench) serve(d time.Duration, rps int, failing map[string]float64) {
	for range int(d / time.Second) {
		b.splitSecond("shop", rps, failing)
	}
}

func (b *bench) splitSecond(service string, rps int, failing map[string]float64) {
	w, _ := b.lab.Weights(service)
	for _, name := range names(w.BP) {
		n := rps * w.BP[name] / wholeBP
		if st := w.States[name]; st != config.Active {
			continue
		}
		bad := int(float64(n) * failing[name])
		for i := range bad { // evenly, as failures come that are nobody's fault
			b.lab.send(service, name, n*(i+1)/bad-n*i/bad-1, analysis.Success)
			b.lab.send(service, name, 1, analysis.ServerError)
		}
		if bad == 0 {
			b.lab.send(service, name, n, analysis.Success)
		}
	}
	time.Sleep(time.Second)
	settle() // what the controller does at this very instant is done, and on disk
}

// until serves until the rollout of the shop is in a phase, for an hour at most.
func (b *bench) until(phase Phase, rps int, failing map[string]float64) Status {
	b.t.Helper()
	for range 3600 {
		if st := b.Rollout("shop"); st.Phase == phase {
			return st
		}
		b.splitSecond("shop", rps, failing)
	}
	b.t.Fatalf("after an hour the rollout is %+v, want %s", b.Rollout("shop"), phase)
	return Status{}
}

func (b *bench) wantPhase(want Phase) Status {
	b.t.Helper()
	st := b.Rollout("shop")
	if st.Phase != want {
		b.t.Fatalf("the rollout is %s (%s), want %s", st.Phase, st.Reason, want)
	}
	return st
}

func TestCanaryFromStartToFinish(t *testing.T) {
	out := &world{}
	running(t, Options{Outside: out, StateDir: t.TempDir()}, one(canaryShop(500, 2500, 10000)), func(b *bench) {
		b.serve(30*time.Second, 400, nil)
		st := b.start()
		if st.Phase != PhaseChecking || st.Canary != "v2" || st.From != "v1" || st.Labels["release"] != "2.0.0" {
			t.Fatalf("the start is %+v", st)
		}
		b.wantWeights(10000, 0)
		b.serve(3*time.Second, 400, nil)
		b.wantWeights(9500, 500)
		b.serve(30*time.Second, 400, nil)
		if st := b.wantPhase(PhaseRunning); st.Stage != 0 || st.Promotion == nil || st.Promotion.Requests == 0 || len(st.Checks) != 1 || len(st.Smoke) != 1 {
			t.Errorf("after half a minute: %+v", st)
		}
		st = b.until(PhasePromoted, 400, nil)
		b.wantWeights(0, 10000)
		if w, _ := b.lab.Weights("shop"); w.Stable != "v2" {
			t.Errorf("stable is %s, want v2", w.Stable)
		}
		for _, s := range st.Stages {
			if s.State != "passed" || s.Requests < 50 || s.Spent < 60 {
				t.Errorf("stage %+v", s)
			}
		}
		settle()
		want := []string{"preflight", "smoke", "before_rollout", "before_stage stage-1", "confirm_stage stage-1", "after_stage stage-1",
			"before_stage stage-2", "confirm_stage stage-2", "after_stage stage-2", "before_stage stage-3", "confirm_stage stage-3", "after_stage stage-3",
			"confirm_promotion", "after_rollout"}
		got := slices.DeleteFunc(out.points(), func(p string) bool {
			return strings.HasPrefix(p, PointDuringStage) || p == PointConfirmRollout || p == PointBeforeTestTraffic || p == PointAfterTestTraffic
		})
		if !slices.Equal(got, want) {
			t.Errorf("asked for\n%q, want\n%q", got, want)
		}
		if d := b.Decisions("shop")[0]; d.Kind != "rollout" || d.Action != "promote" || d.Evidence["requests"] == uint64(0) {
			t.Errorf("decision is %+v", d)
		}
		for _, kind := range []string{"started", "stage", "promoted"} {
			if len(b.events(kind)) == 0 {
				t.Errorf("no event %s", kind)
			}
		}
		if h := b.History().Records("shop", 0); len(h) != 1 || h[0].Outcome != "promoted" || len(h[0].Stages) != 3 {
			t.Errorf("the history is %+v", h)
		}
		b.serve(6*time.Minute, 400, nil)
		if st := b.wantPhase(PhasePromoted); !st.StandbyUntil.IsZero() || st.Waiting != "" {
			t.Errorf("after the standby: %+v", st)
		}
		if _, err := b.StartRollout(shopCommand, ""); !errors.Is(err, ErrConflict) || !strings.Contains(err.Error(), "version=v1") {
			t.Errorf("the canary is stable: got %v", err)
		}
	})
}

// TestNextWeightComesInTheSameLook: nothing lies between a stage that has passed and the weight of the next.
func TestNextWeightComesInTheSameLook(t *testing.T) {
	running(t, Options{Outside: &world{}, StateDir: t.TempDir()}, one(canaryShop(500, 2500)), func(b *bench) {
		b.serve(10*time.Second, 400, nil)
		b.start()
		for b.Rollout("shop").Stages[0].State != "passed" {
			b.splitSecond("shop", 400, nil)
		}
		b.wantWeights(7500, 2500)
		for b.Rollout("shop").Stages[1].State != "passed" {
			b.splitSecond("shop", 400, nil)
		}
		b.wantPhase(PhasePromoted)
	})
}
