package rollout

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sluice/config"
)

// life is one process in a bubble: it serves until f returns, and then is gone.
func life(t *testing.T, o Options, services []config.Service, f func(b *bench)) {
	t.Helper()
	b := newBench(t, o, services...)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	settle()
	f(b)
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestRestartAtEveryPoint ends the process at each second second of a rollout, takes up a new one on
// the same directory, and wants the rollout to come to its end as if nothing had been.
func TestRestartAtEveryPoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		today()
		dir := t.TempDir()
		s := canaryShop(500, 2500, 10000)
		out := &world{}
		o := Options{StateDir: dir, Outside: out}
		var id string
		life(t, o, one(s), func(b *bench) {
			b.serve(time.Minute, 400, nil)
			id = b.start().ID
		})
		weights := []int{0}
		for range 600 {
			done := false
			life(t, o, one(s), func(b *bench) {
				before, _ := b.lab.Weights("shop")
				if last := weights[len(weights)-1]; before.BP["v2"] != last {
					t.Fatalf("v2 has %d after a restart, had %d", before.BP["v2"], last)
				}
				b.serve(2*time.Second, 400, nil)
				st := b.Rollout("shop")
				if st.ID != id {
					t.Fatalf("the rollout is %s, want %s", st.ID, id)
				}
				done = st.Phase == PhasePromoted
				now, _ := b.lab.Weights("shop")
				weights = append(weights, now.BP["v2"])
			})
			if done {
				break
			}
		}
		if last := weights[len(weights)-1]; last != wholeBP || !slices.IsSorted(weights) {
			t.Fatalf("weights of v2 were %v", slices.Compact(weights))
		}
		if got := slices.Compact(weights); !slices.Equal(got, []int{0, 500, 2500, 10000}) {
			t.Errorf("weights of v2 were %v", got)
		}
		life(t, o, one(s), func(b *bench) {
			st := b.wantPhase(PhasePromoted)
			if w, _ := b.lab.Weights("shop"); w.Stable != "v2" {
				t.Errorf("stable is %s", w.Stable)
			}
			if b.guardOf("shop").standby != "v1" || st.StandbyUntil.IsZero() {
				t.Errorf("the standby is forgotten: %+v", st)
			}
			if h := b.History().Records("shop", 0); len(h) != 1 {
				t.Errorf("the history is %+v", h)
			}
			b.verb(VerbUndo)
		})
		life(t, o, one(s), func(b *bench) {
			b.wantWeights(10000, 0)
			b.wantPhase(PhaseRolledBack)
		})
	})
}

func (b *bench) guardOf(service string) guard {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.services[service].guard
}

func TestEndsAreFinishedByTheNextProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		today()
		o := Options{StateDir: t.TempDir(), Outside: &world{call: func(ctx context.Context, at Situation) []HookResult {
			if at.Point == PointRollback {
				<-ctx.Done() // until the process ends
			}
			return nil
		}}}
		var key string
		life(t, o, one(canaryShop(500)), func(b *bench) {
			b.start()
			b.serve(5*time.Second, 400, nil)
			b.verb(VerbAbort)
			b.serve(5*time.Second, 400, nil)
			key = b.Rollout("shop").ID + "/" + PointRollback
		})
		out := &world{}
		o.Outside = out
		life(t, o, one(canaryShop(500)), func(b *bench) { b.serve(2*time.Second, 400, nil) })
		if p := out.points(); !slices.Equal(p, []string{"rollback stage-1", "after_rollout stage-1"}) || out.called[0].Key != key {
			t.Errorf("asked for %q, key %q, want %q", p, out.called[0].Key, key)
		}
		again := &world{}
		o.Outside = again
		life(t, o, one(canaryShop(500)), func(b *bench) { b.serve(2*time.Second, 400, nil) })
		if p := again.points(); len(p) != 0 {
			t.Errorf("asked once more for %q", p)
		}
	})
}

