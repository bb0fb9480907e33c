package analysis

import (
	"encoding/json"
	"errors"
	"fmt"
)

// kept is a Judge on disk. Charges and gates stand in the order of the options.
type kept struct {
	Options   JudgeOptions `json:"options"`
	Blocks    int64        `json:"blocks"`
	Rest      float64      `json:"rest"`
	Baseline  baseline     `json:"baseline"`
	Reference *reference   `json:"reference,omitempty"`
	Charges   []charge     `json:"charges"`
	Stage     *stage       `json:"stage,omitempty"`
}

// MarshalJSON keeps the options and all evidence. What is in flight, and the counts
// by endpoint, are not kept: they begin anew.
func (j *Judge) MarshalJSON() ([]byte, error) {
	k := kept{
		Options: j.options, Blocks: j.blocks, Rest: j.rest, Baseline: j.baseline,
		Charges: j.charges, Stage: j.stage,
	}
	if j.reference.Seen > 0 || j.reference.Blocks > 0 {
		k.Reference = &j.reference
	}
	return json.Marshal(k)
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
	b := &k.Baseline
	if k.Blocks < 0 || !sound(k.Rest, b.Canary, b.Stable, b.Recent.Requests, b.Recent.Failed) {
		return errors.New("evidence: impossible figures")
	}
	if k.Reference != nil {
		if !k.Reference.sound() {
			return errors.New("evidence: impossible latencies")
		}
		n.reference = *k.Reference
	}
	if err := n.adopt(k.Charges); err != nil {
		return err
	}
	if err := n.adoptStage(k.Stage); err != nil {
		return err
	}
	n.blocks, n.rest, n.baseline = k.Blocks, k.Rest, k.Baseline
	*j = *n
	return nil
}

func (j *Judge) adopt(from []charge) error {
	if len(from) != len(j.charges) {
		return fmt.Errorf("evidence: %d criteria kept, want %d", len(from), len(j.charges))
	}
	for i := range from {
		c, k := &j.charges[i], &from[i]
		if !sound(k.Canary.Mass[:]...) || !sound(k.Stable.Mass[:]...) || !k.Cells.sound() || !c.Window.sound(k.Window) {
			return fmt.Errorf("evidence: impossible figures for %q", c.threshold)
		}
		c.Canary, c.Stable, c.Excused, c.Cells, c.Window = k.Canary, k.Stable, k.Excused, k.Cells, k.Window
	}
	return nil
}

func (j *Judge) adoptStage(from *stage) error {
	if from == nil {
		return nil
	}
	s := newStage(from.Options, j.options.withDefaults())
	if len(from.Gates) != len(s.Gates) {
		return fmt.Errorf("evidence: %d conditions of a stage kept, want %d", len(from.Gates), len(s.Gates))
	}
	for i := range s.Gates {
		g, k := &s.Gates[i], &from.Gates[i]
		if !sound(k.Evidence.Mass[:]...) || !k.Cells.sound() {
			return fmt.Errorf("evidence: impossible figures for %q", g.threshold)
		}
		g.Evidence, g.Canary, g.Stable, g.Cells = k.Evidence, k.Canary, k.Stable, k.Cells
	}
	s.Requests = from.Requests
	j.stage = s
	return nil
}

func (c edges) sound() bool {
	return c.Canary >= 0 && c.Canary < Buckets && c.Stable >= 0 && c.Stable < Buckets
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
