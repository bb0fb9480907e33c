package simulation

import (
	"math"
	"math/rand/v2"

	"sluice/analysis"
)

// Law of latency: log-normal, perhaps scaled, perhaps with a tail that takes longer.
type Law struct {
	Median      float64 // seconds
	Sigma       float64
	Scale       float64 // of everything; 0: 1
	TailShare   float64 // of answers that take TailSeconds more
	TailSeconds float64
}

// Over is the share of answers that take longer than x seconds.
func (l *Law) Over(x float64) float64 {
	over := func(x float64) float64 {
		if x <= 0 {
			return 1
		}
		scale := l.Scale
		if scale == 0 {
			scale = 1
		}
		return 0.5 * math.Erfc(math.Log(x/(l.Median*scale))/l.Sigma/math.Sqrt2)
	}
	return (1-l.TailShare)*over(x) + l.TailShare*over(x-l.TailSeconds)
}

// dice draws cells of a law in constant time: Vose's alias method (1991). Immutable.
type dice struct {
	keep  [analysis.Buckets]float64
	alias [analysis.Buckets]int32
}

func newDice(l *Law) *dice {
	d := new(dice)
	var small, large []int
	above := 1.0
	for i := range d.keep {
		over := 0.0
		if i < analysis.Buckets-1 {
			over = l.Over(analysis.UpperBound(i))
		}
		d.keep[i], above = (above-over)*analysis.Buckets, over
		d.alias[i] = int32(i)
		if d.keep[i] < 1 {
			small = append(small, i)
		} else {
			large = append(large, i)
		}
	}
	for len(small) > 0 && len(large) > 0 {
		s, g := small[len(small)-1], large[len(large)-1]
		small = small[:len(small)-1]
		d.alias[s] = int32(g)
		d.keep[g] -= 1 - d.keep[s]
		if d.keep[g] < 1 {
			large = large[:len(large)-1]
			small = append(small, g)
		}
	}
	for _, i := range append(small, large...) {
		d.keep[i] = 1
	}
	return d
}

// roll adds n answers to the cells: a draw from the multinomial law.
func (d *dice) roll(rng *rand.Rand, n uint64, cells *[analysis.Buckets]uint32) {
	for range n {
		u := rng.Uint64()
		// 32 bits choose the column, 32 whether to keep it.
		i := int32((u >> 32) * analysis.Buckets >> 32)
		if float64(uint32(u))*0x1p-32 >= d.keep[i] {
			i = d.alias[i]
		}
		cells[i]++
	}
}
