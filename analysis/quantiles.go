package analysis

import "time"

// Quantiles are the latencies that the shares qs (0…1) of the good answers of the
// last d did not exceed (±2.2 %; whole five seconds, five minutes at most), and the
// number of these answers. They are 0 where there is none.
func (w *Window) Quantiles(d time.Duration, qs ...float64) (latencies []time.Duration, answers uint64) {
	latencies = make([]time.Duration, len(qs))
	d = min(max(d.Truncate(time.Second), time.Second), longest, time.Duration(w.last-w.began)*time.Second)
	if w.rings == nil || d <= 0 {
		return latencies, 0
	}
	sum, answers := w.latencies(w.last - int64(d/time.Second))
	for i, q := range qs {
		latencies[i] = quantile(&sum, q)
	}
	return latencies, answers
}

// latencies are those of the good answers after second from, and their number. The
// second in which the window began belongs to all of it.
func (w *Window) latencies(from int64) (sum [Buckets]uint64, answers uint64) {
	if from <= w.began {
		from = w.began - 1
	}
	w.rings.latencies.flush()
	return w.rings.latencies.sum((from+1)/latencySpan, w.last/latencySpan)
}
