package bench

import (
	"math"
	"math/bits"
	"time"
)

// Histogram holds latencies in buckets that are never wider than 1/128 of their
// value: quantiles are at most 0.8 % too high, never too low. The range is 1 µs
// to 19 hours; what lies beyond is counted at its end. The zero value is empty. Not safe for
// concurrent use.
type Histogram struct {
	buckets []uint64
	count   uint64
	sum     time.Duration
	max     time.Duration
}

const (
	subBits    = 7
	subBuckets = 1 << subBits
	topBits    = 36 // of microseconds
	buckets    = (topBits - subBits + 1) * subBuckets
)

// Add counts one latency.
func (h *Histogram) Add(d time.Duration) {
	d = max(d, 0)
	if h.buckets == nil {
		h.buckets = make([]uint64, buckets)
	}
	h.buckets[bucket(uint64(d.Microseconds()))]++
	h.count++
	h.sum += d
	h.max = max(h.max, d)
}

// Merge adds all that other holds.
func (h *Histogram) Merge(other *Histogram) {
	if other.count == 0 {
		return
	}
	if h.buckets == nil {
		h.buckets = make([]uint64, buckets)
	}
	for i, n := range other.buckets {
		h.buckets[i] += n
	}
	h.count += other.count
	h.sum += other.sum
	h.max = max(h.max, other.max)
}

// Count is how many latencies there are, Max the longest, exactly.
func (h *Histogram) Count() uint64      { return h.count }
func (h *Histogram) Max() time.Duration { return h.max }

// Mean of all latencies; 0 if there are none.
func (h *Histogram) Mean() time.Duration {
	if h.count == 0 {
		return 0
	}
	return h.sum / time.Duration(h.count)
}

// Quantile is the latency that a share q (0..1) of all do not exceed; 0 if
// there are none.
func (h *Histogram) Quantile(q float64) time.Duration {
	if h.count == 0 {
		return 0
	}
	rank := uint64(math.Ceil(min(max(q, 0), 1) * float64(h.count)))
	rank = max(rank, 1)
	var seen uint64
	for i, n := range h.buckets {
		if seen += n; seen >= rank {
			return min(time.Duration(upperEdge(i))*time.Microsecond, h.max)
		}
	}
	return h.max
}

// bucket of a value in µs: exact below 2*subBuckets, then subBuckets to each doubling.
func bucket(us uint64) int {
	us = min(us, 1<<topBits-1)
	shift := max(bits.Len64(us)-subBits-1, 0)
	return shift<<subBits + int(us>>shift)
}

// upperEdge is the smallest value in µs above all in the bucket.
func upperEdge(i int) uint64 {
	if i < 2*subBuckets {
		return uint64(i) + 1
	}
	shift := i>>subBits - 1
	return uint64(i-shift<<subBits+1) << shift
}
