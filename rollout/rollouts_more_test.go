package rollout

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"sluice/analysis"
	"sluice/config"
)

func TestBreachUnderActionPauseGoesBackAStage(t *testing.T) {
	s := canaryShop(500, 2500)
	s.Guard.Trip.Off, s.Guard.Action = true, "pause"
	running(t, Options{}, one(s), func(b *bench) {
		b.serve(30*time.Second, 400, nil)
		b.start()
		for b.Rollout("shop").Stage < 1 {
			b.splitSecond("shop", 400, nil)
		}
		b.serve(5*time.Second, 400, nil)
		b.wantWeights(7500, 2500)
		b.until(PhasePaused, 400, map[string]float64{"v2": 0.3})
		b.wantWeights(9500, 500)
		b.wantState("v2", config.Active)
		b.verb(VerbAbort)
		b.wantWeights(10000, 0)
	})
}

func TestBreachUnderActionAlertHoldsTheRise(t *testing.T) {
	s := canaryShop(500, 2500)
	s.Guard.Trip.Off, s.Guard.Action, s.Rollout.Success = true, "alert", nil
	running(t, Options{}, one(s), func(b *bench) {
		b.serve(30*time.Second, 400, nil)
		b.start()
		b.serve(50*time.Second, 400, map[string]float64{"v2": 0.3})
		if len(b.events("verdict")) == 0 {
			t.Fatal("no verdict")
		}
		b.serve(time.Minute, 400, nil)
		b.wantWeights(9500, 500)
		b.until(PhasePromoted, 400, nil) // it was told, and has not breached since
	})
}

// TestVerdictInTheStandbyAfterARestart: what is known of the old stable outlives the process, and so does the standby.
func TestVerdictInTheStandbyAfterARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		today()
		o := Options{StateDir: t.TempDir()}
		s := canaryShop(500, 2500, 10000)
		life(t, o, one(s), func(b *bench) {
			b.promote()
			b.serve(30*time.Second, 400, nil)
		})
		life(t, o, one(s), func(b *bench) {
			b.wantStable("v2")
			b.serve(10*time.Second, 400, nil)
			b.serve(time.Minute, 400, map[string]float64{"v2": 0.05})
			b.wantStable("v1")
			b.wantState("v2", config.Quarantined)
			b.wantPhase(PhaseRolledBack)
		})
		life(t, o, one(s), func(b *bench) {
			b.wantStable("v1")
			b.wantWeights(10000, 0)
			b.wantState("v2", config.Quarantined)
		})
	})
}

// TestEndpointsDownInTheStandby: a new stable without an endpoint is no stable.
func TestEndpointsDownInTheStandby(t *testing.T) {
	var down atomic.Bool
	s := canaryShop(500, 10000)
	s.Health = &config.Health{}
	o := Options{Usable: func(_, version string) bool { return version != "v2" || !down.Load() }}
	running(t, o, one(s), func(b *bench) {
		b.promote()
		down.Store(true)
		b.serve(2*time.Second, 400, nil)
		b.wantStable("v1")
		b.wantPhase(PhaseRolledBack)
		if b.Rollbacks()[RollbackKey{"shop", "v2", causeHealth}] != 1 {
			t.Errorf("rollbacks are %v", b.Rollbacks())
		}
	})
}

func TestRollingFollowsReadyEndpoints(t *testing.T) {
	var ready, unchecked atomic.Int64
	s := canaryShop()
	s.Rollout.Strategy, s.Rollout.Duration, s.Rollout.Success = "rolling", 10*time.Second, nil
	s.Versions[1].Endpoints = make([]config.Endpoint, 4)
	o := Options{Ready: func(_, version string) (int, int) {
		if version == "v2" {
			return int(ready.Load()), int(unchecked.Load())
		}
		return 4, 0
	}}
	running(t, o, one(s), func(b *bench) {
		unchecked.Store(4) // no check has looked at them yet
		b.start()
		b.serve(30*time.Second, 400, nil)
		if st := b.wantPhase(PhaseWaiting); st.Waiting != "endpoints" {
			t.Errorf("waits for %s: %s", st.Waiting, st.Reason)
		}
		b.wantWeights(10000, 0)
		unchecked.Store(0)
		ready.Store(2)
		b.serve(2*time.Minute, 400, nil)
		b.wantWeights(5000, 5000)
		ready.Store(0)
		unchecked.Store(2) // as after a restart
		b.serve(3*time.Second, 400, nil)
		b.wantWeights(5000, 5000)
		unchecked.Store(0)
		ready.Store(1)
		b.serve(3*time.Second, 400, nil)
		b.wantWeights(7500, 2500)
		ready.Store(4)
		b.until(PhasePromoted, 400, nil)
	})
}

