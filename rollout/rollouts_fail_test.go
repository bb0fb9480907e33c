package rollout

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/analysis"
	"sluice/config"
)

func TestBadCanaryIsRolledBack(t *testing.T) {
	var b *bench
	var mu sync.Mutex
	atRollback := map[string]any{}
	out := &world{}
	out.call = func(_ context.Context, at Situation) []HookResult {
		if at.Point == PointRollback {
			w, _ := b.lab.Weights("shop")
			mu.Lock()
			atRollback["weight"], atRollback["phase"], atRollback["decisions"] = w.BP["v2"], at.Phase, len(b.Decisions("shop"))
			mu.Unlock()
			return []HookResult{{Name: "first", Point: at.Point, OK: true}, {Name: "second", Point: at.Point, Message: "got 500"}}
		}
		return nil
	}
	s := canaryShop(500, 2500, 10000)
	s.Guard.Trip.Off = true // so that it is the verdict
	running(t, Options{Outside: out, StateDir: t.TempDir()}, one(s), func(bb *bench) {
		b = bb
		b.lab.exemplars("shop", "v2", "req-1", "req-2")
		b.lab.version("shop", "v2").endpoints = []analysis.EndpointCounts{{Endpoint: "http://127.0.0.1:9002", Counts: analysis.Counts{Requests: 9, Failed: 3}}}
		b.serve(30*time.Second, 400, nil)
		b.start()
		for b.Rollout("shop").Stage < 1 {
			b.splitSecond("shop", 400, nil)
		}
		b.serve(5*time.Second, 400, nil)
		b.wantWeights(7500, 2500)
		st := b.until(PhaseRolledBack, 400, map[string]float64{"v2": 0.5})
		b.wantWeights(10000, 0)
		b.wantState("v2", config.Quarantined)
		b.serve(5*time.Second, 400, nil)
		if v := b.Verdict("shop", "v2"); v.Standing != analysis.Breach || v.Metric != analysis.ErrorRate {
			t.Errorf("the verdict shown is %+v, want the one that condemned", v)
		}
		if st.Stages[0].State != "passed" || st.Stages[1].State != "failed" || st.Stages[2].State != "pending" {
			t.Errorf("stages are %+v", st.Stages)
		}
		settle()
		mu.Lock()
		if atRollback["weight"] != 0 || atRollback["phase"] != PhaseRolledBack || atRollback["decisions"].(int) < 2 {
			t.Errorf("when the hooks of rollback were called: %v", atRollback)
		}
		mu.Unlock()
		if p := out.points(); !slices.Equal(p[len(p)-3:], []string{"rollback stage-2", "rollback_failed stage-2", "after_rollout stage-2"}) {
			t.Errorf("asked for %q", p)
		}
		if st := b.Rollout("shop"); len(st.Hooks) != 2 || st.Hooks[1].Message != "got 500" {
			t.Errorf("results of hooks are %+v", st.Hooks)
		}
		d := b.Decisions("shop")
		if d[0].Kind != "rollout" || d[0].Action != "rollback" || d[1].Kind != "verdict" || d[1].Action != "quarantine" {
			t.Fatalf("decisions are %+v", d)
		}
		for _, d := range d[:2] {
			captured, _ := d.Evidence["captured"].(map[string]any)
			v2, _ := captured["versions"].(map[string]any)["v2"].(map[string]any)
			if v2 == nil || v2["failed"].(uint64) == 0 || v2["p99_ms"] == 0.0 || v2["endpoints"] == nil || v2["state"] == nil {
				t.Fatalf("captured is %+v", captured)
			}
			if ids := v2["failed_request_ids"].([]string); !slices.Equal(ids, []string{"req-2", "req-1"}) {
				t.Errorf("failed requests are %v", ids)
			}
			if captured["versions"].(map[string]any)["v1"] == nil {
				t.Error("nothing is captured of stable")
			}
		}
		h := b.History().Records("shop", 0)
		if len(h) != 1 || h[0].Outcome != "rolled_back" || h[0].FailedAt.IsZero() || h[0].RestoredAt.Before(h[0].FailedAt) || h[0].Evidence == nil || len(h[0].Decisions) < 2 {
			t.Errorf("the history is %+v", h)
		}
		// A retry lifts the quarantine and begins with new evidence.
		b.verb(VerbRetry)
		b.wantState("v2", config.Active)
		if v := b.Verdict("shop", "v2"); v.Standing != analysis.Inconclusive {
			t.Errorf("the verdict after the retry is %v", v.Standing)
		}
		b.until(PhasePromoted, 400, nil)
		if len(b.History().Records("shop", 0)) != 2 {
			t.Error("the retry is not in the history")
		}
	})
}

