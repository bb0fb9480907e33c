package peers

import (
	"math"
	"slices"
	"testing"
)

// Hollander and Wolfe's example of 4.1 (permeability of membranes), as R's
// wilcox.test(x, y, conf.int = TRUE, exact = FALSE) gives it.
func TestHodgesLehmann(t *testing.T) {
	x := []float64{0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46}
	y := []float64{1.15, 0.88, 0.90, 0.74, 1.21}
	slices.Sort(x)
	slices.Sort(y)
	s := shift{x, y}
	// W − n1·n2/2 = 35 − 25; without ties the variance is 10·5·16/12.
	z, ok := s.statistic(0)
	if want := (10 - 0.5) / math.Sqrt(10*5*16/12.0); !ok || math.Abs(z-want) > 1e-12 {
		t.Errorf("statistic %g, want %g", z, want)
	}
	// The estimate is the median of all differences.
	var all []float64
	for _, a := range x {
		for _, b := range y {
			all = append(all, a-b)
		}
	}
	slices.Sort(all)
	median := (all[24] + all[25]) / 2
	got, ok := s.at(0, false)
	if !ok || math.Abs(got-median) > 0.01 {
		t.Errorf("estimate %g, want %g", got, median)
	}
	lower, _ := s.at(1.96, true)
	upper, _ := s.at(-1.96, true)
	if !(lower < got && got < upper) || lower < all[0] || upper > all[len(all)-1] {
		t.Errorf("interval %g … %g around %g", lower, upper, got)
	}
}

func TestTiesLowerTheVariance(t *testing.T) {
	// Ranks of {1,1,2} among {1,1,2,2,2,3}: 1.5+1.5+4 = 7, so u = 7−6−4.5 = −3.5, ties 2 and 3.
	z, ok := shift{[]float64{1, 1, 2}, []float64{2, 2, 3}}.statistic(0)
	want := (-3.5 + 0.5) / math.Sqrt(3*3/12.0*(7-(6+24)/(6.0*5)))
	if !ok || math.Abs(z-want) > 1e-12 {
		t.Errorf("statistic %g, want %g", z, want)
	}
	if _, ok := (shift{[]float64{1, 1}, []float64{1}}).statistic(0); ok {
		t.Error("all tied: there is no statistic")
	}
}

func TestZero(t *testing.T) {
	for _, tt := range []struct {
		name       string
		f          func(float64) float64
		a, b, want float64
	}{
		{"line", func(x float64) float64 { return x - 0.3 }, 0, 1, 0.3},
		{"cube", func(x float64) float64 { return x*x*x - 2 }, 0, 2, math.Cbrt(2)},
		{"step", func(x float64) float64 { return math.Copysign(1, 0.7-x) }, 0, 1, 0.7},
		{"flat", func(x float64) float64 { return math.Pow(x-0.5, 9) }, 0, 1, 0.5},
		{"an end", func(x float64) float64 { return x }, 0, 1, 0},
		{"the other end", func(x float64) float64 { return x - 1 }, 0, 1, 1},
	} {
		calls := 0
		x, ok := zero(tt.a, tt.b, tt.f(tt.a), tt.f(tt.b), func(x float64) (float64, bool) {
			calls++
			return tt.f(x), true
		})
		if tolerance := 2e-4; !ok || math.Abs(x-tt.want) > tolerance && math.Abs(tt.f(x)) > 1e-12 || calls > 100 {
			t.Errorf("%s: %g after %d calls, want %g", tt.name, x, calls, tt.want)
		}
	}
	if _, ok := zero(0, 1, -1, 1, func(float64) (float64, bool) { return 0, false }); ok {
		t.Error("a function that is not defined has no zero")
	}
}
