package analysis

import "math"

// betaTail is the regularised incomplete beta function I_x(a, b): the chance of a
// or more successes in a+b−1 trials of chance x. By the continued fraction of DLMF 8.17.22
// (Lentz); good to 10⁻¹² for what windows hold.
func betaTail(a, b, x float64) float64 {
	switch {
	case x <= 0:
		return 0
	case x >= 1:
		return 1
	case x > (a+1)/(a+b+2):
		return 1 - betaTail(b, a, 1-x)
	}
	la, _ := math.Lgamma(a)
	lb, _ := math.Lgamma(b)
	lab, _ := math.Lgamma(a + b)
	front := math.Exp(lab-la-lb+a*math.Log(x)+b*math.Log1p(-x)) / a
	const tiny, enough = 1e-300, 1e-13
	f, c, d := 1.0, 1.0, 0.0
	for i := range 10000 {
		m := float64(i / 2)
		var n float64
		switch {
		case i == 0:
			n = 1
		case i%2 == 0:
			n = m * (b - m) * x / ((a + 2*m - 1) * (a + 2*m))
		default:
			n = -(a + m) * (a + b + m) * x / ((a + 2*m) * (a + 2*m + 1))
		}
		d = 1 / away(1+n*d, tiny)
		c = away(1+n/c, tiny)
		f *= c * d
		if math.Abs(1-c*d) < enough {
			break
		}
	}
	return math.Min(1, front*(f-1))
}

func away(x, tiny float64) float64 {
	if math.Abs(x) < tiny {
		return tiny
	}
	return x
}

// poissonTail is the chance of k or more where mean are expected.
func poissonTail(k uint64, mean float64) float64 {
	if k == 0 {
		return 1
	}
	if mean <= 0 {
		return 0
	}
	lg, _ := math.Lgamma(float64(k) + 1)
	term := math.Exp(float64(k)*math.Log(mean) - mean - lg)
	if float64(k) < mean { // sum what lies below instead
		below := 0.0
		for i := float64(k); i >= 1 && term > 0; i-- {
			term *= i / mean
			below += term
		}
		return math.Max(0, 1-below)
	}
	sum := 0.0
	for i := float64(k) + 1; term > sum*1e-16; i++ {
		sum += term
		term *= mean / i
	}
	return math.Min(1, sum)
}

// LowerBound is the exact one-sided lower bound (Clopper–Pearson) on the failure rate
// behind c: were the rate any lower, as many failures or more would have had a chance of
// under alpha. For one look only; see UpperRate for any number of them. 0 without
// failures.
func LowerBound(c Counts, alpha float64) float64 {
	if c.Failed == 0 || c.Requests == 0 {
		return 0
	}
	low, high := 0.0, c.Rate()
	for range 60 {
		mid := (low + high) / 2
		if betaTail(float64(c.Failed), float64(c.good())+1, mid) < alpha {
			low = mid
		} else {
			high = mid
		}
	}
	return low
}
