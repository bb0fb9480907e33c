package analysis

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"
)

func TestEvidenceSurvivesARestart(t *testing.T) {
	for _, o := range []JudgeOptions{both, rollout, {Breach: limits(0.01, 0.1), Guard: 2}} {
		j := NewJudge(o)
		tr := seeded(11, 3, 0.3)
		step := func(t0 int, js ...*Judge) {
			b := tr.block(t0, 0.02, 0.02)
			var first Verdict
			for i, j := range js {
				v := j.Add(b)
				if i == 0 {
					first = v
				} else if v != first {
					t.Fatalf("block %d: %+v, want %+v", t0, v, first)
				}
			}
		}
		for t0 := range 500 {
			step(t0, j)
		}
		data, err := json.Marshal(j)
		if err != nil {
			t.Fatal(err)
		}
		back := new(Judge)
		if err := json.Unmarshal(data, back); err != nil {
			t.Fatal(err)
		}
		if got := back.Options(); !slices.Equal(got.Breach, o.Breach) || got.Alpha != o.Alpha {
			t.Errorf("options %+v, want %+v", got, o)
		}
		for t0 := 500; t0 < 1500; t0++ {
			step(t0, j, back)
		}
		if j.Baseline() != back.Baseline() {
			t.Errorf("baseline %g, want %g", back.Baseline(), j.Baseline())
		}
	}
}

func TestDamagedEvidenceIsRefused(t *testing.T) {
	good, err := json.Marshal(NewJudge(both))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, old, new string }{
		{"no JSON", "{", ""},
		{"another number of criteria", `,{"Metric":"error_rate","Ratio":0,"Limit":0.05,"Latency":0}`, ""},
		{"negative evidence", `"mass":[0.5`, `"mass":[-0.5`},
		{"negative blocks", `"blocks":0`, `"blocks":-1`},
		{"negative rest", `"rest":0`, `"rest":-1`},
	} {
		j := NewJudge(rollout)
		bad := strings.Replace(string(good), tt.old, tt.new, 1)
		if bad == string(good) {
			t.Fatalf("%s: %q does not occur in %s", tt.name, tt.old, good)
		}
		if err := j.UnmarshalJSON([]byte(bad)); err == nil {
			t.Errorf("%s: accepted", tt.name)
		}
		if j.Options().Alpha != rollout.Alpha {
			t.Errorf("%s: changed by an error", tt.name)
		}
	}
}

// Whatever a damaged file holds: an error, or a Judge that works.
func FuzzEvidence(f *testing.F) {
	j := NewJudge(both)
	tr := seeded(12, 50, 0.3)
	for t0 := range 20 {
		j.Add(tr.block(t0, 0.1, 0.02))
	}
	good, err := json.Marshal(j)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{}`))
	f.Add([]byte(`{"charges":[{}],"options":{"Breach":[{"Metric":"error_rate","Limit":0.5}]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var j Judge
		if j.UnmarshalJSON(data) != nil {
			return
		}
		v := j.Add(Block{At: day, Canary: Counts{10, 1}, CanaryAll: Counts{10, 1}, Stable: Counts{90, 1}})
		if math.IsNaN(v.Evidence) || math.IsInf(v.Evidence, 0) || math.IsNaN(v.Effect) || math.IsInf(v.Effect, 0) {
			t.Errorf("%+v from %s", v, data)
		}
	})
}

func TestExtremeCountsGiveFiniteEvidence(t *testing.T) {
	j := NewJudge(JudgeOptions{Breach: append(ratios(1.5, 0.5), limits(0.001, 0.999)...)})
	huge := Counts{1 << 40, 1 << 40}
	for t0 := range 200 {
		b := Block{At: day, Canary: huge, CanaryAll: huge, Stable: huge}
		if t0%3 == 1 {
			b.Canary.Failed, b.CanaryAll.Failed = 0, 0
		}
		if t0%3 == 2 {
			b.Stable.Failed = 0
		}
		v := j.Add(b)
		if !(v.Evidence >= 0) || math.IsInf(v.Evidence, 0) || math.IsNaN(v.Effect) || math.IsInf(v.Effect, 0) {
			t.Fatalf("block %d: %+v", t0, v)
		}
	}
	if _, err := json.Marshal(j); err != nil {
		t.Error(err)
	}
}
