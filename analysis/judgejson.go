package analysis

import (
	"encoding/json"
	"errors"
	"fmt"
)

// kept is a Judge on disk. Criteria stand in the order of the options.
type kept struct {
	Options  JudgeOptions `json:"options"`
	Blocks   int64        `json:"blocks"`
	Rest     float64      `json:"rest"`
	Baseline baseline     `json:"baseline"`
	Criteria []criterion  `json:"criteria"`
}

// MarshalJSON keeps the options and all evidence.
func (j *Judge) MarshalJSON() ([]byte, error) {
	return json.Marshal(kept{
		Options: j.options, Blocks: j.blocks, Rest: j.rest,
		Baseline: j.baseline, Criteria: j.criteria,
	})
}

// UnmarshalJSON makes j what it was when marshalled. It leaves j as it was, with an
// error, if the evidence is damaged. Compare Options with those now in force before
// using it.
func (j *Judge) UnmarshalJSON(data []byte) error {
	var k kept
	if err := json.Unmarshal(data, &k); err != nil {
		return fmt.Errorf("evidence: %w", err)
	}
	n := NewJudge(k.Options)
	if len(k.Criteria) != len(n.criteria) {
		return fmt.Errorf("evidence: %d criteria kept, want %d", len(k.Criteria), len(n.criteria))
	}
	b := &k.Baseline
	if k.Blocks < 0 || !sound(k.Rest, b.Canary, b.Stable, b.Recent.Requests, b.Recent.Failed) {
		return errors.New("evidence: impossible figures")
	}
	for i := range n.criteria {
		c, from := &n.criteria[i], &k.Criteria[i]
		if !sound(from.Canary.Mass[:]...) || !sound(from.Stable.Mass[:]...) {
			return fmt.Errorf("evidence: impossible figures for %q", c.threshold)
		}
		c.Canary, c.Stable, c.Excused = from.Canary, from.Stable, from.Excused
	}
	n.blocks, n.rest, n.baseline = k.Blocks, k.Rest, k.Baseline
	*j = *n
	return nil
}

// mostEvidence is far more than any Judge lets evidence grow to.
const mostEvidence = 1e15

func sound(xs ...float64) bool {
	for _, x := range xs {
		if !(x >= 0 && x <= mostEvidence) {
			return false
		}
	}
	return true
}
