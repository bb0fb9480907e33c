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
	return t.overdue(recorder, overdue{fresh: n, now: now, before: second(now)}, p0)
}

// Hanging feeds every request in flight for longer than age (1 s…60 s), each once:
// call it about once a second with the same age, with one recorder. now is Now. If as many
// of stable's hang (see Against), nothing trips; those that hang for age once more are
// looked at again, as stable may be well by then.
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
	o := overdue{fresh: recorder.inFlight(from, before-1), again: t.counted.again(recorder, now, age), now: now, before: before, stable: stable}
	return t.overdue(recorder, o, p0)
}

// overdue are requests in flight for far too long.
type overdue struct {
	fresh  uint64 // never counted before
	again  uint64 // counted, then excused, and in flight all the same
	now    int64
	before int64  // second before which they started
	stable uint64 // requests of stable that are in flight for as long
}

// overdue puts o to the score. One that reached the alarm and waits for what stable does is
// looked at with nothing new as well: where all clients wait, no further failure comes.
func (t *Trip) overdue(recorder *Recorder, o overdue, p0 float64) bool {
	n := o.fresh + o.again
	if t.alarmed || n == 0 && t.score < tripAlarm {
		return false
	}
	up, down := t.weigh(p0)
	if up == 0 {
		return false
	}
	t.fall(recorder, down)
	if o.fresh > 0 {
		t.counted.add(o.fresh, o.now, o.before)
	}
	return t.rise(n, up, o.stable, o.now)
}

// counted are requests in flight that are in the evidence (or forgiven) already.
type counted struct {
	before int64  // they started before this second (of Now); 0: none
	left   uint64 // of them, not yet accounted for
	alive  int64  // when one of them was last seen in flight, ns

	excused      int64 // when those that started before a second were taken out of the evidence, ns; 0: none were
	excusedUntil int64 // that second
}

// excuse takes whatever is counted out of the evidence, for a while.
func (c *counted) excuse(now int64) {
	if c.before > 0 {
		c.excused, c.excusedUntil = max(1, now), c.before
	}
}

// again counts requests that have been in flight for age since they were excused. They are
// evidence anew, once. An excuse may reach to the end of its second, in which requests went on to
// start: they must be as old as well.
func (c *counted) again(recorder *Recorder, now int64, age time.Duration) uint64 {
	if c.excused == 0 || now-c.excused < int64(age) || second(now-int64(age)) < c.excusedUntil {
		return 0
	}
	c.excused = 0
	return recorder.inFlight(second(now)-ringSeconds+1, c.excusedUntil-1)
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
