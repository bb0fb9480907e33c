package peers

import "math"

// zeroTolerance is absolute, as in the judge that uses it.
const zeroTolerance = 1e-4

// zero finds where f changes its sign between a and b: interpolation as long as it
// helps, else halving. fa and fb are f's values there. Not ok: f is not defined.
//
// Source: R. P. Brent, Algorithms for Minimization without Derivatives (1973), chapter 4.
func zero(a, b, fa, fb float64, f func(float64) (float64, bool)) (x float64, ok bool) {
	if fa == 0 {
		return a, true
	}
	if fb == 0 {
		return b, true
	}
	c, fc := a, fa
	before := b - a // the step before the last one
	for range 1000 {
		if math.Abs(fc) < math.Abs(fb) {
			a, b, c = b, c, b
			fa, fb, fc = fb, fc, fb
		}
		tolerance := 2*epsilon*math.Abs(b) + zeroTolerance/2
		step := (c - b) / 2
		if math.Abs(step) <= tolerance || fb == 0 {
			return b, true
		}
		if math.Abs(before) >= tolerance && math.Abs(fa) > math.Abs(fb) {
			step = interpolate(a, b, c, fa, fb, fc, before, tolerance)
		}
		if math.Abs(step) < tolerance {
			step = math.Copysign(tolerance, step)
		}
		before = step
		a, fa = b, fb
		b += step
		if fb, ok = f(b); !ok {
			return 0, false
		}
		if fb*fc > 0 {
			c, fc = a, fa
		}
	}
	return b, true
}

const epsilon = 2.220446049250313e-16

// interpolate is the step from b by a secant (two points) or an inverse parabola (three), or
// half the bracket where that would lead too far.
func interpolate(a, b, c, fa, fb, fc, before, tolerance float64) float64 {
	width := c - b
	var p, q float64
	if a == c {
		s := fb / fa
		p, q = width*s, 1-s
	} else {
		r, s, t := fa/fc, fb/fc, fb/fa
		p = t * (width*r*(r-s) - (b-a)*(s-1))
		q = (r - 1) * (s - 1) * (t - 1)
	}
	if p > 0 {
		q = -q
	} else {
		p = -p
	}
	if p < 0.75*width*q-math.Abs(tolerance*q)/2 && p < math.Abs(before*q/2) {
		return p / q
	}
	return width / 2
}
