package rollout

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/analysis"
	"sluice/config"
)

// promote brings v2 to be stable.
func (b *bench) promote() {
	b.t.Helper()
	b.serve(time.Minute, 400, nil)
	b.start()
	b.until(PhasePromoted, 400, nil)
	b.wantWeights(0, 10000)
}

func (b *bench) wantStable(want string) {
	b.t.Helper()
	if got := b.lab.stable("shop"); got != want {
		b.t.Fatalf("stable is %s, want %s", got, want)
	}
}

func TestBreachInTheStandbySwitchesBack(t *testing.T) {
	for _, tt := range []struct {
		name   string
		rate   float64
		within time.Duration // of the first failure
		metric string
	}{{"everything fails", 1, time.Second, "trip"}, {"one in twelve fails", 0.08, 40 * time.Second, ""}} {
		t.Run(tt.name, func(t *testing.T) {
			out := &world{}
			running(t, Options{Outside: out}, one(canaryShop(500, 2500, 10000)), func(b *bench) {
				b.promote()
				b.serve(30*time.Second, 400, nil)
				began := time.Now()
				for b.lab.stable("shop") == "v2" && time.Since(began) < tt.within+time.Second {
					b.splitSecond("shop", 400, map[string]float64{"v2": tt.rate})
				}
				b.wantStable("v1")
				b.wantWeights(10000, 0)
				b.wantState("v2", config.Quarantined)
				if took := time.Since(began); took > tt.within {
					t.Errorf("it took %v, want at most %v", took, tt.within)
				}
				settle()
				st := b.wantPhase(PhaseRolledBack)
				if !strings.Contains(st.Reason, "stood by") {
					t.Errorf("the reason is %s", st.Reason)
				}
				var d Decision
				for _, one := range b.Decisions("shop") {
					if one.Action == "switch_back" {
						d = one
					}
				}
				if d.Version != "v2" || d.Evidence["stable_again"] != "v1" || d.Evidence["captured"] == nil {
					t.Errorf("decisions are %+v", b.Decisions("shop"))
				}
				if versions := d.Evidence["captured"].(map[string]any)["versions"].(map[string]any); versions["v1"] == nil || versions["v2"] == nil {
					t.Errorf("captured are %v, want both versions", versions)
				}
				if n := len(maps.Collect(maps.All(b.Rollbacks()))); n != 1 {
					t.Errorf("rollbacks are %v", b.Rollbacks())
				}
				if out.asked(PointRollback) != 1 || out.asked(PointAfterRollout) != 2 {
					t.Errorf("asked for %q", out.points())
				}
				if len(b.events("rollback")) == 0 {
					t.Error("no event rollback")
				}
				h := b.History().Records("shop", 0)
				if len(h) != 1 || h[0].Outcome != "promoted" || h[0].UndoneAt.IsZero() || h[0].FailedAt.IsZero() {
					t.Errorf("the history is %+v", h)
				}
				b.serve(time.Minute, 400, nil)
				b.wantWeights(10000, 0)
			})
		})
	}
}

// TestJudgeKeepsItsQuestionThroughAPromotion: with the trip off the verdict alone looks after the new
// stable, by what it knows of the old one.
func TestJudgeKeepsItsQuestionThroughAPromotion(t *testing.T) {
	s := canaryShop(500, 2500, 10000)
	s.Guard.Trip.Off = true
	running(t, Options{}, one(s), func(b *bench) {
		judge := func() *analysis.Judge {
			b.mu.Lock()
			defer b.mu.Unlock()
			return b.services["shop"].version("v2").judge
		}
		b.serve(2*time.Minute, 400, nil)
		b.start()
		b.serve(5*time.Second, 400, nil)
		before := judge()
		b.until(PhasePromoted, 400, nil)
		if judge() != before {
			t.Error("the judge began anew with the promotion")
		}
		b.serve(90*time.Second, 400, map[string]float64{"v2": 0.05})
		b.wantStable("v1")
		b.wantState("v2", config.Quarantined)
		var kinds []string
		for _, d := range b.Decisions("shop") {
			kinds = append(kinds, d.Kind+" "+d.Action+" "+d.Metric)
		}
		if !slices.Contains(kinds, "verdict switch_back error_rate") {
			t.Errorf("decisions are %q", kinds)
		}
	})
}

