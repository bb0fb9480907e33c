package rollout

import (
	"testing"
	"time"

	"sluice/config"
)

// Under action pause and alert the guard tells a breach once in five minutes. The
// rollout hears each: one that is resumed at once pauses again, and one that goes on
// breaching does not pass its stage.
func TestRolloutHearsEveryBreach(t *testing.T) {
	bad := map[string]float64{"v2": 0.5}
	untilStage := func(b *bench, stage int) {
		for b.Rollout("shop").Stages[stage].State != "running" {
			b.splitSecond("shop", 400, nil)
		}
	}
	t.Run("pause", func(t *testing.T) {
		s := canaryShop(500, 2500, 10000)
		s.Guard.Trip.Off, s.Guard.Action = true, "pause"
		running(t, Options{}, one(s), func(b *bench) {
			b.serve(30*time.Second, 400, nil)
			b.start()
			untilStage(b, 1)
			begun := time.Now()
			b.until(PhasePaused, 400, bad)
			b.wantWeights(9500, 500)
			b.verb(VerbResume)
			untilStage(b, 1)
			b.wantWeights(7500, 2500)
			b.until(PhasePaused, 400, bad)
			b.wantWeights(9500, 500)
			b.wantState("v2", config.Active)
			if took := time.Since(begun); took >= alertEvery {
				t.Fatalf("both took %v: the second was no silent one", took)
			}
		})
	})
	t.Run("alert", func(t *testing.T) {
		s := canaryShop(500, 2500, 10000)
		s.Guard.Trip.Off, s.Guard.Action = true, "alert"
		s.Rollout.Success, s.Rollout.MaxWait = nil, 20*time.Minute // without criteria a stage passes where nothing speaks against it
		running(t, Options{}, one(s), func(b *bench) {
			b.serve(30*time.Second, 400, nil)
			b.start()
			untilStage(b, 0)
			b.serve(15*time.Minute, 400, bad)
			if st := b.wantPhase(PhaseRunning); st.Stage != 0 {
				t.Errorf("it passed a stage that breached all the time: %+v", st)
			}
			b.wantWeights(9500, 500)
			b.until(PhaseRolledBack, 400, bad) // max_wait
		})
	})
}
