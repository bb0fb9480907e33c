package upstream

import (
	"fmt"
	"sync/atomic"
	"time"
)

// An endpoint that hangs fails nobody until the requests it holds time out. It
// is ejected before, by their age, once two requests wait for longer than the version's
// patience and it has answered nothing since they were sent. One slow
// request is not enough, nor are many among others that are answered: a part of
// all requests is always slower than any percentile.
//
// Times here are of the caller's own clock, in nanoseconds, never 0.
const (
	leastPatience = time.Second
	patienceP99s  = 3
	patienceHolds = int64(time.Second) // until it is learned anew
)

// Answered notes that the head of an answer came at now. Wait-free.
func (e *Endpoint) Answered(now int64) { e.answered.Store(now) }

// Overdue notes that a request sent at sentAt has waited for age, longer than the
// pool's Patience. To be called once for a request, while it waits.
func (e *Endpoint) Overdue(sentAt int64, age time.Duration) {
	if sentAt <= e.answered.Load() {
		return
	}
	before := e.overdue.Swap(sentAt)
	if before == 0 || before <= e.answered.Load() || e.ejection.Load() != 0 {
		return
	}
	e.eject(clock(), fmt.Sprintf("requests unanswered for %s", age.Round(10*time.Millisecond)))
}

// overdueLimit is how long a version's requests may wait for an answer's head before
// they count as overdue. It lives across reloads.
type overdueLimit struct {
	length  atomic.Int64
	learned atomic.Int64 // caller's clock; 0: never
}

// Patience is max(1 s, 3 × p99) of the version, which measure tells: the
// latency that 99 of 100 good answers did not exceed; 0 if too few came, for which
// there is no patience to exceed (0). It asks at most once a second, so that
// measure may be costly. Safe for concurrent use.
func (p *Pool) Patience(now int64, measure func() time.Duration) time.Duration {
	v := &p.version.overdueLimit
	if last := v.learned.Load(); last == 0 || now-last >= patienceHolds {
		if v.learned.CompareAndSwap(last, now) {
			length := time.Duration(0)
			if p99 := measure(); p99 > 0 {
				length = max(leastPatience, patienceP99s*p99)
			}
			v.length.Store(int64(length))
		}
	}
	return time.Duration(v.length.Load())
}
