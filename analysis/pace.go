package analysis

// pace counts the slow requests of one side, each once: when its answer comes, or as
// soon as it is in flight for longer than what is slow (judgement 1.8). What is known to be
// slow only grows: answers that were, and requests that are overdue, so each block's
// part is the growth.
type pace struct {
	primed bool
	age    int // of an Overdue, the least that is slow; it only rises
	last   Overdue
	debt   uint64 // counted beforehand, as a reading fell between an end and its record
}

// count takes the slow and all good or slow requests out of a block. nil: none.
func (p *pace) count(l *Latency, overdue Overdue, cell int) (c Counts) {
	if l == nil {
		return c
	}
	good, slow := l.split(cell)
	slow = p.growth(slow, overdue, overdueAge(UpperBound(cell)))
	return Counts{Requests: good + slow, Failed: slow}
}

func (p *pace) growth(slow uint64, now Overdue, age int) uint64 {
	if !p.primed {
		p.primed, p.age, p.last = true, age, now
	}
	if age > p.age {
		p.debt += p.last.at(p.age) - min(p.last.at(p.age), p.last.at(age))
		p.age = age
	}
	known, before := slow+now.at(p.age), p.last.at(p.age)+p.debt
	p.last = now
	if known < before {
		p.debt = before - known
		return 0
	}
	p.debt = 0
	return known - before
}

func (o *Overdue) at(age int) uint64 {
	if age >= overdueAges {
		return 0
	}
	return o[age]
}

// overdueAge is the least of an Overdue's ages that is as many seconds or more;
// overdueAges if none is.
func overdueAge(seconds float64) (i int) {
	for i < overdueAges && float64(int(1)<<i) < seconds {
		i++
	}
	return i
}
