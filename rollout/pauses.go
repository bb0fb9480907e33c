package rollout

import "time"

// pauseAfter is how late a tick must be for the process to have been paused.
const pauseAfter = 3 * tickEvery

// pauses remembers when the process did not run, for a minute: it was stopped, or had no
// processor. Requests grow no answers then, so they age faster than the versions are slow. The
// zero value knows of none. It has the size of its 64 seconds and belongs to the controller.
type pauses struct {
	last int64 // tick, ns
	lost [64]struct {
		second int64         // in which the pause ended
		time   time.Duration // 0: none
	}
}

// tick notes that the process runs at now (analysis.Now).
func (p *pauses) tick(now int64) {
	gap := time.Duration(now - p.last)
	if p.last != 0 && gap >= pauseAfter {
		second := now / int64(time.Second)
		l := &p.lost[second&int64(len(p.lost)-1)]
		if l.second != second {
			l.second, l.time = second, 0
		}
		l.time += gap - tickEvery
	}
	p.last = now
}

// stretch is how old a request is at now, at least, that has been in flight for age while the
// process ran.
func (p *pauses) stretch(now int64, age time.Duration) time.Duration {
	second := now / int64(time.Second)
	for back := int64(0); back < int64(len(p.lost)) && time.Duration(back)*time.Second <= age; back++ {
		if l := &p.lost[(second-back)&int64(len(p.lost)-1)]; l.time > 0 && l.second == second-back {
			age += l.time
		}
	}
	return age
}
