// Package peers holds the decision rules of other release tools and of the
// literature, so that sluice's own judge can be compared with them on the same
// traffic. Each rule is written from its documentation or paper, which its file
// names; none is a copy, and none stands for the product around it: no delay of
// scraping, querying or acting is charged to it. Rules are pure, belong to one
// goroutine each and import nothing of ours. Package simulation drives them.
package peers

// Second is what both arms did in one second. Rules are fed every second, also
// those without traffic.
type Second struct {
	Canary, Stable Counts
	Weight         float64  // planned share of the canary, 0…1
	Hosts          []Counts // by host, the canary's first; nil where hosts are not told apart
	CanaryLatency  []uint32 // by cell of the bounds that a latency rule was made with; nil: not measured
	StableLatency  []uint32
}

// Counts are requests and those of them that failed.
type Counts struct{ Requests, Failed uint64 }

func (c Counts) add(o Counts) Counts {
	return Counts{c.Requests + o.Requests, c.Failed + o.Failed}
}

func (c Counts) sub(o Counts) Counts {
	return Counts{c.Requests - o.Requests, c.Failed - o.Failed}
}

// rate is the share that failed; 0 without requests.
func (c Counts) rate() float64 {
	if c.Requests == 0 {
		return 0
	}
	return float64(c.Failed) / float64(c.Requests)
}

// arms are the counts of both.
type arms struct{ canary, stable Counts }

func (a arms) add(s *Second) arms { return arms{a.canary.add(s.Canary), a.stable.add(s.Stable)} }
