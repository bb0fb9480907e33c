package analysis

import "time"

// Block is one second of evidence about one version (the canary) beside stable: what
// came after the block before, as a Tally reads it from the recorders:
//
//	var canary, stable Tally              // one a version, kept
//	c, s := canary.Take(now, …), stable.Take(now, …)
//	v := judge.Add(c.Against(s, time.Now()))
//
// By hand: Canary and Stable are differences of Recorder.Totals' Counts of the traffic
// split by chance or sticky hash (Arm.Split); CanaryAll adds what rules sent (Arm.Ruled),
// for absolute limits. The latencies are differences of the same
// recorders' (Recorder.AddLatencies), Overdue is Recorder.Overdue now, no difference. A simulator may fill in
// any of them; what is nil or zero is not looked at. A Judge keeps nothing that a
// block points to.
type Block struct {
	At                        time.Time
	Canary, Stable, CanaryAll Counts

	// Latencies of the answers that Counts count; nil: not measured.
	CanaryLatency, StableLatency, CanaryAllLatency *Latency

	// Late without an answer at the block's end; not differences.
	CanaryOverdue, StableOverdue, CanaryAllOverdue Overdue

	// Failures of keys (sticky clients) that had failed in the same second already; they
	// are in Failed too. See Keys.
	CanaryRepeats, StableRepeats, CanaryAllRepeats uint64

	// Endpoints of the canary, Canary by endpoint; nil: not known. Every endpoint in
	// the same place in every block.
	Endpoints []EndpointCounts
}

// EndpointCounts are one endpoint's part of a block.
type EndpointCounts struct {
	Endpoint string
	Counts
}

// Latency counts answers by their latency, in the cells of UpperBound: those of
// the class ClassOK, and failed ones apart. A failure that came fast says nothing about
// latency and flatters nobody; one that came slowly (a timeout) is slow.
type Latency struct {
	OK, Failed [Buckets]uint32
}

// Observe counts one answer.
func (l *Latency) Observe(d time.Duration, failed bool) { l.ObserveN(d, failed, 1) }

// ObserveN counts n answers that took as long.
func (l *Latency) ObserveN(d time.Duration, failed bool, n uint32) {
	i := bucketOf(int64(d))
	if failed {
		l.Failed[i] += n
		return
	}
	l.OK[i] += n
}

// split counts good answers up to cell i, and all answers above it; none is above the last.
func (l *Latency) split(i int) (good, slow uint64) {
	i = min(i, Buckets-1)
	for _, n := range l.OK[:i+1] {
		good += uint64(n)
	}
	for _, n := range l.OK[i+1:] {
		slow += uint64(n)
	}
	for _, n := range l.Failed[i+1:] {
		slow += uint64(n)
	}
	return good, slow
}

// overdueAges is how many ages an Overdue knows: 1, 2, 4, 8, 16 and 32 s.
const overdueAges = 6

// Overdue are requests known to be late by 1, 2, 4, 8, 16 and 32 s without an answer in
// any Latency: those that are in flight for longer now, and all so far that ended in
// another way after so long (the client left). Each is in all the counts that it is late
// enough for.
type Overdue [overdueAges]uint64

// Add sums two.
func (o Overdue) Add(p Overdue) Overdue {
	for i := range o {
		o[i] += p[i]
	}
	return o
}
