package config

import (
	"encoding/json"
	"fmt"
	"time"
)

// kept is a Threshold in a state file.
type kept struct {
	Text     string        `json:"text"`
	Op       string        `json:"op,omitempty"`
	Ratio    float64       `json:"ratio,omitempty"`
	Value    float64       `json:"value,omitempty"`
	Duration time.Duration `json:"duration,omitempty"`
	Compiled bool          `json:"expression,omitempty"`
}

// MarshalJSON keeps a condition for a rollout that outlives its process and its file.
func (t Threshold) MarshalJSON() ([]byte, error) {
	return json.Marshal(kept{t.Text, t.Op, t.Ratio, t.Value, t.Duration, t.Expression != nil})
}

// UnmarshalJSON reads it back; an expression is compiled again from its text.
func (t *Threshold) UnmarshalJSON(data []byte) error {
	var k kept
	if err := json.Unmarshal(data, &k); err != nil {
		return fmt.Errorf("condition: %w", err)
	}
	*t = Threshold{Text: k.Text, Op: k.Op, Ratio: k.Ratio, Value: k.Value, Duration: k.Duration}
	if !k.Compiled {
		return nil
	}
	e, err := compileExpression(k.Text)
	if err != nil {
		return fmt.Errorf("condition %q: %w", k.Text, err)
	}
	t.Expression = e
	return nil
}
