package config

import (
	"encoding/json"
	"testing"
)

func TestExpressionOutlivesTheProcess(t *testing.T) {
	e, err := compileExpression("p99.canary > 1.2 * p99.stable && error_rate.canary > 0.01")
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(Criteria{expressionName: {{Text: "x", Expression: e}}})
	if err != nil {
		t.Fatal(err)
	}
	var back Criteria
	if err := json.Unmarshal(raw, &back); err != nil {
		t.Fatal(err)
	}
	read := back[expressionName][0].Expression
	bad, good := Figures{P99: 500, ErrorRate: 0.02}, Figures{P99: 100, ErrorRate: 0.001}
	if holds, known := read.Holds(bad, good); !holds || !known {
		t.Errorf("got %v, %v, want it to hold", holds, known)
	}
	if holds, known := read.Holds(good, good); holds || !known {
		t.Errorf("got %v, %v, want it not to hold", holds, known)
	}
}

func TestForeignExpressionIsNeverKnown(t *testing.T) {
	for _, text := range []string{"", "p99.canary >", "quantum.canary > 1"} {
		var e Expression
		if err := e.UnmarshalText([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if holds, known := e.Holds(Figures{P99: 1}, Figures{}); holds || known {
			t.Errorf("%q: got %v, %v, want unknown", text, holds, known)
		}
		if again, _ := e.MarshalText(); string(again) != text {
			t.Errorf("got %q, want %q", again, text)
		}
	}
}
