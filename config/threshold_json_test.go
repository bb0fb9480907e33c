package config

import (
	"encoding/json"
	"math"
	"reflect"
	"testing"
	"time"
)

func TestConditionsOutliveTheProcess(t *testing.T) {
	e, err := compileExpression("cpu.canary < 0.7 && error_rate.canary < 0.01")
	if err != nil {
		t.Fatal(err)
	}
	before := Criteria{
		"error_rate":  {{Text: "< 1%", Op: "<", Value: 0.01}, {Text: "< 1.5x stable", Op: "<", Ratio: 1.5}},
		"p99_latency": {{Text: "< 500ms", Op: "<", Duration: 500 * time.Millisecond}},
		"expression":  {{Text: "cpu.canary < 0.7 && error_rate.canary < 0.01", Expression: e}},
	}
	raw, err := json.Marshal(before)
	if err != nil {
		t.Fatal(err)
	}
	var after Criteria
	if err := json.Unmarshal(raw, &after); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"error_rate", "p99_latency"} {
		if !reflect.DeepEqual(before[name], after[name]) {
			t.Errorf("%s: got %+v, want %+v", name, after[name], before[name])
		}
	}
	back := after["expression"][0].Expression
	for _, tt := range []struct {
		f           Figures
		holds, know bool
	}{{Figures{CPU: 0.5}, true, true}, {Figures{CPU: 0.9}, false, true}, {Figures{CPU: math.NaN()}, false, false}} {
		if holds, known := back.Holds(tt.f, Figures{}); holds != tt.holds || known != tt.know {
			t.Errorf("at %+v: got %v, %v", tt.f, holds, known)
		}
	}
	if err := json.Unmarshal([]byte(`{"expression":[{"text":"exit()","expression":true}]}`), &after); err == nil {
		t.Error("an expression that does not compile was read")
	}
}
