package analysis

import (
	"math"
	"strconv"
	"time"
)

const (
	coldShift   = 2 * perOctave // 4x, what the first traffic of a version is excused
	latencyBend = 0.6           // r_t = r^0.6 makes r the point of indifference (judgement 2.5)
)

// latencyRatios are the alternatives of a relative limit on latency: how many times
// the odds of being slow may be.
var latencyRatios = [grid]float64{1.5, 2, 3, 5, 10, 20, 50}

// measure says what of a block counts for one criterion: of the requests on each side,
// which are "failed" in its sense (failed, slow, hanging).
type measure struct {
	of      Criterion
	passing bool          // for a promotion: what is in doubt speaks against the canary
	r0, d0  float64       // relative: the bound p_canary ≤ r0·p_stable + d0
	ratios  [grid]float64 // relative: alternatives
	shift   int           // relative latency: r_t in cells
	least   time.Duration // relative latency: a difference that matters
	cell    int           // absolute latency and hangs: slow is above
	canary  pace          // latency
	stable  pace
	Cells   edges `json:"cells,omitzero"` // relative latency: in use
}

// edges are the cells above which an answer is slow; Known says they are known, Alone that
// stable's comes from the time when it had traffic.
type edges struct {
	Canary, Stable int
	Known, Alone   bool
}

func newMeasure(k Criterion, o JudgeOptions, passing bool) measure {
	m := measure{of: k, passing: passing}
	switch {
	case k.latency() && k.Ratio != 0:
		r := math.Log2(k.Ratio) * perOctave
		if !passing && !o.Strict {
			r *= latencyBend
		}
		m.r0, m.ratios, m.shift, m.least = 1, latencyRatios, int(math.Round(r)), o.MinDelay
	case k.latency():
		m.cell = cellOf(k.Latency, passing)
	case k.Metric == SuccessRate && k.Ratio != 0:
		m.mirror(k.Ratio, o)
	case k.Ratio != 0:
		b := newRelativeBets(k.Ratio, o.MinEffect, o.Strict)
		m.r0, m.d0, m.ratios = b.r0, b.d0, b.ratios
	}
	if k.Metric == Hangs {
		m.cell = cellOf(o.hangAge(), false)
	}
	return m
}

// mirror turns "success_rate < q x stable" into a bound on failures: p_c > 1−q(1−p_b).
func (m *measure) mirror(q float64, o JudgeOptions) {
	m.r0, m.d0 = 1, (1-q)/2
	if o.Strict {
		m.r0, m.d0 = q, 1-q
	}
	first := newRelativeBets(1.5, 0, false).ratios
	for j := range first {
		m.ratios[j] = m.r0 * first[j]
	}
}

// cellOf is the cell of the bound at or above d, or at or below it.
func cellOf(d time.Duration, below bool) int {
	i := bucketOf(int64(d))
	if below && UpperBound(i) > d.Seconds() {
		i = max(i-1, 0)
	}
	return i
}

func (m *measure) relative() bool { return m.of.Ratio != 0 }

// slowness reports whether latencies are what is measured.
func (m *measure) slowness() bool { return m.of.latency() || m.of.Metric == Hangs }

// pair are both sides' counts of a block.
type pair struct {
	canary, stable Counts
	known          *Bound // of stable, from when it had traffic; nil: unknown
}

func (p pair) upper(alpha float64) float64 {
	if p.known == nil {
		return 1
	}
	return p.known.Upper(alpha)
}

func (p pair) lower(alpha float64) float64 {
	if p.known == nil {
		return 0
	}
	return p.known.Lower(alpha)
}

