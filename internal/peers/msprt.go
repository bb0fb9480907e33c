package peers

import "math"

// MSPRT is the mixture sequential probability ratio test on the difference of two
// proportions with a normal mixture N(0, τ²). It stands on a normal approximation, so
// at few failures it errs more often than its level says.
//
// Source: Johari, Pekelis, Walsh, Always Valid Inference, arXiv:1512.04922, equation for
// binary data with the plug-in variance.
type MSPRT struct {
	bound, tau2 float64
	all         arms
}

// NewMSPRT tests at level alpha with a mixture of standard deviation tau, in units
// of the failure rate.
func NewMSPRT(alpha, tau float64) *MSPRT {
	return &MSPRT{bound: math.Log(1 / alpha), tau2: tau * tau}
}

// Add takes in a second and reports whether the test rejects with the canary as the
// worse arm.
func (m *MSPRT) Add(s *Second) bool {
	m.all = m.all.add(s)
	if m.all.canary.Requests < testLeast || m.all.stable.Requests < testLeast {
		return false
	}
	v, d := m.all.variance(), m.all.difference()
	if v <= 0 || d <= 0 {
		return false
	}
	return 0.5*math.Log(v/(v+m.tau2))+d*d*m.tau2/(2*v*(v+m.tau2)) >= m.bound
}