func TestBlueGreenSwitchesAtOnce(t *testing.T) {
	s := canaryShop()
	s.Rollout.Strategy, s.Rollout.Duration, s.Rollout.MinRequests = "blue_green", 30*time.Second, 5
	out := &world{}
	running(t, Options{Outside: out}, one(s), func(b *bench) {
		b.serve(time.Minute, 400, nil)
		b.start()
		b.serve(time.Minute, 400, nil)
		b.wantWeights(10000, 0) // nobody has tried the preview
		if b.lab.services["shop"].candidate != "v2" {
			t.Errorf("previews show %q", b.lab.services["shop"].candidate)
		}
		for range 5 {
			b.lab.preview("shop", "v2", analysis.Success)
		}
		b.serve(5*time.Second, 400, nil)
		b.wantStable("v2")
		b.wantWeights(0, 10000)
		b.wantPhase(PhasePromoted)
		if b.lab.services["shop"].candidate != "" {
			t.Errorf("afterwards previews show %q, want what the file says", b.lab.services["shop"].candidate)
		}
		p := out.points()
		if i, j := slices.Index(p, "before_test_traffic preview"), slices.Index(p, "smoke preview"); i < 0 || j < i || slices.Index(p, "after_test_traffic preview") < j {
			t.Errorf("asked for %q", p)
		}
	})
}

// TestBlueGreenKnowsWhatStableWasLike: a failure rate that the old one had as well undoes no switch.
func TestBlueGreenKnowsWhatStableWasLike(t *testing.T) {
	for _, tt := range []struct {
		name string
		rate float64
		want string
	}{{"as before", 0.05, "v2"}, {"four times as bad", 0.2, "v1"}} {
		t.Run(tt.name, func(t *testing.T) {
			s := canaryShop()
			s.Rollout.Strategy, s.Rollout.Duration, s.Rollout.Standby = "blue_green", 2*time.Minute, 10*time.Minute
			running(t, Options{StateDir: t.TempDir()}, one(s), func(b *bench) {
				b.start()
				b.until(PhasePromoted, 400, map[string]float64{"v1": 0.05})
				b.serve(8*time.Minute, 400, map[string]float64{"v1": 0.05, "v2": tt.rate})
				b.wantStable(tt.want)
			})
		})
	}
}

// TestCanaryWithAllTheTrafficIsHeldAgainstStable: stable's usual rate trips no canary that has left it no traffic.
func TestCanaryWithAllTheTrafficIsHeldAgainstStable(t *testing.T) {
	s := canaryShop(500, 2500, 10000)
	s.Rollout.Success = config.Criteria{"error_rate": {{Text: "< 1.5x stable", Op: "<", Ratio: 1.5}}}
	s.Rollout.Stages[2].Duration = 5 * time.Minute
	running(t, Options{}, one(s), func(b *bench) {
		usual := map[string]float64{"v1": 0.05, "v2": 0.05}
		b.serve(2*time.Minute, 400, usual)
		b.start()
		b.until(PhasePromoted, 400, usual)
		if n := len(b.Rollbacks()); n > 0 {
			t.Errorf("it was cut: %v", b.Rollbacks())
		}
	})
}

func TestWindowHoldsARollout(t *testing.T) {
	s := canaryShop(500, 2500)
	running(t, Options{}, one(s), func(b *bench) {
		now := time.Now().UTC()
		clock := time.Duration(now.Hour())*time.Hour + time.Duration(now.Minute())*time.Minute
		s.Rollout.Windows = []config.Window{{From: clock + 3*time.Minute, To: clock + 10*time.Minute}}
		b.load(s)
		b.start()
		b.serve(time.Minute, 400, nil)
		if st := b.wantPhase(PhaseWaiting); st.Waiting != "window" {
			t.Errorf("waits for %s", st.Waiting)
		}
		b.wantWeights(10000, 0)
		b.until(PhaseRunning, 400, nil)
		if opened := now.Truncate(time.Minute).Add(3 * time.Minute); time.Now().Before(opened) || time.Since(opened) > 5*time.Second {
			t.Errorf("it went on at %v, the window opens at %v", time.Now(), opened)
		}
	})
}

