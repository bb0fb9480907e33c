package analysis

import "math"

// Bound remembers how bad stable was while it had traffic, for the time when it
// has too little of it to compare with. Not safe for concurrent use; the zero value
// is ready. It forgets in generations of an hour: what it says stands on the last
// one to two hours of traffic.
type Bound struct {
	Older  Counts `json:",omitzero"`
	Newer  Counts `json:",omitzero"`
	Blocks int    `json:",omitzero"` // in Newer
}

const boundGeneration = 3600 // blocks

// Add takes in one block of a second.
func (b *Bound) Add(c Counts) {
	if b.Blocks >= boundGeneration {
		b.Older, b.Newer, b.Blocks = b.Newer, Counts{}, 0
	}
	b.Newer = b.Newer.Add(c)
	b.Blocks++
}

// Upper is a failure rate that the average over the remembered requests exceeded with
// probability alpha at most, at whatever moment it is read within two generations; 1 if
// nothing is known.
func (b *Bound) Upper(alpha float64) float64 { return UpperRate(b.Older.Add(b.Newer), alpha) }

// Lower is the same from below: a failure rate that the average fell short of with
// probability alpha at most; 0 if nothing is known.
func (b *Bound) Lower(alpha float64) float64 { return LowerRate(b.Older.Add(b.Newer), alpha) }

// boundBets are the factors ρ < 1 of UpperRate, small ones for few failures, those near 1 for many.
var boundBets = [...]float64{0.02, 0.1, 0.25, 0.5, 0.7, 0.85, 0.93, 0.97, 0.99}

// UpperRate is a time-uniform upper bound on the average failure rate behind c: the
// chance that it is ever too low, however often and whenever one looks, is alpha. For
// ρ < 1, E[ρ^e] = ∏(1−(1−ρ)pᵢ) ≤ exp(−(1−ρ)np), so ρ^e·exp((1−ρ)nu) is an e-process
// against p ≥ u; it stays under K/alpha for all K of the grid, but with probability alpha
// (Ville). Solved for u. Rates may differ from request to request. 1 without requests.
func UpperRate(c Counts, alpha float64) float64 {
	if c.Requests == 0 {
		return 1
	}
	upper := 1.0
	budget := math.Log(float64(len(boundBets)) / alpha)
	for _, rho := range boundBets {
		u := (budget - float64(c.Failed)*math.Log(rho)) / (float64(c.Requests) * (1 - rho))
		upper = math.Min(upper, u)
	}
	return upper
}

// LowerRate is UpperRate's mirror: for ρ > 1, ρ^e·exp(−(ρ−1)nl) is an e-process against
// p ≤ l. 0 without requests.
func LowerRate(c Counts, alpha float64) float64 {
	if c.Requests == 0 {
		return 0
	}
	lower := 0.0
	budget := math.Log(float64(len(boundBets)) / alpha)
	for _, b := range boundBets {
		rho := 2 - b
		if b < 0.5 {
			rho = 1 / b
		}
		l := (float64(c.Failed)*math.Log(rho) - budget) / (float64(c.Requests) * (rho - 1))
		lower = math.Max(lower, l)
	}
	return lower
}
