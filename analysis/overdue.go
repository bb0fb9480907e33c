package analysis

import "time"

// A version that hangs fails nothing until its timeouts, so requests in flight for
// far too long are counted as failures beforehand. They end later, mostly as
// Timeout, and must not count twice: `counted` remembers how many requests still in
// flight are in the evidence already, and that all of them started up to a certain
// second.

// Overdue feeds n requests in flight for far too long (a second at least), each
// once. It reports whether the alarm is reached, like Failure. Their own failures
// later are not counted again. Keeping to "each once" is the caller's part; Hanging does it
// by itself. Use one or the other for a version.
func (t *Trip) Overdue(recorder *Recorder, n uint64, p0 float64) bool {
	now := Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.overdue(recorder, n, p0, now, second(now), 0)
}

// Hanging feeds every request in flight for longer than age (1 s…60 s), each once:
// call it about once a second with the same age, with one recorder. now is Now. If as many
// of stable's hang (see Against), nothing trips.
func (t *Trip) Hanging(recorder *Recorder, now int64, age time.Duration, p0 float64) bool {
	if age < time.Second || age > maxAge {
		return false
	}
	before := second(now - int64(age))
	t.mu.Lock()
	defer t.mu.Unlock()
	from := max(second(now)-ringSeconds+1, t.counted.before)
	var stable uint64
	if p := t.stable.Load(); p != nil {
		for _, r := range *p {
			stable += r.InFlightOlder(now, age)
		}
	}
	return t.overdue(recorder, recorder.inFlight(from, before-1), p0, now, before, stable)
}

func (t *Trip) overdue(recorder *Recorder, n uint64, p0 float64, now, before int64, stable uint64) bool {
	if t.alarmed || n == 0 {
		return false
	}
	up, down := t.weigh(p0)
	if up == 0 {
		return false
	}
	t.fall(recorder, down)
	t.counted.add(n, now, before)
	return t.rise(n, up, stable)
}

// counted are requests in flight that are in the evidence (or forgiven) already.
type counted struct {
	before int64  // they started before this second (of Now); 0: none
	left   uint64 // of them, not yet accounted for
	alive  int64  // when one of them was last seen in flight, ns
}

func (c *counted) add(n uint64, now, before int64) {
	c.left += n
	c.before = max(c.before, before)
	c.alive = now
}

// settles reports whether the failure just recorded is taken for the end of a
// counted request: it is if fewer of them are in flight than are unaccounted for.
// Those that ended well in the meantime can make it swallow as many fresh
// failures, but for no longer than a second after the last one was seen in flight.
func (c *counted) settles(inFlight func(now, before int64) uint64) bool {
	if c.left == 0 {
		return false
	}
	now := Now()
	flying := inFlight(now, c.before)
	switch {
	case flying > 0:
		c.alive = now
	case now-c.alive > int64(time.Second):
		c.left = 0
	}
	if flying >= c.left {
		return false
	}
	c.left--
	return true
}
