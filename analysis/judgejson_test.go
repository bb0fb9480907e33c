package analysis

import (
	"encoding/json"
	"math"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestEvidenceSurvivesARestart(t *testing.T) {
	healthy := newSampler(lognormal{1, 0})
	for _, o := range []JudgeOptions{both, rollout, {Breach: limits(0.01, 0.1), Guard: 2}, {Breach: everything, HangAge: time.Second}, {Breach: everything, Window: time.Minute}} {
		j := NewJudge(o)
		j.Stage(PromotionOptions{Success: everything})
		tr := seeded(11, 3, 0.3)
		step := func(t0 int, js ...*Judge) {
			b := tr.timed(t0, healthy, healthy)
			var first Verdict
			for i, j := range js {
				v := j.Add(b)
				if i == 0 {
					first = v
				} else if v != first {
					t.Fatalf("block %d: %+v, want %+v", t0, v, first)
				}
				if p, q := j.Promotion(), js[0].Promotion(); p != q {
					t.Fatalf("block %d: %+v, want %+v", t0, p, q)
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
	o := both
	o.Window = time.Second
	from := NewJudge(o)
	from.Stage(asGood)
	good, err := json.Marshal(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, old, new string }{
		{"no JSON", "{", ""},
		{"another number of criteria", `,{"Metric":"error_rate","Limit":0.05}`, ""},
		{"negative evidence", `"mass":[0.5`, `"mass":[-0.5`},
		{"negative blocks", `"blocks":0`, `"blocks":-1`},
		{"a cell beyond the last", `"charges":[{`, `"charges":[{"cells":{"Canary":418},`},
		{"no window", `"window":{`, `"other":{`},
		{"another number of conditions", `"gates":[{`, `"gates":[{},{`},
		{"negative evidence of a stage", `"mass":[1,`, `"mass":[-1,`},
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
	healthy := newSampler(lognormal{1, 0})
	for _, o := range []JudgeOptions{both, {Breach: everything}, {Breach: everything, Window: 3 * time.Second}} {
		j := NewJudge(o)
		j.Stage(PromotionOptions{Success: everything})
		tr := seeded(12, 50, 0.3)
		for t0 := range 20 {
			j.Add(tr.timed(t0, healthy, healthy))
		}
		good, err := json.Marshal(j)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(good)
	}
	f.Add([]byte(`{}`))
	f.Add([]byte(`{"charges":[{}],"options":{"Breach":[{"Metric":"error_rate","Limit":0.5}]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var j Judge
		if j.UnmarshalJSON(data) != nil {
			return
		}
		v, p := j.Add(quiet()), j.Promotion()
		if math.IsNaN(p.Evidence) || math.IsInf(p.Evidence, 0) {
			t.Errorf("%+v from %s", p, data)
		}
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

// What is zero was written out once. Such evidence is still evidence.
func TestEvidenceWithItsZerosIsRead(t *testing.T) {
	text, err := os.ReadFile("testdata/evidence-with-zeros.json")
	if err != nil {
		t.Fatal(err)
	}
	var kept struct {
		Evidence  *Judge
		Verdict   Verdict
		Promotion Promotion
	}
	if err := json.Unmarshal(text, &kept); err != nil {
		t.Fatal(err)
	}
	if v := kept.Evidence.Verdict(); v != kept.Verdict {
		t.Errorf("the verdict is %+v, want %+v", v, kept.Verdict)
	}
	if p := kept.Evidence.Promotion(); p != kept.Promotion {
		t.Errorf("the promotion is %+v, want %+v", p, kept.Promotion)
	}
	again, err := json.Marshal(kept.Evidence)
	if err != nil {
		t.Fatal(err)
	}
	var back Judge
	if err := json.Unmarshal(again, &back); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(&back, kept.Evidence) {
		t.Errorf("the judge is %+v after it was written and read, want %+v", back, *kept.Evidence)
	}
}
