package router

import (
	"math"
	"math/rand/v2"
	"testing"

	"sluice/config"
)

func TestShareByWeight(t *testing.T) {
	const picks = 1_000_000
	for _, bp := range [][]int{{9999, 1}, {9990, 10}, {9000, 1000}, {5000, 5000}, {3334, 3333, 3333}, {0, 1, 9999}, {10000, 0}} {
		l, s := live(t, shop(bp...))
		setWeights(t, l, "v1", bp...)
		rnd := rand.New(rand.NewPCG(1, uint64(bp[0])))
		got := make([]int, len(bp))
		var c Choice
		for range picks {
			r := Request{Rand: rnd.Uint64()}
			s.Pick(&r, &c)
			got[c.Index]++
		}
		for i, n := range got {
			p := float64(bp[i]) / fullBP
			sigma := math.Sqrt(picks * p * (1 - p))
			if math.Abs(float64(n)-picks*p) > 3*sigma {
				t.Errorf("%v: version %d got %d of %d, want %.0f within %.0f", bp, i, n, picks, picks*p, 3*sigma)
			}
		}
	}
}

func TestPickRepeatsWithTheSameRand(t *testing.T) {
	_, s := live(t, shop(5000, 3000, 2000))
	var a, b Choice
	for rnd := range uint64(1000) {
		r := Request{Rand: rnd}
		s.Pick(&r, &a)
		s.Pick(&r, &b)
		if a.Index != b.Index {
			t.Fatalf("rand %d: %d, then %d", rnd, a.Index, b.Index)
		}
	}
}

func TestDivideRefuses(t *testing.T) {
	names := []string{"v1", "v2"}
	for _, tc := range []struct {
		name string
		in   config.Weights
		want string
	}{
		{"unknown stable", config.Weights{Stable: "v9", BP: map[string]int{"v1": 10000}}, `stable is "v9", which is not among the versions`},
		{"unknown version", config.Weights{Stable: "v1", BP: map[string]int{"v1": 9000, "v9": 1000}}, `weight of "v9", which is not among the versions`},
		{"too little", config.Weights{Stable: "v1", BP: map[string]int{"v1": 9000}}, "weights sum to 9000 hundredths of a percent, want 10000"},
		{"negative", config.Weights{Stable: "v1", BP: map[string]int{"v1": 11000, "v2": -1000}}, "weight of v1: got 11000, want 0 to 10000 hundredths of a percent"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := divide(names, tc.in); err == nil || err.Error() != tc.want {
				t.Errorf("got %v, want %s", err, tc.want)
			}
		})
	}
}
