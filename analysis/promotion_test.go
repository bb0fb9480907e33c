package analysis

import (
	"slices"
	"strings"
	"testing"
	"time"
)

var asGood = PromotionOptions{Success: []Criterion{{Metric: ErrorRate, Ratio: 1.5}}}

// requestsToPass is how many requests of the canary it took; 0: it did not pass in n blocks.
func requestsToPass(p PromotionOptions, tr traffic, n int, pc, pb float64) uint64 {
	j := NewJudge(rollout)
	j.Stage(p)
	for t := range n {
		j.Add(tr.block(t, pc, pb))
		if got := j.Promotion(); got.Ready {
			return got.Requests
		}
	}
	return 0
}

func TestHealthyCanaryPasses(t *testing.T) {
	for _, tt := range []struct {
		name   string
		p      PromotionOptions
		rps    int
		weight float64
		pb     float64
		most   uint64 // median
	}{
		{"1.5x, 0.5 %", asGood, 100, 0.25, 0.001, 1700},
		{"1.5x, 0.5 %, stable at 0.5 %", asGood, 100, 0.25, 0.005, 1900},
		{"2x, 1 %", PromotionOptions{Success: []Criterion{{Metric: ErrorRate, Ratio: 2}}, Delta: 0.01}, 100, 0.25, 0.001, 800},
		{"no more than 1 %", PromotionOptions{Success: limits(0.01)}, 100, 0.25, 0.001, 900},
		{"99 % succeed", PromotionOptions{Success: []Criterion{{Metric: SuccessRate, Limit: 0.99}}}, 100, 0.25, 0.001, 900},
		{"as many succeed", PromotionOptions{Success: []Criterion{{Metric: SuccessRate, Ratio: 0.99}}}, 100, 0.25, 0.001, 900},
		{"1 rps", asGood, 1, 0.5, 0.001, 2000},
	} {
		var all []uint64
		for seed := range uint64(21) {
			got := requestsToPass(tt.p, seeded(seed, tt.rps, tt.weight), 20000, tt.pb, tt.pb)
			if got == 0 {
				t.Fatalf("%s, seed %d: never", tt.name, seed)
			}
			all = append(all, got)
		}
		slices.Sort(all)
		t.Logf("%s: median %d requests, worst %d", tt.name, all[10], all[20])
		if all[10] > tt.most {
			t.Errorf("%s: median %d requests, want at most %d", tt.name, all[10], tt.most)
		}
	}
}

// On the very boundary no more than Beta may pass, however long one looks.
func TestBadCanariesSeldomPass(t *testing.T) {
	for _, tt := range []struct {
		name   string
		p      PromotionOptions
		pc, pb float64
		weight float64
	}{
		{"on the boundary", PromotionOptions{Success: asGood.Success, Beta: 0.2}, 1.5*0.01 + 0.005, 0.01, 0.25},
		{"at the limit", PromotionOptions{Success: limits(0.02), Beta: 0.2}, 0.02, 0.01, 0.25},
		{"with next to no stable", PromotionOptions{Success: asGood.Success, Beta: 0.2}, 1.5*0.01 + 0.005, 0.01, 0.99},
	} {
		passed := 0
		for seed := range uint64(200) {
			j := NewJudge(JudgeOptions{}) // nothing is suspicious
			j.Stage(tt.p)
			tr := seeded(seed, 100, tt.weight)
			for t0 := range 300 {
				j.Add(tr.block(t0, tt.pc, tt.pb))
				if j.Promotion().Ready {
					passed++
					break
				}
			}
		}
		t.Logf("%s: %d of 200 pass, budget 40", tt.name, passed)
		if passed > 40 {
			t.Errorf("%s: %d of 200 pass, want at most 40", tt.name, passed)
		}
	}
}