// TestHangingDiskHoldsUpNoAbort has a pipe in place of the file: who writes the state hangs until
// somebody reads. Meanwhile a rise waits for it, and is overtaken by an abort.
func TestHangingDiskHoldsUpNoAbort(t *testing.T) {
	dir := t.TempDir()
	b := newBench(t, Options{StateDir: dir}, canaryShop(500, 2500))
	if err := b.saver.flush(); err != nil {
		t.Fatal(err)
	}
	pipe := filepath.Join(dir, stateFile+".tmp")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	b.mu.Lock()
	b.running = true // tasks begin; nothing saves but who waits for it
	s := b.services["shop"]
	plan, err := compile(s.cfg, "v2", "v1")
	if err != nil {
		t.Fatal(err)
	}
	b.beginRollout(s, plan, shopCommand)
	b.mu.Unlock()
	eventually(t, "the first stage is about to begin", func() bool {
		b.block(time.Now())
		b.mu.Lock()
		defer b.mu.Unlock()
		return s.pending != nil
	})
	b.mu.Lock()
	b.feed(s, runInput{at: time.Now(), what: runVerb, verb: VerbAbort, by: "test"})
	b.mu.Unlock()
	b.wantWeights(10000, 0)
	r, err := os.OpenFile(pipe, os.O_RDWR, 0) // lets the writer go on; it fails at the sync
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b.recall()
	b.wantWeights(10000, 0)
	b.wantPhase(PhaseAborted)
	b.Close()
}

func TestConcurrentVerbsLeaveOneTruth(t *testing.T) {
	running(t, Options{StateDir: t.TempDir(), Outside: &world{}}, one(canaryShop(500, 2500, 10000)), func(b *bench) {
		var all sync.WaitGroup
		for i := range 6 {
			all.Go(func() {
				for j := range 20 {
					switch (i + j) % 6 {
					case 0, 1:
						_, _ = b.StartRollout(shopCommand, "v2")
					case 2:
						_, _ = b.RolloutVerb(shopCommand, VerbPromote)
					case 3:
						_, _ = b.RolloutVerb(shopCommand, VerbPause)
					case 4:
						_, _ = b.RolloutVerb(shopCommand, VerbResume)
					case 5:
						_, _ = b.RolloutVerb(shopCommand, VerbAbort)
					}
					b.Runs()
					time.Sleep(700 * time.Millisecond)
				}
			})
		}
		all.Wait()
		if st := b.Rollout("shop"); st.Phase != PhaseAborted {
			if _, err := b.RolloutVerb(shopCommand, VerbAbort); err != nil && !errors.Is(err, ErrConflict) {
				t.Error(err)
			}
		}
		b.serve(10*time.Second, 400, nil)
		w, _ := b.lab.Weights("shop")
		b.mu.Lock()
		defer b.mu.Unlock()
		if !sameWeights(w, b.services["shop"].live) {
			t.Errorf("the controller holds %v, traffic gets %v", b.services["shop"].live.BP, w.BP)
		}
		ended := 0
		for _, h := range b.History().Records("shop", 0) {
			if h.Outcome == "" || !strings.HasSuffix(h.ID, "-shop") {
				t.Errorf("in the history: %+v", h)
			}
			ended++
		}
		if ended == 0 {
			t.Error("nothing ended")
		}
	})
}

func TestDecisionsOfALongRolloutAreBounded(t *testing.T) {
	cs := new(course)
	for i := range 3 * decisionsPerService {
		cs.keepDecision(strconv.Itoa(i))
	}
	if n := len(cs.Decisions); n != decisionsPerService || cs.Decisions[n-1] != strconv.Itoa(3*decisionsPerService-1) {
		t.Errorf("%d are kept, the last is %s", n, cs.Decisions[n-1])
	}
}
