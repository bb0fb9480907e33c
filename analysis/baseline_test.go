package analysis

import (
	"testing"
	"time"
)

// A canary that is given all of stable's traffic at once is held against what stable did until then, in
// every second after: stable's recent rate sinks to nothing within a minute.
func TestBaselineHoldsWhenStableLosesItsTraffic(t *testing.T) {
	j := NewJudge(JudgeOptions{Breach: []Criterion{{Metric: ErrorRate, Ratio: 1.5}}})
	at := time.Unix(1e9, 0)
	add := func(canary, stable Counts) {
		at = at.Add(time.Second)
		j.Add(Block{At: at, Canary: canary, CanaryAll: canary, Stable: stable})
	}
	for range 120 {
		add(Counts{50, 2}, Counts{950, 48})
	}
	for second := range 600 {
		add(Counts{1000, 50}, Counts{})
		if got := j.Baseline(); got < 0.045 || got > 0.08 {
			t.Fatalf("%d s after the shift: baseline %.3f, want about stable's 0.05", second+1, got)
		}
	}
}

// Where little is known of stable, its recent rate is all there is.
func TestBaselineWithoutStable(t *testing.T) {
	j := NewJudge(JudgeOptions{})
	j.Add(Block{At: time.Unix(1, 0), Canary: Counts{100, 0}})
	if got := j.Baseline(); got != 0 {
		t.Errorf("baseline %g without stable, want 0", got)
	}
}
