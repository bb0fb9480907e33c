package analysis

import (
	"math"
	"time"
)

// slider is mode window: the literal rule over a sliding window. It fires when the
// exact lower bound on what the window shows (Clopper–Pearson; for a ratio to stable
// that on the canary's part of all failures) is over the limit, at a level that all looks
// together keep within the budget (judgement 2.4). Overlapping looks are counted in full,
// which costs a factor of two or so in requests. There is no burst guard: a window shows
// what it shows.
type slider struct {
	Slots    [][4]uint64 // of a second: requests and failures of the canary, and of stable
	Next     int         // the oldest slot, to be replaced
	Canary   Counts      // in the window
	Stable   Counts      //
	Evidence float64     // the judge's bound where the rule fires
	At       time.Time   // of the newest slot
}

func newSlider(window time.Duration) *slider {
	n := int(min(max(window, time.Second), longest) / time.Second)
	return &slider{Slots: make([][4]uint64, n)}
}

// add takes in one block and looks.
func (w *slider) add(at time.Time, p pair, c *charge, s *step) {
	old := &w.Slots[w.Next]
	w.Canary = w.Canary.Sub(Counts{old[0], old[1]}).Add(p.canary)
	w.Stable = w.Stable.Sub(Counts{old[2], old[3]}).Add(p.stable)
	*old = [4]uint64{p.canary.Requests, p.canary.Failed, p.stable.Requests, p.stable.Failed}
	w.Next, w.At = (w.Next+1)%len(w.Slots), at
	w.Evidence = 0
	if w.Canary.Requests < max(s.least1, 1) {
		return
	}
	level := s.look * c.share
	w.Evidence = math.Min(s.bound*level/math.Max(w.chance(c), 1e-300), 10*grid*s.bound)
}

// chance of as many failures in the window, or more, were the canary just at the limit.
func (w *slider) chance(c *charge) float64 {
	e := float64(w.Canary.Failed)
	switch {
	case e == 0:
		return 1
	case c.relative():
		rn := c.of.Ratio * float64(w.Canary.Requests)
		if c.slowness() || c.of.Metric == SuccessRate {
			rn = c.r0 * float64(w.Canary.Requests)
		}
		if w.Stable.Requests == 0 {
			return 1
		}
		return betaTail(e, float64(w.Stable.Failed)+1, rn/(rn+float64(w.Stable.Requests)))
	case c.of.Metric == Hangs:
		return poissonTail(w.Canary.Failed, c.limit*float64(w.Canary.Requests))
	}
	return betaTail(e, float64(w.Canary.Requests)-e+1, c.limit)
}

func (w *slider) run() run {
	return run{Since: w.At.Add(-time.Duration(len(w.Slots)-1) * time.Second), Canary: w.Canary, Stable: w.Stable}
}

// forget empties the window; nil has none.
func (w *slider) forget() {
	if w != nil {
		*w = slider{Slots: make([][4]uint64, len(w.Slots))}
	}
}

// sound reports whether a slider read from disk may stand in place of w.
func (w *slider) sound(as *slider) bool {
	if w == nil || as == nil {
		return w == nil && as == nil
	}
	return len(w.Slots) == len(as.Slots) && w.Next >= 0 && w.Next < len(w.Slots) && sound(w.Evidence)
}