func TestDamagedRolloutGetsNoTraffic(t *testing.T) {
	for _, tt := range []struct {
		name   string
		damage func(map[string]any)
	}{
		{"no JSON of ours", func(s map[string]any) { s["rollout"] = "what?" }},
		{"a weight that can't be", func(s map[string]any) { s["rollout"].(map[string]any)["run"].(map[string]any)["weight_bp"] = 20000 }},
		{"a stage that is not there", func(s map[string]any) { s["rollout"].(map[string]any)["run"].(map[string]any)["stage"] = 7 }},
		{"an unknown phase", func(s map[string]any) { s["rollout"].(map[string]any)["run"].(map[string]any)["phase"] = "flying" }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				today()
				o := Options{StateDir: t.TempDir()}
				s := canaryShop(500, 2500)
				s.Rollout.AutoStart = true
				life(t, o, one(s), func(b *bench) {
					b.serve(5*time.Second, 400, nil)
					b.wantWeights(9500, 500)
				})
				path := filepath.Join(o.StateDir, stateFile)
				raw, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				var state map[string]any
				if err := json.Unmarshal(raw, &state); err != nil {
					t.Fatal(err)
				}
				tt.damage(state["services"].(map[string]any)["shop"].(map[string]any))
				raw, _ = json.Marshal(state)
				if err := os.WriteFile(path, raw, 0o600); err != nil {
					t.Fatal(err)
				}
				life(t, o, one(s), func(b *bench) {
					b.serve(time.Minute, 400, nil)
					b.wantWeights(10000, 0)
					if st := b.Rollout("shop"); st.ID != "" {
						t.Errorf("the rollout is %+v", st)
					}
					if e := b.events("alert"); len(e) != 1 || !strings.Contains(e[0].Message, "is lost") {
						t.Errorf("alerts are %+v", e)
					}
				})
			})
		})
	}
}

func TestAutoStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		today()
		o := Options{StateDir: t.TempDir()}
		s := canaryShop(500, 10000)
		s.Rollout.AutoStart = true
		release := func(version int, label string) {
			s.Versions = slices.Clone(s.Versions)
			s.Versions[version].Labels = map[string]string{"release": label}
		}
		var first string
		life(t, o, one(s), func(b *bench) { // never rolled out: it is
			first = b.Rollout("shop").ID
			if st := b.Rollout("shop"); st.By != "file" || st.Canary != "v2" {
				t.Errorf("at first: %+v", st)
			}
			b.load(s) // nothing has changed
			b.serve(5*time.Second, 400, nil)
			if st := b.Rollout("shop"); st.ID != first {
				t.Errorf("a reload without a change started %+v", st)
			}
			release(1, "2.0.1")
			b.load(s)
			if st := b.Rollout("shop"); st.ID == first || st.Labels["release"] != "2.0.1" {
				t.Errorf("after a change: %+v", st)
			}
			if h := b.History().Records("shop", 0); len(h) != 1 || h[0].Outcome != "superseded" {
				t.Errorf("the history is %+v", h)
			}
			b.until(PhasePromoted, 400, nil)
			b.load(s)
			b.wantPhase(PhasePromoted)
		})
		release(1, "2.0.2") // of what is stable by now: it serves already
		life(t, o, one(s), func(b *bench) { b.wantPhase(PhasePromoted) })
		release(0, "2.1.0") // of the version whose turn it is, while no process ran
		life(t, o, one(s), func(b *bench) {
			if st := b.Rollout("shop"); st.Phase != PhaseChecking || st.Canary != "v1" || st.From != "v2" {
				t.Errorf("after a change while it was down: %+v", st)
			}
		})
	})
}

// TestAutoStartReleasesNoQuarantine: what was condemned before there was a rollout of it stays so
// until it is another deployment.
func TestAutoStartReleasesNoQuarantine(t *testing.T) {
	s := canaryShop(500)
	s.Versions[0].WeightBP, s.Versions[1].WeightBP = 9000, 1000
	r := s.Rollout
	s.Rollout = nil
	running(t, Options{}, one(s), func(b *bench) {
		quarantine(b, "v2")
		s.Rollout = r
		s.Rollout.AutoStart = true
		b.load(s)
		b.wantState("v2", config.Quarantined)
		if st := b.Rollout("shop"); st.ID != "" {
			t.Errorf("it started: %+v", st)
		}
		s.Versions = slices.Clone(s.Versions)
		s.Versions[1].Labels = map[string]string{"release": "2.0.1"}
		b.load(s)
		b.wantState("v2", config.Active)
		b.wantPhase(PhaseChecking)
	})
}

func TestLostStateStartsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		today()
		o := Options{StateDir: t.TempDir()}
		if err := os.WriteFile(filepath.Join(o.StateDir, stateFile), []byte("{"), 0o600); err != nil {
			t.Fatal(err)
		}
		s := canaryShop(500)
		s.Versions[0].WeightBP, s.Versions[1].WeightBP = 9000, 1000
		s.Rollout.AutoStart = true
		life(t, o, one(s), func(b *bench) {
			b.serve(5*time.Second, 400, nil)
			b.wantWeights(10000, 0)
			if st := b.Rollout("shop"); st.ID != "" {
				t.Errorf("started by a guess: %+v", st)
			}
		})
		life(t, o, one(s), func(b *bench) {
			if st := b.Rollout("shop"); st.ID != "" {
				t.Errorf("started by a guess, one process later: %+v", st)
			}
		})
	})
}

