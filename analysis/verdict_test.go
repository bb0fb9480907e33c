package analysis

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestStableAsBadIsEnvironment(t *testing.T) {
	for _, weight := range []float64{0.05, 0.5, 0.85} {
		j := NewJudge(both)
		tr := seeded(6, 1000, weight)
		seen := false
		for t0 := range 600 {
			p := 0.001
			if t0 >= 300 && t0 < 400 {
				p = 0.4
			}
			v := j.Add(tr.block(t0, p, p))
			if v.Standing == Breach {
				t.Fatalf("weight %g: condemned at %d: %s", weight, t0, v.Summary)
			}
			if v.Standing == Environment {
				seen = true
				if t0 < 300 || t0 > 420 || v.Threshold != "> 5%" || !strings.Contains(v.Summary, "stable is as bad") {
					t.Fatalf("weight %g: at %d: %+v", weight, t0, v)
				}
			}
		}
		if !seen {
			t.Errorf("weight %g: the environment was never named", weight)
		}
		if got := breachAfter(j, tr, 0, 30, 0.4, 0.001); got < 1 {
			t.Errorf("weight %g: a bad canary after a bad environment is not condemned", weight)
		}
	}
}

func TestAbsoluteCountsWhatRulesSend(t *testing.T) {
	j := NewJudge(JudgeOptions{Breach: limits(0.05)})
	v := Verdict{}
	n := 0
	for ; v.Standing != Breach && n < 60; n++ {
		v = j.Add(Block{At: day.Add(time.Duration(n) * time.Second), CanaryAll: Counts{20, 8}, Stable: Counts{1000, 1}})
	}
	if v.Standing != Breach || n > 15 {
		t.Fatalf("after %d blocks: %+v", n, v)
	}
	if v.Threshold != "> 5%" || v.Effect != 0.4 || v.Canary.Rate() != 0.4 {
		t.Errorf("%+v", v)
	}
}

func TestSuspicionComesBeforeProof(t *testing.T) {
	j := NewJudge(rollout)
	tr := seeded(9, 1000, 0.05)
	var order []Standing
	for t0 := range 120 {
		v := j.Add(tr.block(t0, 0.011, 0.001))
		if n := len(order); n == 0 || order[n-1] != v.Standing {
			order = append(order, v.Standing)
		}
		if v.Standing == Breach {
			break
		}
	}
	if !slices.Equal(order, []Standing{Inconclusive, Suspicious, Breach}) {
		t.Errorf("order of standings %v", order)
	}
}

func TestVerdictExplainsItself(t *testing.T) {
	j := NewJudge(both)
	tr := seeded(10, 1000, 0.1)
	for t0 := range 300 {
		j.Add(tr.block(t0, 0.002, 0.002))
	}
	var v Verdict
	for t0 := 300; t0 < 400 && v.Standing != Breach; t0++ {
		v = j.Add(tr.block(t0, 0.04, 0.002))
	}
	if v.Standing != Breach || v.Metric != "error_rate" || v.Threshold != "> 1.5x stable" {
		t.Fatalf("%+v", v)
	}
	if d := v.Since.Sub(day) / time.Second; d < 297 || d > 303 {
		t.Errorf("change put at second %d, was 300", d)
	}
	if v.Effect < 8 || v.Effect > 60 || v.Canary.Requests == 0 || v.Stable.Requests < 5*v.Canary.Requests {
		t.Errorf("effect %g on %+v against %+v", v.Effect, v.Canary, v.Stable)
	}
	for _, part := range []string{
		"error_rate > 1.5x stable is proved", fmt.Sprintf("%d of %d", v.Canary.Failed, v.Canary.Requests),
		fmt.Sprintf("stable %d of %d", v.Stable.Failed, v.Stable.Requests), "since 12:0", "of 100",
	} {
		if !strings.Contains(v.Summary, part) {
			t.Errorf("%q does not say %q", v.Summary, part)
		}
	}
	if again := j.Verdict(); again != v {
		t.Errorf("Verdict differs from Add's: %+v", again)
	}
}

func TestVerdictAsJSON(t *testing.T) {
	j := NewJudge(both)
	v := j.Add(Block{At: day, Canary: Counts{10, 10}, CanaryAll: Counts{10, 10}, Stable: Counts{90, 0}})
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`"standing":"inconclusive"`, `"metric":"error_rate"`, `"threshold":"`, `"canary":{"requests":10,"failed":10}`, `"bound":100`} {
		if !strings.Contains(string(data), part) {
			t.Errorf("%s does not say %s", data, part)
		}
	}
	var back Verdict
	if err := json.Unmarshal(data, &back); err != nil || !back.Since.Equal(v.Since) || back.Standing != v.Standing || back.Summary != v.Summary {
		t.Errorf("%+v, %v", back, err)
	}
	var s Standing
	if s.UnmarshalText([]byte("guilty")) == nil {
		t.Error("an unknown standing is read")
	}
}
