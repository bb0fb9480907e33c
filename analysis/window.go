package analysis

import "time"

const (
	countSlots   = 900 // of a second
	latencySlots = 60  // of latencySpan seconds
	latencySpan  = 5
	longest      = countSlots * time.Second
)

// Window keeps what happened to one version in the last 15 minutes, for display: counts by the second,
// latencies of good answers by five seconds for five minutes. It subtracts readings
// of cumulative counters, so it resets nothing and several windows may watch one
// recorder. It belongs to one goroutine. The zero value is ready and small; its rings
// (28 KiB) are made with the first request, and what it keeps of latencies (up to 100 KiB)
// is let go after 15 minutes without one.
type Window struct {
	began   int64 // second of the first Observe
	last    int64 // second of the newest one
	watched bool
	seen    Counts
	rings   *rings
}

type rings struct {
	active    int64 // second of the last request
	counts    [countSlots]slot
	latencies [latencySlots]*latencySlot
	seen      [Buckets]uint64
	scratch   [Buckets]uint64
}

type slot struct {
	second int64
	Counts
}

type latencySlot struct {
	span  int64 // second / latencySpan
	count [Buckets]uint32
}

// Seen is what a Window shows of its last seconds.
type Seen struct {
	Counts
	Span      time.Duration // what it covers: less than asked for by a young window
	PerSecond float64       // requests; the share that failed is Counts.Rate
	P50, P99  time.Duration // of good answers, ±2.2 %; whole five seconds, five minutes at most; 0: none
}

// Observe takes in what the recorders of one version counted since the last call, and puts
// it to the second of now (Now). Call it once a second; the first call only begins the
// window, what came before is not seen. It reports whether there was anything, and
// costs a sum of a few counters a shard if not.
func (w *Window) Observe(now int64, recorders ...*Recorder) bool {
	var c Counts
	for _, r := range recorders {
		c = c.Add(r.Counts())
	}
	w.last = second(now)
	if !w.watched {
		w.watched, w.began, w.seen = true, w.last, c
		if c.Requests > 0 {
			w.rings = &rings{active: w.last}
			w.rings.read(recorders)
			w.rings.seen = w.rings.scratch
		}
		return false
	}
	d := c.Sub(w.seen)
	if d.Requests == 0 {
		if w.rings != nil && w.last-w.rings.active > countSlots {
			w.rings.release()
		}
		return false
	}
	w.seen = c
	if w.rings == nil {
		w.rings = new(rings)
	}
	w.rings.add(w.last, d, recorders)
	return true
}

func (r *rings) add(now int64, d Counts, recorders []*Recorder) {
	r.active = now
	s := &r.counts[now%countSlots]
	if s.second != now {
		*s = slot{second: now}
	}
	s.Counts = s.Add(d)
	r.read(recorders)
	span := now / latencySpan
	l := r.latencies[span%latencySlots]
	if l == nil {
		l = new(latencySlot)
		r.latencies[span%latencySlots] = l
	}
	if l.span != span {
		*l = latencySlot{span: span}
	}
	for i, n := range r.scratch {
		l.count[i] += uint32(n - min(n, r.seen[i]))
	}
	r.seen = r.scratch
}

// read sums the good answers' buckets of all shards into scratch.
func (r *rings) read(recorders []*Recorder) {
	clear(r.scratch[:])
	for _, rec := range recorders {
		rec.each(func(s *shard) {
			for i := range r.scratch {
				r.scratch[i] += s.buckets[ClassOK][i].Load()
			}
		})
	}
}

// release lets go of the latencies of a version that has been idle for long; what
// was read last must stay, to subtract it.
func (r *rings) release() { r.latencies = [latencySlots]*latencySlot{} }

// Last shows the last d (1 s…15 min, whole seconds) up to the newest Observe.
func (w *Window) Last(d time.Duration) Seen {
	d = min(max(d.Truncate(time.Second), time.Second), longest)
	d = min(d, time.Duration(w.last-w.began)*time.Second)
	s := Seen{Span: d}
	if w.rings == nil || d <= 0 {
		return s
	}
	from := w.last - int64(d/time.Second)
	for t := from + 1; t <= w.last; t++ {
		if c := &w.rings.counts[t%countSlots]; c.second == t {
			s.Counts = s.Add(c.Counts)
		}
	}
	s.PerSecond = float64(s.Requests) / d.Seconds()
	sum, _ := w.latencies(from)
	s.P50, s.P99 = quantile(&sum, 0.50), quantile(&sum, 0.99)
	return s
}