func TestAbortWhileAHookHangs(t *testing.T) {
	for _, point := range []string{"preflight", "smoke", PointBeforeRollout, PointBeforeStage, PointConfirmStage, PointConfirmPromotion, PointEvent} {
		t.Run(point, func(t *testing.T) {
			ended := make(chan struct{}, 100)
			hang := func(ctx context.Context) { <-ctx.Done(); ended <- struct{}{} }
			out := &world{}
			out.preflight = func(ctx context.Context) []Check {
				if point == "preflight" {
					hang(ctx)
				}
				return nil
			}
			out.smoke = func(ctx context.Context) []SmokeResult {
				if point == "smoke" {
					hang(ctx)
				}
				return nil
			}
			out.call = func(ctx context.Context, at Situation) []HookResult {
				if at.Point == point {
					hang(ctx)
					return []HookResult{{Name: "late", OK: true}}
				}
				return nil
			}
			s := canaryShop(500, 2500)
			s.Rollout.Hooks = []config.Hook{{Name: "events", On: PointEvent}}
			running(t, Options{Outside: out}, one(s), func(b *bench) {
				b.start()
				for range 600 {
					if out.asked(point) > 0 && (point != PointEvent || b.Rollout("shop").Phase == PhaseRunning) {
						break
					}
					b.splitSecond("shop", 400, nil)
				}
				if out.asked(point) == 0 {
					t.Fatalf("never asked; asked for %q", out.points())
				}
				st := b.verb(VerbAbort)
				b.wantWeights(10000, 0)
				if st.Phase != PhaseAborted || !strings.Contains(st.Reason, "api:test") {
					t.Errorf("after the abort: %+v", st)
				}
				if point != PointEvent && len(ended) != 1 {
					t.Errorf("%d hanging calls were ended, want 1", len(ended))
				}
				b.serve(time.Minute, 400, nil)
				b.wantWeights(10000, 0)
				b.wantPhase(PhaseAborted)
			})
		})
	}
}

func TestRolloutWithAFullDisk(t *testing.T) {
	dir := t.TempDir()
	block := filepath.Join(dir, stateFile+".tmp")
	out := &world{}
	running(t, Options{StateDir: dir, Outside: out}, one(canaryShop(500, 2500)), func(b *bench) {
		full := func() {
			t.Helper()
			settle() // nothing is being written
			if err := os.Mkdir(block, 0o700); err != nil {
				t.Fatal(err)
			}
		}
		free := func() {
			t.Helper()
			if err := os.Remove(block); err != nil {
				t.Fatal(err)
			}
		}
		b.start()
		b.serve(20*time.Second, 400, nil)
		b.wantWeights(9500, 500)
		full()
		b.serve(90*time.Second, 400, nil)
		b.wantWeights(9500, 500) // a rise that can't be saved
		if st := b.wantPhase(PhaseWaiting); st.Waiting != "disk" {
			t.Errorf("waits for %s: %s", st.Waiting, st.Reason)
		}
		free()
		b.serve(15*time.Second, 400, nil)
		b.wantWeights(7500, 2500)
		full()
		b.verb(VerbAbort)
		b.wantWeights(10000, 0)
		b.serve(10*time.Second, 400, nil)
		if out.asked(PointRollback) != 1 || out.asked(PointAfterRollout) != 1 {
			t.Errorf("hooks of the end waited for the disk: %q", out.points())
		}
		free()
		b.serve(10*time.Second, 400, nil)
		var state savedState
		raw, err := os.ReadFile(filepath.Join(dir, stateFile))
		if err != nil || json.Unmarshal(raw, &state) != nil || state.Services["shop"].Weights["v2"] != 0 {
			t.Errorf("on disk afterwards: %s, %v", raw, err)
		}
	})
}

func TestFailurePauses(t *testing.T) {
	s := canaryShop(500, 2500)
	s.Rollout.OnFailure, s.Rollout.MaxWait = "pause", 2*time.Minute
	running(t, Options{}, one(s), func(b *bench) {
		b.start()
		for b.Rollout("shop").Stage < 1 {
			b.splitSecond("shop", 400, nil)
		}
		st := b.until(PhasePaused, 3, nil) // none of them falls to the canary
		b.wantWeights(9500, 500)
		if st.Stages[1].State != "failed" || b.Decisions("shop")[0].Action != "pause" {
			t.Errorf("got %+v, %+v", st, b.Decisions("shop")[0])
		}
		if b.Decisions("shop")[0].Evidence["captured"] == nil {
			t.Error("no state is captured")
		}
		b.verb(VerbResume)
		b.until(PhasePromoted, 400, nil)
	})
}

