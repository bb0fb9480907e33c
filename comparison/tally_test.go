package comparison

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
)

func changed(path string) []Difference {
	return []Difference{{Path: path, Kind: Value, Stable: "1", Shadow: "2"}}
}

func TestTallyOfFields(t *testing.T) {
	var tally Tally
	for i := range 6 {
		found := append(changed(fmt.Sprintf("$.items[%d].price", i)), changed("$.items[9].price")...)
		tally.Shadow(Request{Method: "GET", Path: "/x", ID: fmt.Sprint(i)}, i == 0, found)
	}
	tally.Shadow(Request{}, false, nil)
	tally.Noise(changed("$.at"))
	tally.Noise(nil)
	tally.Skip("dropped_busy")
	tally.Skip("dropped_busy")
	r := tally.Report()
	if r.Compared != 7 || r.Differing != 6 || r.Truncated != 1 || r.NoiseCompared != 2 || r.NoiseDiffering != 1 || r.Mirrored != 9 || r.Skipped["dropped_busy"] != 2 {
		t.Errorf("totals: %+v", r)
	}
	if len(r.Fields) != 2 || r.Fields[0].Path != "$.items[*].price" || r.Fields[0].Count != 6 || r.Fields[1].Path != "$.at" || r.Fields[1].NoiseCount != 1 {
		t.Fatalf("fields: %+v", r.Fields)
	}
	var ids, fields []string
	for _, x := range r.Fields[0].Examples {
		ids, fields = append(ids, x.RequestID), append(fields, x.Field)
	}
	if got := strings.Join(ids, " ") + " " + fields[4]; got != "1 2 3 4 5 $.items[5].price" {
		t.Errorf("examples: %s", got)
	}
	if r.Since.IsZero() {
		t.Error("since is not told")
	}
	tally.Reset()
	if r := tally.Report(); r.Mirrored != 0 || len(r.Fields) != 0 || r.Since.IsZero() {
		t.Errorf("after the reset: %+v", r)
	}
}

func TestTallyIsBounded(t *testing.T) {
	var tally Tally
	for i := range 250 {
		tally.Shadow(Request{}, false, changed(fmt.Sprintf("$.field_%d", i)))
		tally.Skip(fmt.Sprint("reason", i))
	}
	r := tally.Report()
	if len(r.Fields) != maxFields || r.Overflow != 50 || len(r.Skipped) != maxReasons || r.Differing != 250 {
		t.Errorf("%d fields, %d over, %d reasons, %d differing", len(r.Fields), r.Overflow, len(r.Skipped), r.Differing)
	}
}

