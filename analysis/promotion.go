package analysis

import "time"

const (
	defaultBeta  = 0.05
	defaultDelta = 0.005
)

// PromotionOptions say what a stage must show before it passes. The zero value asks for
// no more than that nothing is suspicious.
type PromotionOptions struct {
	Success     []Criterion // each must hold, by evidence
	Beta        float64     // chance of passing a version that does not hold; default 0.05
	Delta       float64     // difference in rate that "as good as stable" may hide; default 0.005
	MinRequests uint64      // least requests of the canary, whatever the evidence
}

func (p PromotionOptions) withDefaults() PromotionOptions {
	if !(p.Beta > 0 && p.Beta < 1) {
		p.Beta = defaultBeta
	}
	if !(p.Delta > 0) {
		p.Delta = defaultDelta
	}
	return p
}

// Promotion is where a stage's evidence for passing stands.
type Promotion struct {
	Ready     bool          `json:"ready"`          // all criteria hold, and nothing is suspicious
	Metric    string        `json:"metric"`         // of the criterion with the least evidence
	Threshold string        `json:"threshold"`      // that criterion: "< 1.5x stable"
	Evidence  float64       `json:"evidence"`       // for it, now
	Bound     float64       `json:"bound"`          // evidence that passes: 1/Beta
	Canary    Counts        `json:"canary"`         // in this stage; Failed: failed, slow or hanging, as the metric says
	Stable    Counts        `json:"stable"`         // the same of stable
	Slow      time.Duration `json:"slow,omitempty"` // of a latency: what counts as slow for the canary
	Requests  uint64        `json:"requests"`       // of the canary, in this stage
	// Missing is about how many requests of the canary it still takes at the rates seen
	// so far; 0: none, or, unless Ready, unknown: at these rates no number would do.
	Missing uint64 `json:"missing"`
	Summary string `json:"summary"` // one sentence for people
}

// stage is what a Judge keeps of the stage that runs.
type stage struct {
	Options  PromotionOptions `json:"options"`
	Gates    []gate           `json:"gates"`
	Requests uint64           `json:"requests"`
}

// Stage begins a stage: evidence for passing starts anew, as load brings new faults;
// that against the version goes on.
func (j *Judge) Stage(p PromotionOptions) {
	j.stage = newStage(p, j.options.withDefaults())
}

func newStage(p PromotionOptions, o JudgeOptions) *stage {
	p = p.withDefaults()
	return &stage{Options: p, Gates: gates(p, o)}
}

// EndStage ends the stage that runs, without another.
func (j *Judge) EndStage() { j.stage = nil }

func (g *stage) add(s *step) {
	g.Requests += s.Canary.Requests
	for i := range g.Gates {
		g.Gates[i].add(s, g.Options.Beta)
	}
}

// Promotion says where the evidence for passing the stage stands; the zero value
// if no stage runs. It costs a sentence, so it is not part of each Verdict.
func (j *Judge) Promotion() Promotion {
	if j.stage == nil {
		return Promotion{}
	}
	v := j.Verdict()
	p := Promotion{Bound: 1 / j.stage.Options.Beta, Requests: j.stage.Requests, Ready: v.Standing == Inconclusive}
	var weakest *gate
	for i := range j.stage.Gates {
		g := &j.stage.Gates[i]
		if weakest == nil || g.Evidence.evidence() < weakest.Evidence.evidence() {
			weakest = g
		}
		p.Missing = max(p.Missing, g.missing(p.Bound))
	}
	least := j.stage.Options.MinRequests
	p.Missing = max(p.Missing, least-min(least, p.Requests))
	p.Ready = p.Ready && p.Requests >= least
	if weakest != nil {
		p.Metric, p.Threshold, p.Evidence = weakest.of.Metric, weakest.threshold, weakest.Evidence.evidence()
		p.Canary, p.Stable, p.Slow = weakest.Canary, weakest.Stable, weakest.slow()
		p.Ready = p.Ready && p.Evidence >= p.Bound
	}
	p.Summary = p.sentence(weakest, &v)
	return p
}