func TestWeightsBelongToTheRunningRollout(t *testing.T) {
	running(t, Options{StateDir: t.TempDir()}, one(canaryShop(500, 2500)), func(b *bench) {
		b.start()
		b.serve(5*time.Second, 400, nil)
		b.wantWeights(9500, 500)
		if _, err := b.SetWeights(shopCommand, map[string]int{"v1": 10000}); !errors.Is(err, ErrConflict) || !strings.Contains(err.Error(), "pause") {
			t.Errorf("while it runs: got %v", err)
		}
		b.wantWeights(9500, 500)
		b.verb(VerbPause)
		if _, err := b.SetWeights(shopCommand, map[string]int{"v1": 9900, "v2": 100}); err != nil {
			t.Errorf("while it is paused: %v", err)
		}
		b.wantWeights(9900, 100)
		b.verb(VerbResume)
		b.serve(3*time.Second, 400, nil)
		b.wantWeights(9500, 500) // the stage's again
		b.until(PhasePromoted, 400, nil)
		if _, err := b.SetWeights(shopCommand, map[string]int{"v2": 9000, "v1": 1000}); err != nil {
			t.Errorf("after its end: %v", err)
		}
	})
}

func TestExposedFailuresEndTheRollout(t *testing.T) {
	s := canaryShop(500, 2500)
	s.Guard.Trip.Off, s.Guard.Action, s.Guard.MaxExposedFailures = true, "alert", 5
	running(t, Options{}, one(s), func(b *bench) {
		b.serve(10*time.Second, 400, map[string]float64{"v1": 0.01})
		b.start()
		b.serve(5*time.Second, 400, map[string]float64{"v1": 0.01})
		b.serve(1*time.Second, 400, map[string]float64{"v2": 0.25}) // 5 of 20: not over the limit
		b.wantPhase(PhaseRunning)
		for range 50 {
			b.lab.preview("shop", "v2", analysis.ServerError) // testers are no users
		}
		b.serve(time.Second, 400, map[string]float64{"v1": 0.01})
		b.wantPhase(PhaseRunning)
		for range 3 { // each of these failures stable answered instead
			b.lab.version("shop", "v2").spared.Add(5)
			b.serve(time.Second, 400, map[string]float64{"v2": 0.25})
		}
		b.wantPhase(PhaseRunning)
		b.serve(2*time.Second, 400, map[string]float64{"v2": 0.25})
		b.wantPhase(PhaseRolledBack)
		b.wantWeights(10000, 0)
		b.wantState("v2", config.Quarantined)
		var found bool
		for _, d := range b.Decisions("shop") {
			found = found || d.Metric == "exposed_failures" && d.Action == "quarantine" && strings.Contains(d.Summary, "at most 5 are allowed")
		}
		if !found {
			t.Errorf("decisions are %+v", b.Decisions("shop"))
		}
	})
}

func TestRollbackHooksOfFlaggerAreAQuestion(t *testing.T) {
	s := canaryShop(500, 2500)
	s.Rollout.OnFailure = "pause" // it rolls back nevertheless
	s.Rollout.Hooks = []config.Hook{{Name: "gate", On: PointRollback, Format: formatFlagger, Interval: 5 * time.Second}}
	var mu sync.Mutex
	yes := false
	out := &world{call: func(_ context.Context, at Situation) []HookResult {
		mu.Lock()
		defer mu.Unlock()
		if at.Point == PointRollbackQuery {
			return []HookResult{{Name: "gate", Point: at.Point, OK: yes}}
		}
		return nil
	}}
	running(t, Options{Outside: out}, one(s), func(b *bench) {
		b.start()
		b.serve(31*time.Second, 400, nil)
		b.wantPhase(PhaseRunning)
		if n := out.asked(PointRollbackQuery); n < 6 || n > 7 {
			t.Errorf("asked %d times in half a minute, want every 5 s", n)
		}
		mu.Lock()
		yes = true
		mu.Unlock()
		b.serve(7*time.Second, 400, nil)
		if st := b.wantPhase(PhaseRolledBack); !strings.Contains(st.Reason, "gate") {
			t.Errorf("the reason is %s", st.Reason)
		}
		b.wantWeights(10000, 0)
	})
}
