package simulation

import (
	"math"
	"math/rand/v2"
	"testing"

	"sluice/analysis"
)

// moments checks mean and variance of n draws within 5 standard errors of the mean and 10 % of the variance.
func moments(t *testing.T, name string, n int, mean, variance float64, draw func() uint64) {
	t.Helper()
	sum, squares := 0.0, 0.0
	for range n {
		x := float64(draw())
		sum += x
		squares += (x - mean) * (x - mean)
	}
	if m := sum / float64(n); math.Abs(m-mean) > 5*math.Sqrt(variance/float64(n))+1e-12 {
		t.Errorf("%s: mean %g, want %g", name, m, mean)
	}
	if v := squares / float64(n); math.Abs(v-variance) > 0.1*variance+1e-12 {
		t.Errorf("%s: variance %g, want %g", name, v, variance)
	}
}

func TestSamplersHaveTheirMoments(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, mean := range []float64{0, 0.05, 1, 9.9, 10.1, 50, 950} {
		moments(t, "poisson", 100_000, mean, mean, func() uint64 { return poisson(rng, mean) })
	}
	for _, tt := range []struct {
		n uint64
		p float64
	}{{0, 0.5}, {1, 0.3}, {20, 0.02}, {20, 0.5}, {20, 0.9}, {1000, 0.001}, {1000, 0.05}, {1000, 0.7}, {5, 0}, {5, 1}} {
		m := float64(tt.n)
		moments(t, "binomial", 100_000, m*tt.p, m*tt.p*(1-tt.p), func() uint64 { return binomial(rng, tt.n, tt.p) })
	}
}

// Both branches of each sampler must give the law itself, not only its moments.
func TestSamplersHaveTheirLaw(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	const n = 200_000
	for _, mean := range []float64{3, 12, 40} {
		count := map[uint64]float64{}
		for range n {
			count[poisson(rng, mean)]++
		}
		fits(t, "poisson", n, count, func(k float64) float64 {
			lg, _ := math.Lgamma(k + 1)
			return math.Exp(k*math.Log(mean) - mean - lg)
		})
	}
	for _, p := range []float64{0.05, 0.3, 0.8} {
		count := map[uint64]float64{}
		for range n {
			count[binomial(rng, 60, p)]++
		}
		fits(t, "binomial", n, count, func(k float64) float64 {
			return math.Exp(logChoose(60, 0) - logChoose(60, k) + k*math.Log(p) + (60-k)*math.Log1p(-p))
		})
	}
}

// fits is a chi-square test at about 5 standard deviations.
func fits(t *testing.T, name string, n float64, count map[uint64]float64, law func(float64) float64) {
	t.Helper()
	chi, cells := 0.0, 0.0
	for k := range uint64(200) {
		if want := n * law(float64(k)); want >= 20 {
			chi += (count[k] - want) * (count[k] - want) / want
			cells++
		}
	}
	if chi > cells+5*math.Sqrt(2*cells) {
		t.Errorf("%s: chi-square %.1f over %g cells", name, chi, cells)
	}
}

func TestDiceFollowTheLaw(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for _, law := range []Law{{Median: 0.05, Sigma: 0.8}, {Median: 0.05, Sigma: 0.8, Scale: 2}, {Median: 0.05, Sigma: 0.8, TailShare: 0.03, TailSeconds: 0.5}} {
		const n = 2_000_000
		var cells [analysis.Buckets]uint32
		newDice(&law).roll(rng, n, &cells)
		over := uint32(n)
		for i, c := range cells[:analysis.Buckets-1] {
			over -= c
			p := law.Over(analysis.UpperBound(i))
			if d := math.Abs(float64(over) - n*p); d > 6*math.Sqrt(n*p*(1-p))+1 {
				t.Errorf("%+v: %d over %g s, want %.0f", law, over, analysis.UpperBound(i), n*p)
			}
		}
	}
}

func TestLawHasItsQuantiles(t *testing.T) {
	l := Law{Median: 0.05, Sigma: 0.8}
	for x, want := range map[float64]float64{0: 1, 0.05: 0.5, 0.3215: 0.01} {
		if got := l.Over(x); math.Abs(got-want) > 1e-4 {
			t.Errorf("over %g s: %g, want %g", x, got, want)
		}
	}
}
