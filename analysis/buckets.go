package analysis

import (
	"math"
	"time"
)

// Latencies are counted in the exponential buckets of Prometheus native
// histograms, schema 4: bounds at 2^(k/16) seconds, upper bound inclusive. So an
// export is lossless, a quantile is known to ±2.2 %, and multiplying a threshold
// by 2^(k/16) is a shift by k buckets.
const (
	// Schema is the native schema: 16 buckets an octave.
	Schema = 4
	// Buckets is the number of cells: one for everything up to 2^-20 s, 416 of
	// schema 4, one for everything over 64 s.
	Buckets = 26*perOctave + 2

	perOctave  = 1 << Schema
	lowOctave  = -20 // the first cell ends at 2^-20 s (0.95 µs)
	highOctave = 6   // the last one begins at 2^6 s
	keyOffset  = lowOctave * perOctave
	mantBits   = 52
)

// bounds are 2^(j/16) for j = 0…15, the bounds within an octave, rounded as
// Prometheus rounds them.
var bounds = [perOctave]float64{
	1, 2 * 0.5221368912137069, 2 * 0.5452538663326288, 2 * 0.5693943173783458,
	2 * 0.5946035575013605, 2 * 0.620928906036742, 2 * 0.6484197773255048, 2 * 0.6771277734684463,
	2 * 0.7071067811865475, 2 * 0.7384130729697496, 2 * 0.7711054127039704, 2 * 0.805245165974627,
	2 * 0.8408964152537144, 2 * 0.8781260801866495, 2 * 0.9170040432046711, 2 * 0.9576032806985735,
}

// cell is a sixty-fourth of an octave. It holds at most one bound, as the
// closest two are 0.044 apart.
type cell struct {
	below uint64 // bounds below the cell's start
	bound uint64 // mantissa of the only bound that may lie in the cell
}

var cells = newCells()

func newCells() (c [64]cell) {
	for i := range c {
		start := 1 + float64(i)/64
		n := 0
		for n < perOctave && bounds[n] < start {
			n++
		}
		c[i] = cell{below: uint64(n), bound: 1<<mantBits - 1}
		if n < perOctave {
			c[i].bound = math.Float64bits(bounds[n]) & (1<<mantBits - 1)
		}
	}
	return c
}

// bucketOf returns the cell of a latency in nanoseconds, without a search: the
// exponent is the octave, six bits of the mantissa lead to the sub-bucket, and
// one comparison settles it.
func bucketOf(ns int64) int {
	if ns <= 0 {
		return 0
	}
	bits := math.Float64bits(float64(ns) * 1e-9)
	mant := bits & (1<<mantBits - 1)
	c := &cells[mant>>(mantBits-6)]
	i := (int(bits>>mantBits)-1023-lowOctave)*perOctave + int(c.below)
	if mant > c.bound {
		i++
	}
	return min(max(i, 0), Buckets-1)
}

// UpperBound is the inclusive upper bound of cell i in seconds; +Inf for the last.
func UpperBound(i int) float64 {
	switch {
	case i <= 0:
		return math.Ldexp(1, lowOctave)
	case i >= Buckets-1:
		return math.Inf(1)
	}
	return math.Ldexp(bounds[i%perOctave], lowOctave+i/perOctave)
}

// middle is the value that stands for cell i: its geometric middle, or the one
// bound it has.
func middle(i int) time.Duration {
	s := UpperBound(0)
	switch {
	case i >= Buckets-1:
		s = math.Ldexp(1, highOctave)
	case i > 0:
		s = math.Sqrt(UpperBound(i-1) * UpperBound(i))
	}
	return time.Duration(s * 1e9)
}
