package rollout

import (
	"math"
	"math/rand/v2"
	"testing"

	"sluice/analysis"
)

func TestWilsonInterval(t *testing.T) {
	for _, tt := range []struct {
		name      string
		k, n      uint64
		low, high float64 // by the formula of Wilson (1927), to four digits
	}{
		{"nothing known", 0, 0, 0, 1},
		{"none of ten", 0, 10, 0, 0.2775},
		{"all of ten", 10, 10, 0.7225, 1},
		{"half of ten", 5, 10, 0.2366, 0.7634},
		{"one in a hundred", 1, 100, 0.0018, 0.0545},
		{"2 % of 10,000", 200, 10000, 0.0174, 0.0229},
	} {
		t.Run(tt.name, func(t *testing.T) {
			low, high := wilson(tt.k, tt.n)
			if math.Abs(low-tt.low) > 0.0001 || math.Abs(high-tt.high) > 0.0001 {
				t.Errorf("got %.4f to %.4f, want %.4f to %.4f", low, high, tt.low, tt.high)
			}
		})
	}
}

// TestQuantileIntervalCovers draws latencies of a known law: 95 of 100 intervals, or a few less by
// chance, must hold the true quantile.
func TestQuantileIntervalCovers(t *testing.T) {
	bucketOf := func(seconds float64) int {
		for i := range analysis.Buckets {
			if seconds <= analysis.UpperBound(i) {
				return i
			}
		}
		return analysis.Buckets - 1
	}
	for _, q := range []float64{0.5, 0.99} {
		rng := rand.New(rand.NewPCG(1, uint64(q*100)))
		truth := -math.Log(1-q) * 50 // ms, of an exponential law with mean 50 ms
		held := 0
		for range 300 {
			var count [analysis.Buckets]uint64
			for range 2000 {
				count[bucketOf(rng.ExpFloat64()*0.05)]++
			}
			value, low, high, ok := quantileBetween(&count, q)
			if !ok || low > value || value > high {
				t.Fatalf("quantile %v: %v in %v to %v, %v", q, value, low, high, ok)
			}
			if low <= truth && truth <= high {
				held++
			}
		}
		if held < 280 {
			t.Errorf("quantile %v: %d of 300 intervals held it, want 285 or more but for chance", q, held)
		}
	}
}

func TestQuantileOfTooFewIsNotShown(t *testing.T) {
	var count [analysis.Buckets]uint64
	if _, _, _, ok := quantileBetween(&count, 0.5); ok {
		t.Error("of nothing")
	}
	count[200] = 400
	if _, _, _, ok := quantileBetween(&count, 0.99); ok {
		t.Error("p99 of 400: the highest of them need not reach it")
	}
	count[200] = 600
	if _, _, _, ok := quantileBetween(&count, 0.99); !ok {
		t.Error("p99 of 600 is bounded on both sides")
	}
}
