package analysis

import "math"

const (
	// thinShare of the traffic on stable, averaged over the last minute, is too little
	// to compare with.
	thinShare      = 0.1
	arrivalMemory  = 60 // blocks
	baselineChance = 0.01
)

// baseline is what is known of stable: its recent rate, and a bound from the
// time when it had traffic, for when it has not. The bound takes for granted that stable
// has not become worse since.
type baseline struct {
	Canary float64  `json:"canary_arrivals"` // decaying sums
	Stable float64  `json:"stable_arrivals"`
	Recent decaying `json:"recent"`
	Bound  Bound    `json:"bound"`
}

// add takes in a block and reports whether stable has too little traffic to judge the
// block by. Everything it decides by came before the block, but for arrivals.
func (b *baseline) add(k *Block) (thin bool) {
	decay := math.Exp(-1.0 / arrivalMemory)
	b.Canary = b.Canary*decay + float64(k.Canary.Requests)
	b.Stable = b.Stable*decay + float64(k.Stable.Requests)
	b.Recent.add(k.Stable)
	if b.thin() {
		return true
	}
	b.Bound.Add(k.Stable)
	return false
}

func (b *baseline) thin() bool { return b.Stable < thinShare*(b.Canary+b.Stable) }

func (b *baseline) rate() float64 {
	if b.thin() {
		if u := b.Bound.Upper(baselineChance); u < 1 {
			return u
		}
	}
	return b.Recent.rate()
}
