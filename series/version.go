package series

import (
	"sluice/analysis"
)

// resolutions, finest first.
var resolutions = [...]struct{ step, points int64 }{{1, 300}, {10, 360}, {60, 360}}

const longest = 6 * 3600 // seconds that the coarsest resolution holds

// version is one version's series. Its rings are made with the service's first traffic.
type version struct {
	name         string
	weightBP     int
	split, ruled *analysis.Recorder

	totals analysis.Totals // at the last look
	seen   bool            // it had traffic before its series began
	series *rings
}

// rings hold the points of each resolution, and what its running point has so far.
type rings struct {
	latency analysis.Latencies // at the last look
	of      [len(resolutions)]ring
	minute  [analysis.Buckets]uint64 // good answers by latency: of the last whole minute
}

type ring struct {
	points  []point
	running point
	good    [analysis.Buckets]uint32
}

// point is one step. slot is the number of the step since 1970, 0 where there is none.
type point struct {
	slot             uint32
	requests, failed uint32
	p50, p90, p99    float32 // milliseconds
	weightBP         uint16
}

func newVersion(arm analysis.Arm) *version {
	v := &version{name: arm.Version, weightBP: arm.WeightBP, split: arm.Split, ruled: arm.Ruled}
	v.totals = v.now()
	v.seen = v.totals.Finished() > 0
	return v
}

func (v *version) now() analysis.Totals { return v.split.Totals().Add(v.ruled.Totals()) }

// moved reports whether anything ended since the last take.
func (v *version) moved() bool { return v.now().Finished() != v.totals.Finished() }

func (v *version) release() { v.series, v.seen = nil, true }

// take adds what the second at at brought.
func (v *version) take(at int64) {
	totals := v.now()
	counts := totals.Sub(v.totals).Counts()
	v.totals = totals
	if v.series == nil {
		v.series = newRings()
		if v.seen { // what came before is none of this second's
			v.read(&v.series.latency)
		}
	}
	var good [analysis.Buckets]uint32
	if counts.Requests > 0 {
		good = v.latencies()
	}
	for i := range v.series.of {
		v.series.add(i, at, counts, &good, v.weightBP)
	}
}

func newRings() *rings {
	r := &rings{}
	for i := range r.of {
		r.of[i].points = make([]point, resolutions[i].points)
	}
	return r
}

func (v *version) read(l *analysis.Latencies) {
	*l = analysis.Latencies{}
	v.split.AddLatencies(l)
	v.ruled.AddLatencies(l)
}

// latencies are those of the good answers since the last look.
func (v *version) latencies() (good [analysis.Buckets]uint32) {
	before := v.series.latency
	v.read(&v.series.latency)
	for i, n := range v.series.latency.OK {
		good[i] = uint32(n - min(n, before.OK[i]))
	}
	return good
}

// add puts a second into resolution i. The running step is written at once, so that a
// reader sees it grow.
func (r *rings) add(i int, at int64, c analysis.Counts, good *[analysis.Buckets]uint32, weightBP int) {
	g, step := &r.of[i], resolutions[i].step
	slot := uint32(at / step)
	if g.running.slot != slot {
		if i == len(r.of)-1 {
			for j, n := range g.good {
				r.minute[j] = uint64(n)
			}
		}
		g.running, g.good = point{slot: slot}, [analysis.Buckets]uint32{}
	}
	p := &g.running
	p.requests += uint32(c.Requests)
	p.failed += uint32(c.Failed)
	p.weightBP = uint16(weightBP)
	if c.Requests > 0 {
		for j, n := range good {
			g.good[j] += n
		}
		p.p50, p.p90, p.p99 = quantiles(&g.good)
	}
	g.points[int64(slot)%int64(len(g.points))] = *p
}

// quantiles in milliseconds; 0 where nothing was answered.
func quantiles(good *[analysis.Buckets]uint32) (p50, p90, p99 float32) {
	var h analysis.Histogram
	var n uint64
	for i, x := range good {
		h.Count[analysis.ClassOK][i] = uint64(x)
		n += uint64(x)
	}
	if n == 0 {
		return 0, 0, 0
	}
	ms := func(q float64) float32 { return float32(h.Quantile(q).Seconds() * 1000) }
	return ms(0.5), ms(0.9), ms(0.99)
}
