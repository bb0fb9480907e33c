package peers

import "math"

// ZTest is the two-proportion z test on everything since the start, one-sided at
// 5 %, repeated every ten seconds as if each look were the only one.
//
// Source: any textbook; the fault is in the repeating.
type ZTest struct {
	clock clock
	all   arms
}

const (
	testZ     = 1.645 // one-sided 5 %
	testLeast = 100   // requests of the canary
)

// NewZTest is the repeated test.
func NewZTest() *ZTest { return &ZTest{clock: clock{every: 10}} }

// Add takes in a second and reports whether the test rejects.
func (z *ZTest) Add(s *Second) bool {
	z.all = z.all.add(s)
	if !z.clock.tick() || z.all.canary.Requests < testLeast {
		return false
	}
	v := z.all.variance()
	return v > 0 && z.all.difference() > testZ*math.Sqrt(v)
}

// difference of the failure rates.
func (a *arms) difference() float64 { return a.canary.rate() - a.stable.rate() }

// variance of the difference if both arms have the pooled rate; 0 if it is not known.
func (a *arms) variance() float64 {
	if a.canary.Requests == 0 || a.stable.Requests == 0 {
		return 0
	}
	p := a.canary.add(a.stable).rate()
	return p * (1 - p) * (1/float64(a.canary.Requests) + 1/float64(a.stable.Requests))
}
