package main

import (
	"sync"
	"time"
)

// tally counts what the demo's clients saw. Safe for concurrent use.
type tally struct {
	mu        sync.Mutex
	requests  uint64
	exposed   uint64 // bad answers of v2
	failed    uint64 // all others that failed
	firstBad  time.Time
	sentAfter []time.Time // when requests were sent, from the first bad answer on
}

// maxSent bounds what tally keeps: the cut comes long before.
const maxSent = 1 << 20

// add counts one answer, sent and done when.
func (t *tally) add(sent, done time.Time, bad, canary bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.requests++
	switch {
	case bad && canary:
		t.exposed++
		if t.firstBad.IsZero() {
			t.firstBad = done
		}
	case bad:
		t.failed++
	}
	if !t.firstBad.IsZero() && len(t.sentAfter) < maxSent {
		t.sentAfter = append(t.sentAfter, sent)
	}
}

func (t *tally) figures() (requests, exposed, failed uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.requests, t.exposed, t.failed
}

// fill completes r: the cut took from the first bad answer to the first request
// sent after it. A fault that no user saw as an answer (shielded, or hanging) has no such time.
func (t *tally) fill(r *result, cutAt time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r.Requests, r.ExposedFailures, r.FailedRequests = t.requests, t.exposed, t.failed
	if cutAt.IsZero() || t.firstBad.IsZero() {
		return
	}
	var first time.Time
	for _, sent := range t.sentAfter {
		if !sent.Before(cutAt) && (first.IsZero() || sent.Before(first)) {
			first = sent
		}
	}
	if !first.IsZero() {
		r.DetectMS = max(0, float64(first.Sub(t.firstBad).Microseconds())/1000)
	}
}
