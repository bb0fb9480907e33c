package peers

// cells sums latencies by cell over the last seconds, in steps.
type cells struct {
	ring    [][]uint64
	current int
	step    int // seconds a slot
	seconds int
	sum     []uint64
}

func newCells(slots, step, n int) cells {
	c := cells{ring: make([][]uint64, slots), step: step, sum: make([]uint64, n)}
	for i := range c.ring {
		c.ring[i] = make([]uint64, n)
	}
	return c
}

func (c *cells) add(second []uint32) {
	slot := c.ring[c.current]
	if c.seconds%c.step == 0 {
		for i, n := range slot {
			c.sum[i] -= n
		}
		clear(slot)
	}
	for i, n := range second {
		if n > 0 {
			slot[i] += uint64(n)
			c.sum[i] += uint64(n)
		}
	}
	c.seconds++
	if c.seconds%c.step == 0 {
		c.current = (c.current + 1) % len(c.ring)
	}
}

// total of all cells.
func (c *cells) total() (n uint64) {
	for _, x := range c.sum {
		n += x
	}
	return n
}

// quantile q, linear within a cell, as histogram_quantile does; 0 without any. What lies
// beyond the last bound counts as that bound.
func (c *cells) quantile(bounds []float64, q float64) float64 {
	total := c.total()
	if total == 0 {
		return 0
	}
	rank, below := q*float64(total), 0.0
	for i, n := range c.sum {
		if n == 0 || below+float64(n) < rank {
			below += float64(n)
			continue
		}
		if i >= len(bounds) {
			break
		}
		low := 0.0
		if i > 0 {
			low = bounds[i-1]
		}
		return low + (bounds[i]-low)*(rank-below)/float64(n)
	}
	return bounds[len(bounds)-1]
}

// P99Ratio rolls back when the canary's p99 over the last minute is more than so many
// times stable's, looked at every ten seconds with twenty requests at least.
//
// Source: the usual wording of latency thresholds in dashboards and alerts.
type P99Ratio struct {
	ratio          float64
	bounds         []float64
	clock          clock
	canary, stable cells
}

// NewP99Ratio takes the inclusive upper bounds of the cells in seconds.
func NewP99Ratio(ratio float64, bounds []float64) *P99Ratio {
	n := len(bounds) + 1
	return &P99Ratio{ratio: ratio, bounds: bounds, clock: clock{every: 10}, canary: newCells(6, 10, n), stable: newCells(6, 10, n)}
}

// Add takes in a second and reports whether the rule rolls back.
func (p *P99Ratio) Add(s *Second) bool {
	p.canary.add(s.CanaryLatency)
	p.stable.add(s.StableLatency)
	if !p.clock.tick() || p.clock.seconds < 60 || p.canary.total() < 20 {
		return false
	}
	b := p.stable.quantile(p.bounds, 0.99)
	return b > 0 && p.canary.quantile(p.bounds, 0.99) > p.ratio*b
}

// FlaggerLatency checks each minute that the canary's p99 does not exceed a limit and rolls back
// at so many failed checks, see Flagger. Its quantile has finer cells than the
// usual ones of Prometheus, which is in its favour.
//
// Source: docs.flagger.app, metric request-duration.
type FlaggerLatency struct {
	limit     float64
	bounds    []float64
	threshold int
	clock     clock
	canary    cells
	failed    int
}

// NewFlaggerLatency takes the limit in seconds and the inclusive upper bounds of the cells.
func NewFlaggerLatency(limit float64, threshold int, bounds []float64) *FlaggerLatency {
	return &FlaggerLatency{
		limit: limit, bounds: bounds, threshold: threshold,
		clock: clock{every: 60}, canary: newCells(1, 60, len(bounds)+1),
	}
}

// Add takes in a second and reports whether the rule rolls back.
func (f *FlaggerLatency) Add(s *Second) bool {
	f.canary.add(s.CanaryLatency)
	if f.clock.tick() && (f.canary.total() == 0 || f.canary.quantile(f.bounds, 0.99) > f.limit) {
		f.failed++
	}
	return f.failed >= f.threshold
}