// An empty report must be whole JSON: lists are lists, not null.
func TestReportAsJSON(t *testing.T) {
	var tally Tally
	b, err := json.Marshal(tally.Report())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"fields":[]`, `"skipped":{}`, `"verdict":"noise"`, `"reported":false`, `"compared":0`} {
		if !strings.Contains(string(b), want) {
			t.Errorf("%s lacks %s", b, want)
		}
	}
	if strings.Contains(string(b), "since") {
		t.Errorf("%s tells a time before anything was compared", b)
	}
}

func TestJudge(t *testing.T) {
	tests := []struct {
		name   string
		shadow share
		noise  share
		want   Verdict
	}{
		{"nothing at all", share{}, share{}, Noise},
		{"no difference", share{0, 1000}, share{0, 30}, Noise},
		{"a third, and no noise in 20", share{334, 1000}, share{0, 20}, Reported},
		{"a third of few", share{10, 30}, share{0, 20}, Unclear},
		{"each differs, no noise known", share{1000, 1000}, share{0, 0}, Unclear},
		{"each differs, by noise alone", share{1000, 1000}, share{20, 20}, Noise},
		{"half, as the noise", share{500, 1000}, share{10, 20}, Noise},
		{"half, the noise was lucky", share{500, 1000}, share{7, 20}, Unclear},
		{"2 %, no noise in 20", share{20, 1000}, share{0, 20}, Unclear},
		{"2 %, no noise in 1,000", share{2000, 100000}, share{0, 1000}, Reported},
		{"within a fifth of the noise", share{11500, 100000}, share{1000, 10000}, Noise},
		{"beyond a fifth of the noise", share{20000, 100000}, share{1000, 10000}, Reported},
		{"below 0.03 %", share{25, 100000}, share{0, 100000}, Noise},
		{"above 0.03 %", share{300, 100000}, share{0, 100000}, Reported},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := judge(tt.shadow, tt.noise); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// Wilson's interval for 10 of 100 at z = 2.576, worked out from the formula by hand.
func TestBounds(t *testing.T) {
	low, high := share{10, 100}.bounds()
	if math.Abs(low-0.0460) > 1e-4 || math.Abs(high-0.2038) > 1e-4 {
		t.Errorf("got %.4f to %.4f", low, high)
	}
	if low, high := (share{}).bounds(); low != 0 || high != 1 {
		t.Errorf("nothing known: %v to %v", low, high)
	}
	for n := uint64(1); n < 400; n += 7 {
		for k := uint64(0); k <= n; k++ {
			low, high := share{k, n}.bounds()
			if p := (share{k, n}).rate(); low > p || high < p || low < 0 || high > 1 {
				t.Fatalf("%d of %d: %v to %v", k, n, low, high)
			}
		}
	}
}

// Fields that differ by noise alone are rarely reported, whatever the noise and
// however small its sample; ones that differ for certain always are.
func TestJudgeByChance(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	draw := func(p float64, n uint64) (k uint64) {
		for range n {
			if rng.Float64() < p {
				k++
			}
		}
		return k
	}
	const runs = 2000
	for _, p := range []float64{0.005, 0.02, 0.1, 0.3, 0.5, 0.9} {
		for _, n := range []uint64{20, 30, 120} {
			wrong := 0
			for range runs {
				if judge(share{draw(p, 1000), 1000}, share{draw(p, n), n}) == Reported {
					wrong++
				}
			}
			if share := float64(wrong) / runs; share > 0.01 {
				t.Errorf("noise of %v in %d: reported in %.2f %% of runs", p, n, share*100)
			}
		}
	}
	for range runs {
		if v := judge(share{draw(0.4, 1000), 1000}, share{0, 20}); v != Reported {
			t.Fatalf("a difference in 40 %% of answers is %s", v)
		}
	}
}

// The whole's excess is a field's where noise hides it in whole answers.
func TestReportExcess(t *testing.T) {
	var tally Tally
	for i := range 1000 {
		found := changed("$.at")
		if i%4 == 0 {
			found = append(found, changed("$.price")...)
		}
		tally.Shadow(Request{}, false, found)
		if i < 120 {
			tally.Noise(changed("$.at"))
		}
	}
	r := tally.Report()
	if r.Rate != 1 || r.Noise != 1 || r.Excess != 0.25 || !r.Reported || r.ExcessLow <= 0 || r.ExcessLow > 0.25 || r.ExcessHigh < 0.25 {
		t.Errorf("got %+v", r)
	}
	if r.Fields[0].Path != "$.price" || !r.Fields[0].Reported || r.Fields[1].Reported || r.Fields[1].Verdict != Noise {
		t.Errorf("got %+v", r.Fields)
	}
}

func TestTarget(t *testing.T) {
	tests := []struct{ path, query, want string }{
		{"/a", "", "/a"},
		{"/a", "user=jane@example.com&page=2&flag", "/a?user=…&page=…&flag"},
		{"/a", "=x", "/a?=…"},
		{"/" + strings.Repeat("x", 500), "", "/" + strings.Repeat("x", 199) + "…"},
	}
	for _, tt := range tests {
		if got := Target(tt.path, tt.query); got != tt.want {
			t.Errorf("%s ? %s: got %s, want %s", tt.path, tt.query, got, tt.want)
		}
	}
}

func TestTallyConcurrent(t *testing.T) {
	var tally Tally
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 500 {
				tally.Shadow(Request{}, false, changed(fmt.Sprintf("$.a[%d]", i)))
				tally.Noise(nil)
				tally.Skip("x")
				_ = tally.Report()
			}
		})
	}
	wg.Wait()
	if r := tally.Report(); r.Compared != 2000 || r.NoiseCompared != 2000 || r.Skipped["x"] != 2000 || len(r.Fields) != 1 || r.Fields[0].Count != 2000 {
		t.Errorf("got %+v", r)
	}
}
