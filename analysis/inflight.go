package analysis

import (
	"math/bits"
	"time"
)

// A recorder of completions alone is blind while a version hangs. So requests
// are also counted by the second in which they started, in two rings of counters
// that are never reset: what of a second has started and not finished is in flight.
const (
	ringSeconds = 64
	ringMask    = ringSeconds - 1
	maxAge      = 60 * time.Second
)

func second(ns int64) int64 { return ns / int64(time.Second) }

// InFlightOlder returns how many requests started before now−age are still
// unfinished (seconds resolution: 0 for ages under a second or over a minute).
// A second counts only once all of it is older than age, so no younger request
// is ever counted. One in flight for over 64 s is taken for 64 s younger and may
// be missed, never invented.
func (r *Recorder) InFlightOlder(now int64, age time.Duration) uint64 {
	if age < time.Second || age > maxAge {
		return 0
	}
	return r.inFlight(second(now)-ringSeconds+1, second(now-int64(age))-1)
}

// inFlight counts unfinished requests that started in the seconds from…to.
func (r *Recorder) inFlight(from, to int64) uint64 {
	if to < from {
		return 0
	}
	from = max(from, to-ringSeconds+1)
	var started, finished uint64
	r.each(func(s *shard) {
		for t := from; t <= to; t++ {
			finished += s.finished[t&ringMask].Load()
		}
	})
	// Read last, as in Totals.
	r.each(func(s *shard) {
		for t := from; t <= to; t++ {
			started += s.started[t&ringMask].Load()
		}
	})
	return started - min(started, finished)
}

// Overdue counts the requests that are late without an answer; now is Now. As with
// InFlightOlder no younger request is ever counted. 134 loads a shard.
func (r *Recorder) Overdue(now int64) (o Overdue) {
	var flying [ringSeconds]int64 // by second of start
	r.each(func(s *shard) {
		for i := range flying {
			flying[i] -= int64(s.finished[i].Load())
		}
	})
	r.each(func(s *shard) {
		for i := range flying {
			flying[i] += int64(s.started[i].Load())
		}
		for i := range s.left {
			n := s.left[i].Load()
			for k := 0; k <= i; k++ {
				o[k] += n
			}
		}
	})
	for i := range o {
		for t := second(now) - ringSeconds + 1; t <= second(now)-1<<i-1; t++ {
			o[i] += uint64(max(flying[t&ringMask], 0))
		}
	}
	return o
}

// leave counts a request that ended without an answer in any Latency, by the greatest
// of an Overdue's ages that it was older than.
func (s *shard) leave(start, end int64) {
	age := second(end) - second(start) - 1
	if age < 1 {
		return
	}
	i := min(bits.Len64(uint64(age))-1, overdueAges-1)
	s.left[i].Add(1)
}
