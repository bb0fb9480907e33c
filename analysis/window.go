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
// (13 KiB) are made with the first request, and what it keeps of latencies (8 bytes for each
// five seconds and bucket that was hit) is let go after 15 minutes without one.
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
	latencies spans
}

type slot struct{ second, requests, failed uint32 }

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
// costs a sum of a few counters a shard if not. Latencies it reads at the end of each five seconds, or
// when they are asked for, so it holds on to the recorders.
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
			w.rings.latencies.begin(recorders)
		}
		return false
	}
	d := c.Sub(w.seen)
	w.seen = c
	if w.rings == nil {
		if d.Requests == 0 {
			return false
		}
		w.rings = new(rings)
	}
	w.rings.add(w.last, d, recorders)
	return d.Requests > 0
}

func (r *rings) add(now int64, d Counts, recorders []*Recorder) {
	if d.Requests > 0 {
		r.active = now
		s := &r.counts[now%countSlots]
		if s.second != uint32(now) {
			*s = slot{second: uint32(now)}
		}
		s.requests += uint32(d.Requests)
		s.failed += uint32(d.Failed)
	}
	r.latencies.add(now, d.good() > 0, recorders)
	if now-r.active > countSlots {
		r.latencies.release()
	}
}

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
		if c := &w.rings.counts[t%countSlots]; int64(c.second) == t {
			s.Counts = s.Add(Counts{Requests: uint64(c.requests), Failed: uint64(c.failed)})
		}
	}
	s.PerSecond = float64(s.Requests) / d.Seconds()
	sum, _ := w.latencies(from)
	s.P50, s.P99 = quantile(&sum, 0.50), quantile(&sum, 0.99)
	return s
}
