package analysis

// PromotionOptions say what a stage must show before it passes. The zero value asks for
// no more than that nothing is suspicious.
type PromotionOptions struct {
	Success     []Criterion // each must hold, by evidence
	Beta        float64     // chance of passing a version that does not hold; default 0.05
	Delta       float64     // difference in rate that "as good as stable" may hide; default 0.005
	MinRequests uint64      // least requests of the canary, whatever the evidence
}

// Promotion is where a stage's evidence for passing stands.
type Promotion struct {
	Ready     bool    `json:"ready"`     // all criteria hold, and nothing is suspicious
	Metric    string  `json:"metric"`    // of the criterion with the least evidence
	Threshold string  `json:"threshold"` // that criterion: "< 1.5x stable"
	Evidence  float64 `json:"evidence"`  // for it, now
	Bound     float64 `json:"bound"`     // evidence that passes: 1/Beta
	Requests  uint64  `json:"requests"`  // of the canary, in this stage
	// Missing is about how many requests of the canary it still takes at the rates seen
	// so far; 0: none, or, unless Ready, unknown: at these rates no number would do.
	Missing uint64 `json:"missing"`
	Summary string `json:"summary"` // one sentence for people
}
