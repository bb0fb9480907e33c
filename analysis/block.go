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
// for absolute limits. The latencies are differences of Recorder.Latencies of the same
// recorders, Overdue is Recorder.Overdue now, not a difference. A simulator may fill in
// any of them; what is nil or zero is not looked at. A Judge keeps nothing that a
// block points to.
type Block struct {
	At                        time.Time
	Canary, Stable, CanaryAll Counts

	// Latencies of the answers that Counts count; nil: not measured.
	CanaryLatency, StableLatency, CanaryAllLatency *Latency

	// In flight at the block's end, for far too long.
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

// slower are the answers above cell i as Failed, and those with all good ones as Requests.
func (l *Latency) slower(i int) (c Counts) {
	if l == nil {
		return c
	}
	for k, n := range l.OK {
		c.Requests += uint64(n)
		if k > i {
			c.Failed += uint64(n) + uint64(l.Failed[k])
			c.Requests += uint64(l.Failed[k])
		}
	}
	return c
}

// overdueAges is how many ages an Overdue knows: 1, 2, 4, 8, 16 and 32 s.
const overdueAges = 6

// Overdue are how many requests are in flight for longer than 1, 2, 4, 8, 16 and
// 32 s. Each is in all the counts that it is old enough for.
type Overdue [overdueAges]uint64

// Add sums two.
func (o Overdue) Add(p Overdue) Overdue {
	for i := range o {
		o[i] += p[i]
	}
	return o
}

// overdueAge is the least of an Overdue's ages that is d or more; the last for longer ones.
func overdueAge(d time.Duration) (i int) {
	for i < overdueAges-1 && time.Second<<i < d {
		i++
	}
	return i
}
