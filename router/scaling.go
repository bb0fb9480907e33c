package router

import (
	"context"
	"sync"
	"time"

	"sluice/analysis"
)

// Demand is what one version has to carry, for autoscalers. Rates are requests a
// second over the last 10 s, by when they came: first attempts, refused ones included,
// without retries, mirrored copies and requests that suffer an injection.
type Demand struct {
	Version          string
	Share            float64 // 0..1, of what is split: the weight, and the shares of those that it stands in for
	PerSecond        float64 // to be carried at this share: Share × Service + Own. It leads what is measured after a shift
	Measured         float64 // what came for the version in fact
	Service          float64 // split by weight or sticky key, over all versions
	Own              float64 // what rules, previews and probes sent to this version
	InFlight         int64
	Endpoints, Ready int // Ready pass their checks and are not ejected
}

// At is the demand that the version would have with another share, 0..1: before a stage
// with a weight of 25 %, At(0.25) is what it must be ready for.
func (d Demand) At(share float64) float64 { return share*d.Service + d.Own }

// PerEndpoint is PerSecond for each endpoint that is ready; 0 if none is.
func (d Demand) PerEndpoint() float64 {
	if d.Ready == 0 {
		return 0
	}
	return d.PerSecond / float64(d.Ready)
}

// scalingReadings are one more than the seconds that a rate looks back.
const scalingReadings = 11

// Scaling measures Demand. Nothing is measured before Run, or whoever calls Observe once a
// second instead. A version without a request so far costs two look-ups a second and no
// memory; others 400 bytes. Safe for concurrent use.
type Scaling struct {
	live *Live

	mu   sync.Mutex
	turn uint64 // of Observe
	last int64  // its time (analysis.Now)
	seen map[*Version]*readings
}

// readings are the newest of a version's counters.
type readings struct {
	turn uint64 // of the newest
	n    int    // how many there are
	ring [scalingReadings]reading
}

type reading struct {
	at           int64
	split, ruled uint64 // started so far
}

// NewScaling starts nothing.
func NewScaling(l *Live) *Scaling { return &Scaling{live: l, seen: make(map[*Version]*readings)} }

// Run observes once a second until ctx ends. It returns nil.
func (s *Scaling) Run(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for s.Observe(analysis.Now()); ; {
		select {
		case <-tick.C:
			s.Observe(analysis.Now())
		case <-ctx.Done():
			return nil
		}
	}
}

// Observe reads the counters of all versions; now is analysis.Now.
func (s *Scaling) Observe(now int64) {
	table := s.live.Load()
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.last
	s.turn++
	s.last = now
	for _, sv := range table.services {
		for _, v := range sv.Versions {
			s.observe(v, now, before)
		}
	}
	for v, r := range s.seen {
		if r.turn != s.turn {
			delete(s.seen, v) // it has left
		}
	}
}

func (s *Scaling) observe(v *Version, now, before int64) {
	x := reading{at: now, split: v.Split.Totals().Started, ruled: v.Ruled.Totals().Started}
	r := s.seen[v]
	if r == nil {
		if x.split+x.ruled == 0 {
			return
		}
		r = new(readings)
		s.seen[v] = r
		if s.turn > 1 {
			r.add(reading{at: before}) // it had none then
		}
	}
	r.add(x)
	r.turn = s.turn
}

func (r *readings) add(x reading) {
	r.ring[r.n%scalingReadings] = x
	r.n++
}

// rates are requests a second over what is remembered; nil and a single reading tell none.
func (r *readings) rates() (split, ruled float64) {
	if r == nil || r.n < 2 {
		return 0, 0
	}
	newest, oldest := r.ring[(r.n-1)%scalingReadings], r.ring[max(0, r.n-scalingReadings)%scalingReadings]
	if newest.at <= oldest.at {
		return 0, 0
	}
	seconds := time.Duration(newest.at - oldest.at).Seconds()
	return float64(newest.split-oldest.split) / seconds, float64(newest.ruled-oldest.ruled) / seconds
}

// Demands are those of a service's versions, in the file's order; nil for an unknown service.
func (s *Scaling) Demands(service string) []Demand {
	sv := s.live.Load().Service(service)
	if sv == nil {
		return nil
	}
	all := make([]Demand, len(sv.Versions))
	total := 0.0
	s.mu.Lock()
	for i, v := range sv.Versions {
		split, ruled := s.seen[v].rates()
		all[i].Measured, all[i].Own = split+ruled, ruled
		total += split
	}
	s.mu.Unlock()
	for i, share := range sv.Shares() {
		d := &all[i]
		d.Version, d.Share, d.Service = sv.Versions[i].Name, share, total
		d.PerSecond, d.InFlight = d.At(share), sv.Versions[i].Active.Load()
		for _, e := range sv.Pools[i].Endpoints() {
			d.Endpoints++
			if e.Healthy() && !e.Ejected() {
				d.Ready++
			}
		}
	}
	return all
}
