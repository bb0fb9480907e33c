package rollout

import (
	"strings"
	"testing"
	"time"

	"sluice/analysis"
	"sluice/config"
)

// TestCanaryThatStaysTrippedIsRolledBack: the trip alone ends a rollout whose canary never comes back, by
// its own time and not by max_wait; and the third trip one that comes back each time.
func TestCanaryThatStaysTrippedIsRolledBack(t *testing.T) {
	for _, c := range []struct {
		name  string
		probe analysis.Outcome
		least time.Duration // from the first trip
		most  time.Duration
		why   string
	}{
		{"dead", analysis.ServerError, 5*time.Minute - 5*time.Second, 5*time.Minute + 5*time.Second, "held at zero for 5m0s (max_tripped)"},
		{"back and bad", analysis.Success, 10 * time.Second, time.Minute, "tripped again and again, 3 times"},
	} {
		t.Run(c.name, func(t *testing.T) {
			running(t, Options{StateDir: t.TempDir()}, one(canaryShop(1000, 10000)), func(b *bench) {
				b.serve(30*time.Second, 400, nil)
				b.start()
				for b.Rollout("shop").Weight == 0 {
					b.splitSecond("shop", 400, nil)
				}
				b.splitSecond("shop", 400, map[string]float64{"v2": 1})
				b.wantState("v2", config.Tripped)
				tripped := time.Now()
				for b.Rollout("shop").Phase != PhaseRolledBack {
					if time.Since(tripped) > c.most {
						t.Fatalf("the rollout stands at %+v", b.Rollout("shop"))
					}
					b.lab.probes10("v2", c.probe)
					b.splitSecond("shop", 400, map[string]float64{"v2": 1})
				}
				if took := time.Since(tripped); took < c.least {
					t.Errorf("it took %v, want %v at least", took, c.least)
				}
				b.wantWeights(10000, 0)
				if st := b.Rollout("shop"); !strings.Contains(st.Reason, c.why) || !strings.Contains(st.Reason, "attempts failed") {
					t.Errorf("the reason is %q, want %q and what the trip stood on", st.Reason, c.why)
				}
			})
		})
	}
}

// probes10 sends as many probes as it takes, if version is probed.
func (l *lab) probes10(version string, o analysis.Outcome) {
	for range 10 {
		if !l.version("shop", version).probing {
			return
		}
		l.probe("shop", version, o)
	}
}
