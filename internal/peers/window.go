package peers

// window sums the last seconds, fewer while it is young.
type window struct {
	ring []arms
	next int
	sum  arms
}

func newWindow(seconds int) window { return window{ring: make([]arms, seconds)} }

func (w *window) add(s *Second) {
	old := &w.ring[w.next]
	w.sum.canary = w.sum.canary.sub(old.canary).add(s.Canary)
	w.sum.stable = w.sum.stable.sub(old.stable).add(s.Stable)
	*old = arms{s.Canary, s.Stable}
	w.next++
	if w.next == len(w.ring) {
		w.next = 0
	}
}

// clock tells every how many seconds a rule looks.
type clock struct{ every, seconds int }

// tick counts a second and reports whether a look is due at its end.
func (c *clock) tick() bool {
	c.seconds++
	return c.seconds%c.every == 0
}
