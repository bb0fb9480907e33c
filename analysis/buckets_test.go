package analysis

import (
	"math"
	"math/rand/v2"
	"sort"
	"testing"
)

func TestBucketOfAgreesWithSearch(t *testing.T) {
	var upper []float64
	for k := lowOctave * perOctave; k <= highOctave*perOctave; k++ {
		upper = append(upper, math.Ldexp(bounds[(k+320)%perOctave], lowOctave+(k+320)/perOctave))
	}
	if !sort.Float64sAreSorted(upper) || len(upper) != Buckets-1 {
		t.Fatalf("bounds: sorted %v, %d of them, want %d", sort.Float64sAreSorted(upper), len(upper), Buckets-1)
	}
	check := func(ns int64) {
		t.Helper()
		want := sort.SearchFloat64s(upper, float64(ns)*1e-9)
		if got := bucketOf(ns); got != want {
			t.Fatalf("bucketOf(%d) = %d, want %d", ns, got, want)
		}
	}
	for _, b := range upper {
		for d := int64(-2); d <= 2; d++ {
			check(int64(b*1e9) + d)
		}
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 500_000 {
		check(int64(math.Exp(rng.Float64() * math.Log(2e11))))
	}
	for _, ns := range []int64{0, 1, 953, 954, 1e9, 64e9, 64e9 + 20, math.MaxInt64} {
		check(ns)
	}
	if bucketOf(-5) != 0 || bucketOf(math.MinInt64) != 0 {
		t.Error("a negative latency must fall into the first bucket")
	}
}

func TestBoundsAreInclusiveAtPowersOfTwo(t *testing.T) {
	for ns, want := range map[int64]float64{1e9: 1, 5e8: .5, 25e7: .25, 2e9: 2, 64e9: 64, 1953125: math.Ldexp(1, -9)} {
		if got := UpperBound(bucketOf(ns)); got != want {
			t.Errorf("%d ns fell under bound %g s, want %g", ns, got, want)
		}
	}
	if !math.IsInf(UpperBound(bucketOf(64e9+100)), 1) {
		t.Error("over 64 s must fall into the last bucket")
	}
}