func TestWithoutStableItsPastIsCompared(t *testing.T) {
	j := NewJudge(rollout)
	for t0 := range 1800 {
		j.Add(seeded(uint64(t0), 200, 0.25).block(t0, 0.01, 0.01))
	}
	j.Stage(asGood)
	tr := seeded(5, 200, 1)
	for t0 := range 600 {
		j.Add(tr.block(1800+t0, 0.01, 0))
	}
	// 1.5 × 1 % + 0.5 % can't be shown without knowing of stable's 1 %.
	if p := j.Promotion(); !p.Ready {
		t.Errorf("%+v", p)
	}
}

func TestQuickCanaryPassesASlowOneDoesNot(t *testing.T) {
	success := []Criterion{{Metric: P99Latency, Ratio: 2}, {Metric: P99Latency, Latency: time.Second}, {Metric: P50Latency, Latency: 100 * time.Millisecond}}
	for _, tt := range []struct {
		name string
		law  lognormal
		want bool
	}{{"as quick", lognormal{1, 0}, true}, {"a little slower", lognormal{1.15, 0}, true}, {"twice as slow", lognormal{2, 0}, false}} {
		j := NewJudge(JudgeOptions{})
		j.Stage(PromotionOptions{Success: success})
		tr := seeded(3, 200, 0.25)
		healthy, law := newSampler(lognormal{1, 0}), newSampler(tt.law)
		for t0 := range 120 {
			j.Add(tr.timed(t0, law, healthy))
		}
		p := j.Promotion()
		if p.Ready != tt.want {
			t.Errorf("%s: %+v", tt.name, p)
		}
		t.Log(tt.name, ":", p.Summary)
	}
}

func TestSuspicionHoldsAPromotion(t *testing.T) {
	j := NewJudge(JudgeOptions{Breach: ratios(1.5), Alpha: 0.01, Guard: 12})
	j.Stage(PromotionOptions{Success: limits(0.5)})
	tr := seeded(9, 1000, 0.05)
	held := false
	for t0 := range 60 {
		v := j.Add(tr.block(t0, 0.03, 0.001))
		p := j.Promotion()
		if v.Standing == Inconclusive {
			continue
		}
		held = true
		if p.Ready || !strings.HasPrefix(p.Summary, "held: error_rate > 1.5x stable is") {
			t.Fatalf("%+v", p)
		}
	}
	if !held {
		t.Error("never suspicious")
	}
}

func TestPromotionSaysWhatItStillNeeds(t *testing.T) {
	j := NewJudge(rollout)
	if p := j.Promotion(); p != (Promotion{}) {
		t.Errorf("without a stage: %+v", p)
	}
	j.Stage(asGood)
	if p := j.Promotion(); p.Ready || p.Missing != 0 || !strings.Contains(p.Summary, "no requests so far") {
		t.Errorf("without requests: %+v", p)
	}
	tr := seeded(2, 100, 0.25)
	for t0 := range 20 {
		j.Add(tr.block(t0, 0.001, 0.001))
	}
	p := j.Promotion()
	if p.Ready || p.Missing < 300 || p.Missing > 3000 || !strings.Contains(p.Summary, "more requests are needed") {
		t.Errorf("after 500 requests: %+v", p)
	}
	t.Log(p.Summary)
	for t0 := 20; t0 < 400 && !p.Ready; t0++ {
		j.Add(tr.block(t0, 0.001, 0.001))
		p = j.Promotion()
	}
	if !p.Ready || p.Missing != 0 || !strings.Contains(p.Summary, "error_rate < 1.5x stable is proved") {
		t.Errorf("%+v", p)
	}
	j.Stage(PromotionOptions{MinRequests: 100})
	if p := j.Promotion(); p.Ready || p.Missing != 100 {
		t.Errorf("a new stage: %+v", p)
	}
	for t0 := range 10 {
		j.Add(tr.block(t0, 0.001, 0.001))
	}
	if p := j.Promotion(); !p.Ready || p.Summary != "nothing speaks against the version" {
		t.Errorf("%+v", p)
	}
	j.EndStage()
	if p := j.Promotion(); p != (Promotion{}) {
		t.Errorf("after the stage: %+v", p)
	}
}