// read takes the criterion's counts out of a block; none if it was not measured. waiting
// are the counts that wait for the other side.
func (m *measure) read(s *step, waiting *pending) (p pair, ok bool) {
	switch {
	case !m.slowness():
		return m.errors(s), true
	case m.of.latency() && m.relative():
		return m.tails(s, waiting)
	}
	if s.CanaryAllLatency == nil {
		return p, false
	}
	cell := m.cell
	if s.cold && !m.passing && m.of.latency() {
		cell += coldShift
	}
	p.canary = m.canary.count(s.CanaryAllLatency, s.CanaryAllOverdue, cell)
	p.stable = m.stable.count(s.StableLatency, s.StableOverdue, cell)
	if m.of.Metric == Hangs && !m.relative() {
		p.canary.Requests, p.stable.Requests = 1, 1
	}
	return p, true
}

// errors counts failures. One failure a key and second is enough: on the side that it
// speaks for the capping lowers the evidence and keeps it valid; on the other it would
// not, so there it is left out.
func (m *measure) errors(s *step) pair {
	p := pair{canary: s.Canary, stable: s.Stable, known: &s.baseline.Bound}
	repeats := s.CanaryRepeats
	if !m.relative() {
		p.canary, repeats = s.CanaryAll, s.CanaryAllRepeats
	}
	if m.passing {
		p.stable.Failed -= min(p.stable.Failed, s.StableRepeats)
		return p
	}
	p.canary.Failed -= min(p.canary.Failed, repeats)
	return p
}

// tails counts answers beyond stable's quantile, and beyond r_t times that for the
// canary. The bound was fixed before the block, and stays while counts wait: any bound
// fixed beforehand is valid, a bad one only compares another quantile. Where stable answers within
// milliseconds, a multiple of that is a scheduler's whim; what matters is at least MinDelay slower.
func (m *measure) tails(s *step, waiting *pending) (p pair, ok bool) {
	mark := s.reference.mark(m.of.tail())
	if c := m.choose(s, mark); c != m.Cells && (waiting.empty() || c.Alone != m.Cells.Alone) {
		m.Cells, *waiting = c, pending{}
	}
	if !m.Cells.Known || s.CanaryLatency == nil || s.StableLatency == nil {
		return p, false
	}
	p.canary = m.canary.count(s.CanaryLatency, s.CanaryOverdue, m.Cells.Canary)
	p.stable = m.stable.count(s.StableLatency, s.StableOverdue, m.Cells.Stable)
	p.known = &mark.Bound
	return p, true
}

func (m *measure) choose(s *step, mark *mark) edges {
	c := edges{Stable: mark.Cell, Known: mark.Known, Alone: s.thin && mark.Known}
	if c.Alone {
		// The share of slow answers that Bound speaks of is an average over the bounds in
		// use at the time: it holds above the highest, and conversely.
		c.Stable = mark.highest()
		if m.passing {
			c.Stable = mark.lowest()
		}
	}
	shift := m.shift
	if s.cold && !m.passing {
		shift = max(shift, coldShift)
	}
	if c.Known {
		c.Canary = min(max(c.Stable+shift, 0), Buckets-1)
		if least := m.least.Seconds() + UpperBound(c.Stable); m.least > 0 && UpperBound(c.Canary) < least {
			c.Canary = bucketOf(int64(least * 1e9))
		}
	}
	return c
}

// slow is what counts as slow for the canary, for people.
func (m *measure) slow() time.Duration {
	cell := m.cell
	switch {
	case !m.slowness():
		return 0
	case m.of.latency() && m.relative():
		if !m.Cells.Known {
			return 0
		}
		cell = m.Cells.Canary
	}
	if cell >= Buckets-1 {
		return time.Duration(math.Ldexp(1, highOctave)) * time.Second
	}
	return time.Duration(UpperBound(cell) * 1e9)
}

// counted says what Failed of the counts are.
func (m *measure) counted() string {
	switch {
	case m.of.Metric == Hangs:
		return "hung for over " + m.slow().Round(time.Millisecond).String()
	case m.of.latency():
		return "took over " + m.slow().Round(time.Millisecond/10).String()
	}
	return "failed"
}

func short(x float64) string { return strconv.FormatFloat(x, 'g', 6, 64) }
