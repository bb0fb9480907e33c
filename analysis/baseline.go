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
	Canary float64  `json:"canary_arrivals,omitzero"` // decaying sums
	Stable float64  `json:"stable_arrivals,omitzero"`
	Recent decaying `json:"recent,omitzero"`
	Beside decaying `json:"beside,omitzero"` // of the canary, over the same time as Recent
	Bound  Bound    `json:"bound,omitzero"`
}

// add takes in a block and reports whether stable has too little traffic to judge the
// block by. Everything it decides by came before the block, but for arrivals.
func (b *baseline) add(k *Block) (thin bool) {
	decay := math.Exp(-1.0 / arrivalMemory)
	b.Canary = b.Canary*decay + float64(k.Canary.Requests)
	b.Stable = b.Stable*decay + float64(k.Stable.Requests)
	b.Recent.add(k.Stable)
	b.Beside.add(k.Canary)
	if b.thin() {
		return true
	}
	b.Bound.Add(k.Stable)
	return false
}

func (b *baseline) thin() bool { return b.Stable < thinShare*(b.Canary+b.Stable) }

// fading reports whether stable lost nearly all of its traffic within the last seconds, so that its
// recent rate sinks though it has become no better.
func (b *baseline) fading() bool {
	return b.Recent.Requests < thinShare*(b.Recent.Requests+b.Beside.Requests)
}

func (b *baseline) rate() float64 {
	recent := b.Recent.rate()
	if !b.thin() && !b.fading() {
		return recent
	}
	u := b.Bound.Upper(baselineChance)
	switch {
	case u >= 1: // nothing is known
		return recent
	case b.thin():
		return u
	}
	return max(u, recent)
}
