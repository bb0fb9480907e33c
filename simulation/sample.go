package simulation

import (
	"math"
	"math/rand/v2"
)

// smallMean is up to where counting beats rejection.
const smallMean = 10

// poisson draws a number of arrivals. Below smallMean by multiplication (Knuth, The
// Art of Computer Programming 2, 3.4.1), above by transformed rejection (Hörmann, The
// Transformed Rejection Method for Generating Poisson Random Variables, 1993: PTRS).
func poisson(rng *rand.Rand, mean float64) uint64 {
	if mean <= 0 {
		return 0
	}
	if mean < smallMean {
		limit, product, n := math.Exp(-mean), rng.Float64(), uint64(0)
		for product > limit {
			product *= rng.Float64()
			n++
		}
		return n
	}
	b := 0.931 + 2.53*math.Sqrt(mean)
	a := -0.059 + 0.02483*b
	quick := 0.9277 - 3.6224/(b-2)
	for {
		u := rng.Float64() - 0.5
		v := rng.Float64()
		us := 0.5 - math.Abs(u)
		k := math.Floor((2*a/us+b)*u + mean + 0.43)
		if us >= 0.07 && v <= quick {
			return uint64(k)
		}
		if k < 0 || us < 0.013 && v > us {
			continue
		}
		inverse := 1.1239 + 1.1328/(b-3.4)
		lg, _ := math.Lgamma(k + 1)
		if math.Log(v*inverse/(a/(us*us)+b)) <= k*math.Log(mean)-mean-lg {
			return uint64(k)
		}
	}
}

// binomial draws how many of n happen that have chance p each. Below smallMean it
// jumps from one to the next (geometric gaps), above by transformed rejection (Hörmann, The
// Generation of Binomial Random Variates, 1993: BTRS).
func binomial(rng *rand.Rand, n uint64, p float64) uint64 {
	switch {
	case n == 0 || p <= 0:
		return 0
	case p >= 1:
		return n
	case p > 0.5:
		return n - binomial(rng, n, 1-p)
	case float64(n)*p < smallMean:
		return jumps(rng, n, p)
	}
	m := float64(n)
	deviation := math.Sqrt(m * p * (1 - p))
	b := 1.15 + 2.53*deviation
	a := -0.0873 + 0.0248*b + 0.01*p
	c := m*p + 0.5
	quick := 0.92 - 4.2/b
	for {
		u := rng.Float64() - 0.5
		v := rng.Float64()
		us := 0.5 - math.Abs(u)
		k := math.Floor((2*a/us+b)*u + c)
		if k < 0 || k > m {
			continue
		}
		if us >= 0.07 && v <= quick {
			return uint64(k)
		}
		alpha := (2.83 + 5.1/b) * deviation
		mode := math.Floor((m + 1) * p)
		if math.Log(v*alpha/(a/(us*us)+b)) <= logChoose(m, mode)+(k-mode)*math.Log(p/(1-p))-logChoose(m, k) {
			return uint64(k)
		}
	}
}

// logChoose is ln(k!·(m−k)!), what differs between two binomial coefficients of m.
func logChoose(m, k float64) float64 {
	x, _ := math.Lgamma(k + 1)
	y, _ := math.Lgamma(m - k + 1)
	return x + y
}

func jumps(rng *rand.Rand, n uint64, p float64) (k uint64) {
	c := math.Log1p(-p)
	for i := 0.0; ; k++ {
		i += math.Floor(math.Log(1-rng.Float64())/c) + 1
		if i > float64(n) {
			return k
		}
	}
}