func TestHealthyStableStaysThroughItsStandby(t *testing.T) {
	running(t, Options{}, one(canaryShop(500, 2500, 10000)), func(b *bench) {
		b.serve(time.Minute, 2000, map[string]float64{"v1": 0.01})
		b.start()
		b.until(PhasePromoted, 2000, map[string]float64{"v1": 0.01, "v2": 0.01})
		b.serve(6*time.Minute, 2000, map[string]float64{"v2": 0.01})
		b.wantStable("v2")
		b.wantState("v2", config.Active)
		// The standby is over: from now on stable is told of, not cut.
		b.serve(time.Minute, 400, map[string]float64{"v2": 0.5})
		b.wantStable("v2")
		if len(b.events("alert")) == 0 {
			t.Error("nobody was told")
		}
	})
}

func TestUndo(t *testing.T) {
	for _, tt := range []struct {
		name  string
		after time.Duration
	}{{"within the standby", time.Minute}, {"long after", time.Hour}} {
		t.Run(tt.name, func(t *testing.T) {
			running(t, Options{StateDir: t.TempDir()}, one(canaryShop(500, 10000)), func(b *bench) {
				b.promote()
				b.serve(tt.after, 400, nil)
				if st := b.verb(VerbUndo); st.Phase != PhaseRolledBack || !strings.Contains(st.Reason, "undone by api:test") {
					t.Errorf("after the undo: %+v", st)
				}
				b.wantStable("v1")
				b.wantWeights(10000, 0)
				b.wantState("v2", config.Active)
				if h := b.History().Records("shop", 0); len(h) != 1 || h[0].Outcome != "promoted" || h[0].UndoneAt.IsZero() {
					t.Errorf("the history is %+v", h)
				}
				if _, err := b.RolloutVerb(shopCommand, VerbUndo); !errors.Is(err, ErrConflict) {
					t.Errorf("a second undo: %v", err)
				}
				b.start() // and once more
				b.until(PhasePromoted, 400, nil)
			})
		})
	}
}

func TestUndoNeedsTheOldStable(t *testing.T) {
	s := canaryShop(500, 10000)
	running(t, Options{}, one(s), func(b *bench) {
		b.promote()
		if _, err := b.SetWeights(shopCommand, map[string]int{"v1": 10000}); err != nil {
			t.Fatal(err)
		}
		b.verb(VerbUndo) // stable is still v2
		b.wantStable("v1")
		b.promote()
		alone := canaryShop(500, 10000)
		alone.Stable, alone.Versions, alone.Rollout = "v2", alone.Versions[1:], nil
		b.load(alone)
		if _, err := b.RolloutVerb(shopCommand, VerbUndo); !errors.Is(err, ErrConflict) || !strings.Contains(err.Error(), "left the file") {
			t.Errorf("got %v", err)
		}
	})
}

// TestUndoReadmitsTheOldStable: people drain the old version, or switch it off, once the new one is stable.
func TestUndoReadmitsTheOldStable(t *testing.T) {
	for _, state := range []config.State{config.Draining, config.Off} {
		running(t, Options{}, one(canaryShop(500, 10000)), func(b *bench) {
			b.promote()
			if _, err := b.SetState(shopCommand, "v1", state); err != nil {
				t.Fatal(err)
			}
			b.verb(VerbUndo)
			b.wantStable("v1")
			b.wantState("v1", config.Active)
		})
	}
	running(t, Options{}, one(canaryShop(500, 10000)), func(b *bench) {
		b.promote()
		b.mu.Lock()
		b.step(b.services["shop"], input{at: time.Now(), what: exposed, version: "v1"}, facts{})
		b.mu.Unlock()
		b.wantState("v1", config.Quarantined)
		if _, err := b.RolloutVerb(shopCommand, VerbUndo); !errors.Is(err, ErrConflict) || !strings.Contains(err.Error(), "quarantined") {
			t.Errorf("got %v", err)
		}
		b.wantStable("v2")
	})
}

func TestNewerStartSupersedes(t *testing.T) {
	s := canaryShop(500, 2500)
	s.Versions = append(s.Versions, config.Version{Name: "v3", Endpoints: []config.Endpoint{{URL: "http://127.0.0.1:9003"}}})
	running(t, Options{StateDir: t.TempDir()}, one(s), func(b *bench) {
		first := b.start()
		b.serve(70*time.Second, 400, nil)
		b.wantWeights(7500, 2500)
		second, err := b.StartRollout(shopCommand, "v3")
		if err != nil || second.Canary != "v3" || second.ID == first.ID {
			t.Fatalf("got %+v, %v", second, err)
		}
		w, _ := b.lab.Weights("shop")
		if w.BP["v2"] != 0 || w.BP["v3"] != 0 {
			t.Errorf("weights at once are %v, want all to stable", w.BP)
		}
		h := b.History().Records("shop", 0)
		if len(h) != 1 || h[0].ID != first.ID || h[0].Outcome != "superseded" {
			t.Errorf("the history is %+v", h)
		}
		if b.lab.services["shop"].candidate != "v3" {
			t.Errorf("previews show %q, want v3", b.lab.services["shop"].candidate)
		}
		b.until(PhasePromoted, 400, nil)
		b.wantStable("v3")
	})
}

