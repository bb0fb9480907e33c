package bench

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Report is what came of a load. Requests = answers + errors; Abandoned and
// Unsent are not among them.
type Report struct {
	Requests    uint64
	Status      map[int]uint64    // answers by status
	Labels      map[string]uint64 // answers by value of CountHeader; "" where absent
	Errors      map[string]uint64 // requests without an answer: connect, timeout, reset, protocol
	Abandoned   uint64            // in flight when ctx ended, and Grace later
	Unsent      uint64            // due, but every connection was busy to the end: the rate was too high
	Retried     uint64            // sent anew because an idle connection had been closed
	Connections uint64            // opened
	Bytes       uint64            // of answers' bodies
	Elapsed     time.Duration
	Latency     Histogram // of answers, from the moment when the request was due
}

func newReport() Report {
	return Report{Status: map[int]uint64{}, Labels: map[string]uint64{}, Errors: map[string]uint64{}}
}

func (r *Report) add(one *Result) {
	r.Requests++
	if one.Retried {
		r.Retried++
	}
	if one.Err != nil {
		r.Errors[one.Err.Error()]++
		return
	}
	r.Status[one.Status]++
	r.Labels[one.Label]++
	r.Latency.Add(one.Latency())
}

func (r *Report) merge(other *Report) {
	r.Requests += other.Requests
	r.Abandoned += other.Abandoned
	r.Retried += other.Retried
	r.Connections += other.Connections
	r.Bytes += other.Bytes
	for k, n := range other.Status {
		r.Status[k] += n
	}
	for k, n := range other.Labels {
		r.Labels[k] += n
	}
	for k, n := range other.Errors {
		r.Errors[k] += n
	}
	r.Latency.Merge(&other.Latency)
}

// Failed counts 5xx answers and requests without an answer.
func (r *Report) Failed() uint64 {
	var n uint64
	for status, count := range r.Status {
		if status >= 500 {
			n += count
		}
	}
	for _, count := range r.Errors {
		n += count
	}
	return n
}

// Rate is the requests per second that ended.
func (r *Report) Rate() float64 {
	if r.Elapsed <= 0 {
		return 0
	}
	return float64(r.Requests) / r.Elapsed.Seconds()
}

// String is a few lines for people.
func (r *Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d requests in %.1fs, %.0f/s, %d failed", r.Requests, r.Elapsed.Seconds(), r.Rate(), r.Failed())
	for _, status := range slices.Sorted(maps.Keys(r.Status)) {
		fmt.Fprintf(&b, ", %d: %d", status, r.Status[status])
	}
	for _, kind := range slices.Sorted(maps.Keys(r.Errors)) {
		fmt.Fprintf(&b, ", %s: %d", kind, r.Errors[kind])
	}
	fmt.Fprintf(&b, "\nlatency p50 %v, p90 %v, p99 %v, max %v", r.Latency.Quantile(0.5), r.Latency.Quantile(0.9),
		r.Latency.Quantile(0.99), r.Latency.Max().Round(time.Microsecond))
	for _, label := range slices.Sorted(maps.Keys(r.Labels)) {
		if label != "" {
			fmt.Fprintf(&b, "\n%s: %d", label, r.Labels[label])
		}
	}
	if r.Unsent > 0 || r.Abandoned > 0 || r.Retried > 0 {
		fmt.Fprintf(&b, "\n%d unsent, %d abandoned, %d retried", r.Unsent, r.Abandoned, r.Retried)
	}
	return b.String()
}
