package analysis

import (
	"math"
	"time"
)

// Histogram is a reading of a Recorder's latencies, or the sum of several
// readings. The zero value is empty. Counts are cumulative since the recorder was
// made; Sub of two readings is what happened between them.
type Histogram struct {
	Count [Classes][Buckets]uint64 // see Schema
	SumNs [Classes]uint64
}

// Histogram reads the latencies of all shards: about 1,250 loads a shard.
func (r *Recorder) Histogram() *Histogram {
	h := new(Histogram)
	r.AddTo(h)
	return h
}

// AddTo adds the recorder's latencies to h, without allocating.
func (r *Recorder) AddTo(h *Histogram) {
	r.each(func(s *shard) {
		for c := range h.Count {
			s.seen(Class(c)).addTo(&h.Count[c])
			h.SumNs[c] += s.sumNs[c].Load()
		}
	})
}

// AddLatencies adds the recorder's latencies of good and of failed answers to l,
// without allocating.
func (r *Recorder) AddLatencies(l *Latencies) {
	r.each(func(s *shard) {
		s.ok.addTo(&l.OK)
		s.seen(ClassFailed).addTo(&l.Failed)
	})
}

// addTo adds what b counted; nothing where there are none.
func (b *buckets) addTo(sum *[Buckets]uint64) {
	if b == nil {
		return
	}
	for i := range sum {
		sum[i] += b[i].Load()
	}
}

// Merge adds o to h: sums of integers, so the order of merging does not matter.
func (h *Histogram) Merge(o *Histogram) {
	for c := range h.Count {
		for i := range h.Count[c] {
			h.Count[c][i] += o.Count[c][i]
		}
		h.SumNs[c] += o.SumNs[c]
	}
}

// Sub takes the earlier reading o of the same recorders off h.
func (h *Histogram) Sub(o *Histogram) {
	for c := range h.Count {
		for i := range h.Count[c] {
			h.Count[c][i] -= min(h.Count[c][i], o.Count[c][i])
		}
		h.SumNs[c] -= min(h.SumNs[c], o.SumNs[c])
	}
}

// Total is the number of latencies in the given classes; none given: in all.
func (h *Histogram) Total(classes ...Class) uint64 {
	var n uint64
	for _, c := range orAll(classes) {
		for _, x := range h.Count[c] {
			n += x
		}
	}
	return n
}

// Quantile returns the latency that a share q (0…1) of the good answers (ClassOK)
// did not exceed, to ±2.2 %; 0 if there are none, and 64 s for anything above.
func (h *Histogram) Quantile(q float64) time.Duration { return quantile(&h.Count[ClassOK], q) }

func quantile[N uint32 | uint64](count *[Buckets]N, q float64) time.Duration {
	var n uint64
	for _, x := range count {
		n += uint64(x)
	}
	if n == 0 {
		return 0
	}
	rank := min(max(uint64(math.Ceil(q*float64(n))), 1), n)
	for i, x := range count {
		if uint64(x) >= rank {
			return middle(i)
		}
		rank -= uint64(x)
	}
	return middle(Buckets - 1)
}

func orAll(classes []Class) []Class {
	if len(classes) == 0 {
		return []Class{ClassOK, ClassClientError, ClassFailed}
	}
	return classes
}