func TestFileAndRunningRollout(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(s *config.Service)
		phase  Phase
		v2     int
	}{
		{"another timeout", func(s *config.Service) { s.Timeouts.Connect = time.Second }, PhaseRunning, 500},
		{"other stages", func(s *config.Service) { s.Rollout.Stages = s.Rollout.Stages[:1] }, PhaseRunning, 500},
		{"a version more", func(s *config.Service) { s.Versions = append(s.Versions, config.Version{Name: "v3"}) }, PhaseAborted, 0},
		{"other weights", func(s *config.Service) { s.Versions[0].WeightBP, s.Versions[1].WeightBP = 7000, 3000 }, PhaseAborted, 3000},
		{"the canary leaves", func(s *config.Service) { s.Versions, s.Rollout = s.Versions[:1], nil }, PhaseAborted, 0},
		{"no rollout any more", func(s *config.Service) { s.Rollout = nil }, PhaseAborted, 0},
	} {
		for _, restart := range []bool{false, true} {
			t.Run(tt.name+map[bool]string{true: ", while it was down"}[restart], func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					today()
					o := Options{StateDir: t.TempDir()}
					before, after := canaryShop(500, 2500), canaryShop(500, 2500)
					tt.change(&after)
					check := func(b *bench) {
						b.serve(2*time.Second, 400, nil)
						st := b.wantPhase(tt.phase)
						w, _ := b.lab.Weights("shop")
						if w.BP["v2"] != tt.v2 {
							t.Errorf("v2 has %d, want %d (%s)", w.BP["v2"], tt.v2, st.Reason)
						}
						if len(st.Stages) != 2 {
							t.Errorf("the plan was bent: %+v", st.Stages)
						}
					}
					life(t, o, one(before), func(b *bench) {
						b.start()
						b.serve(5*time.Second, 400, nil)
						b.wantWeights(9500, 500)
						if !restart {
							b.load(after)
							check(b)
						}
					})
					if restart {
						life(t, o, one(after), check)
					}
				})
			})
		}
	}
}

// TestAbortDuringAReload: a reload works with the weights it has read; what comes down meanwhile stays down.
func TestAbortDuringAReload(t *testing.T) {
	running(t, Options{}, one(canaryShop(500, 2500)), func(b *bench) {
		b.start()
		b.serve(5*time.Second, 400, nil)
		b.wantWeights(9500, 500)
		third := canaryShop(500, 2500)
		third.Versions = append(third.Versions, config.Version{Name: "v3"})
		cfg := configOf(third)
		b.mu.Lock()
		b.services["shop"].hash = third.WeightsHash() // as if the unit were the same: its weights are kept
		b.mu.Unlock()
		if err := b.Reload(cfg, func(fresh map[string]config.Weights) error {
			b.verb(VerbAbort)
			return b.lab.table(cfg)(fresh)
		}); err != nil {
			t.Fatal(err)
		}
		b.wantWeights(10000, 0)
		b.wantPhase(PhaseAborted)
	})
}

func TestFigureWithoutJSONCostsNoRollout(t *testing.T) {
	cs := &course{}
	cs.Run, _ = begin(itinerary{Canary: "v2", From: "v1", Stages: []leg{{Name: "a", WeightBP: 500}}}, "r1", "api:test", time.Now())
	cs.Captured = map[string]any{"rate": math.NaN()}
	cs.Shadow = &ShadowResult{Noise: math.Inf(1)}
	back, err := courseOf(cs.save())
	if err != nil || back == nil || back.Run.ID != "r1" {
		t.Errorf("got %+v, %v", back, err)
	}
}

// TestSupersededEndOutlivesTheProcess: the hooks of a run whose place another has taken are not lost with the process, nor
// called again once they are through.
func TestSupersededEndOutlivesTheProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		today()
		o := Options{StateDir: t.TempDir(), Outside: &world{call: func(ctx context.Context, at Situation) []HookResult {
			if at.Point == PointAfterRollout {
				<-ctx.Done() // until the process ends
			}
			return nil
		}}}
		var key string
		life(t, o, one(canaryShop(500)), func(b *bench) {
			key = b.start().ID + "/" + PointAfterRollout
			b.serve(5*time.Second, 400, nil)
			b.start()
			b.serve(5*time.Second, 400, nil)
		})
		for lives, want := range []int{1, 0} {
			out := &world{}
			o.Outside = out
			life(t, o, one(canaryShop(500)), func(b *bench) { b.serve(2*time.Second, 400, nil) })
			if n := out.asked(PointAfterRollout); n != want {
				t.Fatalf("in life %d asked %d times for %s, want %d", lives+2, n, PointAfterRollout, want)
			}
			for _, at := range out.called {
				if at.Point == PointAfterRollout && (at.Key != key || at.Phase != PhaseSuperseded) {
					t.Errorf("asked as %s, %s, want %s", at.Key, at.Phase, key)
				}
			}
		}
	})
}
