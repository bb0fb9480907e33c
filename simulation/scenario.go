package simulation

import "sluice/analysis"

// Length of every scenario in seconds: one hour, as planned for the rollout.
const Length = 3600

// Scenario is one hour of traffic of stable and a canary. All times are seconds
// since the start.
type Scenario struct {
	Name  string  // as in sluice simulate SCENARIO
	Title string  // for people
	Rate  float64 // requests a second, both arms together

	Stages         []Stage
	Stable, Canary Curve // failure rates
	Bursts         Bursts
	Hosts          int // told apart; the canary is one of them. 0: not told apart

	// Latency of good answers; nil: not simulated. The canary's changes at Onset.
	StableLatency, CanaryLatency *Law

	Healthy bool // a rollback is a false one
	Onset   int  // of the fault; delays count from here
}

// Stage begins at a second.
type Stage struct {
	From   int
	Weight float64 // of the canary, 0…1
}

// Weight of the canary at second t.
func (s *Scenario) Weight(t int) float64 {
	w := 0.0
	for _, stage := range s.Stages {
		if t >= stage.From {
			w = stage.Weight
		}
	}
	return w
}

// Curve is a rate that goes from Low to High between two seconds.
type Curve struct {
	Low, High  float64
	Begin, End int
}

func constant(p float64) Curve { return Curve{Low: p, High: p} }

func jump(low, high float64, at int) Curve { return Curve{Low: low, High: high, Begin: at, End: at} }

// at second t.
func (c *Curve) at(t int) float64 {
	switch {
	case t >= c.End:
		return c.High
	case t < c.Begin:
		return c.Low
	}
	return c.Low + (c.High-c.Low)*float64(t-c.Begin)/float64(c.End-c.Begin)
}

// Bursts of failures that come by chance. The zero value is none.
type Bursts struct {
	Every  float64 // seconds between the starts of two, on average
	Length float64 // seconds
	Rate   float64 // of requests that fail in a burst, besides those that fail anyway
	ByHost bool    // each host has its own; else all have them together
}

// latency is one second's answers of both arms, good ones only.
type latency struct{ canary, stable analysis.Latency }
