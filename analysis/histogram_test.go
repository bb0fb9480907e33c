package analysis

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestMergeIsOrderFree(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	rs := make([]Recorder, 3)
	var all Recorder
	for range 3000 {
		i, ns, o := rng.IntN(3), rng.Int64N(2*sec), Outcome(1+rng.IntN(int(LocalRefusal)))
		record(&rs[i], 0, 0, ns, o)
		record(&all, 0, 0, ns, o)
	}
	merged := func(order ...int) (Histogram, Totals) {
		var h Histogram
		var n Totals
		for _, i := range order {
			h.Merge(rs[i].Histogram())
			n = n.Add(rs[i].Totals())
		}
		return h, n
	}
	h, n := merged(0, 1, 2)
	h2, n2 := merged(2, 0, 1)
	if h != h2 || n != n2 {
		t.Error("the order of merging matters")
	}
	if h != *all.Histogram() || n != all.Totals() {
		t.Error("merging is not what one recorder would have counted")
	}
	h.Sub(rs[1].Histogram())
	if want, _ := merged(0, 2); h != want {
		t.Error("Sub does not undo Merge")
	}
}

func TestQuantile(t *testing.T) {
	var r Recorder
	if got := r.Histogram().Quantile(.5); got != 0 {
		t.Errorf("empty: %v, want 0", got)
	}
	for i := range int64(1000) {
		record(&r, 0, 0, (i+1)*int64(time.Millisecond), Success)
		record(&r, 0, 0, 1000, ServerError) // fast errors flatter nothing
	}
	for _, tt := range []struct {
		q    float64
		want time.Duration
	}{{0, time.Millisecond}, {.5, 500 * time.Millisecond}, {.99, 990 * time.Millisecond}, {1, time.Second}} {
		got := r.Histogram().Quantile(tt.q)
		if ratio := float64(got) / float64(tt.want); ratio < 0.978 || ratio > 1.0222 {
			t.Errorf("q=%g: %v, want %v within 2.2 %%", tt.q, got, tt.want)
		}
	}
	record(&r, 0, 0, 100*sec, Success)
	if got := r.Histogram().Quantile(1); got != 64*time.Second {
		t.Errorf("over 64 s reads %v", got)
	}
}

func BenchmarkHistogram(b *testing.B) {
	var r Recorder
	record(&r, 0, 0, 1, Success)
	h := new(Histogram)
	b.ReportAllocs()
	for b.Loop() {
		r.AddTo(h)
	}
}
