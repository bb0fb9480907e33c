package bench

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestHistogram(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var whole, a, b Histogram
	var all []time.Duration
	for i := range 20000 {
		d := time.Duration(rnd.ExpFloat64()*float64(3*time.Millisecond)) * time.Duration(1+i%7)
		all = append(all, d)
		whole.Add(d)
		if i%3 == 0 {
			a.Add(d)
		} else {
			b.Add(d)
		}
	}
	a.Merge(&b)
	a.Merge(&Histogram{})
	slices.Sort(all)
	for _, q := range []float64{0, 0.001, 0.5, 0.9, 0.99, 0.999, 1} {
		want := all[max(int(q*float64(len(all)))-1, 0)]
		got := whole.Quantile(q)
		if got < want-2*time.Microsecond || float64(got) > float64(want)*1.01+2000 {
			t.Errorf("quantile %v is %v, want %v", q, got, want)
		}
		if got != a.Quantile(q) {
			t.Errorf("merged quantile %v is %v, want %v", q, a.Quantile(q), got)
		}
	}
	if whole.Max() != all[len(all)-1] || a.Max() != whole.Max() || a.Count() != 20000 || a.Mean() != whole.Mean() {
		t.Errorf("max %v, merged %v, count %d, mean %v", whole.Max(), a.Max(), a.Count(), a.Mean())
	}
}

func TestHistogramEdges(t *testing.T) {
	for us := uint64(0); us < 1<<40; us += us/200 + 1 {
		i := bucket(us)
		if i < 0 || i >= buckets {
			t.Fatalf("%d µs: bucket %d of %d", us, i, buckets)
		}
		if us < 1<<topBits && (upperEdge(i) <= us || i > 0 && upperEdge(i-1) > us) {
			t.Fatalf("%d µs in bucket %d, from %d to %d", us, i, upperEdge(i-1), upperEdge(i))
		}
	}
	var empty, one Histogram
	if empty.Quantile(0.5) != 0 || empty.Mean() != 0 || empty.Max() != 0 {
		t.Error("an empty histogram has figures")
	}
	one.Add(-time.Second)
	one.Add(100 * time.Hour)
	if one.Quantile(0.5) != time.Microsecond || one.Quantile(1) < 19*time.Hour || one.Max() != 100*time.Hour {
		t.Errorf("%v %v %v", one.Quantile(0.5), one.Quantile(1), one.Max())
	}
}