func TestTwoServicesGoTheirOwnWays(t *testing.T) {
	s, shoes := canaryShop(500, 2500), canaryShop(1000)
	shoes.Name = "shoes"
	running(t, Options{StateDir: t.TempDir()}, []config.Service{s, shoes}, func(b *bench) {
		b.start()
		if _, err := b.StartRollout(Command{Service: "shoes", By: "api:test"}, ""); err != nil {
			t.Fatal(err)
		}
		for range 20 {
			b.serveBoth(map[string]float64{"v2": 0}, nil)
		}
		for range 30 {
			b.serveBoth(map[string]float64{"v2": 0}, map[string]float64{"v2": 1})
		}
		if st := b.Rollout("shoes"); st.Phase == PhasePromoted {
			t.Errorf("the bad one is %+v", st)
		}
		for b.Rollout("shop").Phase != PhasePromoted {
			b.serveBoth(nil, nil)
		}
		if w, _ := b.lab.Weights("shoes"); w.Stable != "v1" {
			t.Errorf("shoes: %+v", w)
		}
		if n := len(b.Runs()); n != 2 {
			t.Errorf("%d runs, want 2", n)
		}
	})
}

// serveBoth sends a second of traffic to both services.
func (b *bench) serveBoth(shop, shoes map[string]float64) {
	w, _ := b.lab.Weights("shoes")
	for _, name := range names(w.BP) {
		n := 400 * w.BP[name] / wholeBP
		bad := int(float64(n) * shoes[name])
		b.lab.send("shoes", name, n-bad, analysis.Success)
		b.lab.send("shoes", name, bad, analysis.ServerError)
	}
	b.splitSecond("shop", 400, shop)
}

func TestVerbsNameTheirRunAndGate(t *testing.T) {
	s := canaryShop(500, 2500)
	s.Rollout.Stages[1].Approval = &config.Approval{}
	running(t, Options{}, one(s), func(b *bench) {
		if _, err := b.RolloutVerb(shopCommand, VerbAbort); !errors.Is(err, ErrConflict) {
			t.Errorf("without a rollout: %v", err)
		}
		st := b.start()
		if _, err := b.RolloutVerb(shopCommand, "fly"); !errors.Is(err, ErrInvalid) {
			t.Errorf("an unknown verb: %v", err)
		}
		late := shopCommand
		late.Run, late.Gate = st.ID, "stage:stage-2"
		if _, err := b.RolloutVerb(late, VerbPromote); !errors.Is(err, ErrConflict) {
			t.Errorf("before the gate: %v", err)
		}
		st = b.until(PhaseWaiting, 400, nil)
		if st.Gate != "stage:stage-2" || len(b.events("approval")) != 1 || b.events("approval")[0].Fields["gate"] != st.Gate {
			t.Fatalf("at the gate: %+v, %+v", st, b.events("approval"))
		}
		stale := shopCommand
		stale.IfMatch = `"0000000000000000"`
		if _, err := b.RolloutVerb(stale, VerbPromote); !errors.Is(err, ErrStale) {
			t.Errorf("a stale tag: %v", err)
		}
		dry := late
		dry.DryRun = true
		if _, err := b.RolloutVerb(dry, VerbPromote); err != nil {
			t.Error(err)
		}
		b.serve(time.Minute, 400, nil)
		b.wantWeights(9500, 500)
		if _, err := b.RolloutVerb(late, VerbPromote); err != nil {
			t.Error(err)
		}
		b.serve(3*time.Second, 400, nil)
		b.wantWeights(7500, 2500)
		if _, err := b.RolloutVerb(late, VerbPromote); !errors.Is(err, ErrConflict) {
			t.Errorf("after the gate: %v", err)
		}
		other := shopCommand
		other.Run = "another"
		if _, err := b.RolloutVerb(other, VerbAbort); !errors.Is(err, ErrConflict) {
			t.Errorf("for another run: %v", err)
		}
		dry.Gate = ""
		if st, err := b.RolloutVerb(dry, VerbAbort); err != nil || st.Phase != PhaseAborted {
			t.Errorf("a dry abort: %+v, %v", st, err)
		}
		b.wantWeights(7500, 2500)
	})
}
