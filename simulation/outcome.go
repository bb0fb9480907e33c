package simulation

import (
	"math"
	"slices"
)

// outcome is what one detector did in one run.
type outcome struct {
	at       int    // seconds since the start; 0: never
	requests uint64 // of the canary since the onset until then, or until the end
	bad      uint64 // of them, failed (in latency scenarios too: failed only)
}

// Result is what a detector did in all runs of a scenario.
type Result struct {
	Scenario string `json:"scenario"`
	Detector string `json:"detector"`
	Healthy  bool   `json:"healthy"`
	Runs     int    `json:"runs"`

	// False rollbacks: any of a healthy canary, of a bad one those before its fault. Low and High are the Wilson
	// interval of the share, 95 %.
	False     int     `json:"false"`
	FalseLow  float64 `json:"false_low"`
	FalseHigh float64 `json:"false_high"`

	// Found counts runs that ended by a decision after the onset.
	Found int `json:"found"`
	// Delays in seconds since the onset; runs that never decided count as longer than
	// any. -1: never.
	Median int `json:"median_s"`
	P95    int `json:"p95_s"`
	// Medians over all runs, from the onset to the decision or the end.
	Requests uint64 `json:"requests"`
	Bad      uint64 `json:"bad"`
}

// Share of runs with a false rollback, 0…1.
func (r *Result) Share() float64 { return float64(r.False) / float64(r.Runs) }

func summarise(s *Scenario, d *Detector, all []outcome) Result {
	r := Result{Scenario: s.Name, Detector: d.Name, Healthy: s.Healthy, Runs: len(all)}
	var delays []int
	var requests, bad []uint64
	for _, o := range all {
		requests, bad = append(requests, o.requests), append(bad, o.bad)
		switch {
		case o.at == 0:
			delays = append(delays, math.MaxInt)
		case o.at <= s.Onset:
			r.False++
		default:
			r.Found++
			delays = append(delays, o.at-s.Onset)
		}
	}
	if s.Healthy && !d.Promotion {
		r.False, r.Found = r.Found, 0
	}
	r.FalseLow, r.FalseHigh = wilson(r.False, r.Runs)
	r.Median, r.P95 = delay(delays, 0.5), delay(delays, 0.95)
	r.Requests, r.Bad = percentile(requests, 0.5), percentile(bad, 0.5)
	return r
}

// wilson is the 95 % interval of a share (E. B. Wilson, 1927).
func wilson(k, n int) (low, high float64) {
	if n == 0 {
		return 0, 1
	}
	const z = 1.96
	m, p := float64(n), float64(k)/float64(n)
	middle := (p + z*z/(2*m)) / (1 + z*z/m)
	half := z * math.Sqrt(p*(1-p)/m+z*z/(4*m*m)) / (1 + z*z/m)
	if low = middle - half; k == 0 {
		low = 0 // rounding apart
	}
	if high = middle + half; k == n {
		high = 1
	}
	return low, high
}

func delay(all []int, q float64) int {
	if d := percentile(all, q); len(all) > 0 && d < math.MaxInt {
		return d
	}
	return -1
}

// percentile is the least value that a share q does not exceed; 0 of none.
func percentile[N int | uint64](all []N, q float64) N {
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[min(max(int(math.Ceil(q*float64(len(all))))-1, 0), len(all)-1)]
}
