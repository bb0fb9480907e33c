package analysis

import "math"

// Native is a Histogram in the terms of a Prometheus native histogram, as
// prometheus.NewConstNativeHistogram takes them. Count is always ZeroCount plus the
// sum of Positive.
type Native struct {
	Schema        int32
	ZeroThreshold float64 // seconds
	ZeroCount     uint64
	Positive      map[int]int64 // by native key; empty buckets are left out
	Count         uint64
	Sum           float64 // seconds
}

// Classic is a Histogram in the terms of a classic one: cumulative counts by
// upper bound in seconds, +Inf left out, as prometheus.NewConstHistogram takes them.
type Classic struct {
	Buckets map[float64]uint64
	Count   uint64
	Sum     float64 // seconds
}

// Native exports the given classes (none given: all) without loss. What took over
// 64 s stands in the one bucket above.
func (h *Histogram) Native(classes ...Class) Native {
	n := Native{Schema: Schema, ZeroThreshold: UpperBound(0), Positive: map[int]int64{}}
	for _, c := range orAll(classes) {
		n.Sum += float64(h.SumNs[c]) * 1e-9
		n.ZeroCount += h.Count[c][0]
		for i, x := range h.Count[c] {
			n.Count += x
			if i > 0 && x > 0 {
				n.Positive[i+keyOffset] += int64(x)
			}
		}
	}
	return n
}

// classicFrom and classicTo are the ends of the classic bounds, 2^-10 s (1 ms) and 2^6 s.
const (
	classicFrom = -10
	classicTo   = highOctave
)

// Classic exports the given classes (none given: all) with a bound at every half
// octave from 1 ms to 64 s. These are bounds of the native scheme, so the counts are
// exact; 0.1 s is none, and le="0.1" could not be.
func (h *Histogram) Classic(classes ...Class) Classic {
	out := Classic{Buckets: make(map[float64]uint64, 2*(classicTo-classicFrom)+1)}
	first, last := (classicFrom-lowOctave)*perOctave, (classicTo-lowOctave)*perOctave
	for i := range Buckets {
		for _, c := range orAll(classes) {
			out.Count += h.Count[c][i]
		}
		if i >= first && i <= last && (i-first)%(perOctave/2) == 0 {
			out.Buckets[shortest(UpperBound(i))] = out.Count
		}
	}
	for _, c := range orAll(classes) {
		out.Sum += float64(h.SumNs[c]) * 1e-9
	}
	return out
}

// shortest rounds a bound to seven digits, so that its label is readable. It moves
// the bound by less than 10⁻⁷ of itself.
func shortest(bound float64) float64 {
	digits := 6 - int(math.Floor(math.Log10(bound)))
	scale := math.Pow10(digits)
	return math.Round(bound*scale) / scale
}
