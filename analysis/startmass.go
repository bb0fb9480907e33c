package analysis

import (
	"math"
	"time"
)

// Evidence must start somewhere: a fault may begin at any block, so every block
// gets some mass to start with, and what all blocks get together is the budget of
// false breaches. The process R with R ← (R+w)·L and E[L] ≤ 1 satisfies
// E[R at any stopping time τ] ≤ first + w·E[τ].
//
// Rollout: all mass ever given is 1, so M = R + what has not started is an e-process
// and P(M ever ≥ 1/alpha) ≤ alpha (Ville).
//
// Standing budget: mass is given for ever, w a block. Each false breach needs
// R ≥ B, and begins anew from nothing; so in T blocks E[false breaches]·B ≤ first + w·T.
// With B = 1/alpha and w = (B−first)/T that is one at most in T, a hundred months; so
// evidence is worth the same in both cases: alpha = 1 % of a false breach a month, and
// M ≥ 10 is met by a healthy version once in ten months at most. Each NewJudge spends
// `first` again: 0.5 % of a false breach.
type startMass struct {
	first   float64 // starts before the first block
	planned float64 // spread over the planned blocks
	reserve float64 // for the blocks after: hour k gets 6/(π²k²) of it
	blocks  float64 // planned
	forever float64 // a block, without a plan
}

const (
	firstMass     = 0.5
	reserveMass   = 0.1
	standingAlpha = 0.01
	// hundredMonths in blocks of a second.
	hundredMonths = 100 * 365.25 / 12 * 86400
	hourBlocks    = 3600
)

func standingMass() startMass {
	return startMass{first: firstMass, forever: (1/standingAlpha - firstMass) / hundredMonths}
}

func rolloutMass(horizon time.Duration) startMass {
	blocks := math.Max(1, math.Ceil(horizon.Seconds()))
	return startMass{first: firstMass, planned: 1 - firstMass - reserveMass, reserve: reserveMass, blocks: blocks}
}

// at is the mass that starts with block n (0 is the first).
func (m startMass) at(n int64) float64 {
	if m.forever > 0 {
		return m.forever
	}
	if float64(n) < m.blocks {
		return m.planned / m.blocks
	}
	k := 1 + math.Floor((float64(n)-m.blocks)/hourBlocks)
	return m.reserve * 6 / (math.Pi * math.Pi * k * k) / hourBlocks
}
