package series

import (
	"math"
	"time"

	"sluice/analysis"
)

// View is what a service did in a span: a value a step for each version, oldest first.
type View struct {
	Service  string    `json:"service"`
	Start    time.Time `json:"start"`  // of the first step
	Step     int       `json:"step_s"` // seconds
	Versions []Line    `json:"versions"`
}

// Line is one version of a View. Requests is -1 in steps that nothing is known of, as before
// the process began; the other values are then 0. Latencies are of good answers, 0 if there were none.
type Line struct {
	Version  string    `json:"version"`
	Requests []int64   `json:"requests"`
	Failed   []int64   `json:"failed"`
	P50      []float32 `json:"p50_ms"`
	P90      []float32 `json:"p90_ms"`
	P99      []float32 `json:"p99_ms"`
	Weight   []float32 `json:"weight"` // percent
}

// View shows the last span, in the finest resolution that holds it; the newest step may still be
// growing. A span over six hours is cut to that. false: no such service. A service
// without traffic has no steps.
func (k *Keeper) View(name string, span time.Duration, now time.Time) (View, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	s := k.services[name]
	if s == nil {
		return View{}, false
	}
	i := resolution(span)
	step := resolutions[i].step
	steps := min(max(int64(span/time.Second)/step, 1), resolutions[i].points)
	last := (now.Unix() - 1) / step // the running second is not sampled yet
	first := last - steps + 1
	v := View{Service: name, Start: time.Unix(first*step, 0).UTC(), Step: int(step), Versions: []Line{}}
	for _, version := range s.versions {
		v.Versions = append(v.Versions, version.line(i, first, steps))
	}
	return v, true
}

func resolution(span time.Duration) int {
	for i, r := range resolutions {
		if span <= time.Duration(r.step*r.points)*time.Second {
			return i
		}
	}
	return len(resolutions) - 1
}

func (v *version) line(i int, first, steps int64) Line {
	l := Line{Version: v.name, Requests: []int64{}, Failed: []int64{}, P50: []float32{}, P90: []float32{}, P99: []float32{}, Weight: []float32{}}
	if v.series == nil {
		return l
	}
	points := v.series.of[i].points
	for slot := first; slot < first+steps; slot++ {
		p := points[slot%int64(len(points))]
		requests := int64(p.requests)
		if int64(p.slot) != slot {
			p, requests = point{}, -1
		}
		l.Requests = append(l.Requests, requests)
		l.Failed = append(l.Failed, int64(p.failed))
		l.P50, l.P90, l.P99 = append(l.P50, short(p.p50)), append(l.P90, short(p.p90)), append(l.P99, short(p.p99))
		l.Weight = append(l.Weight, float32(p.weightBP)/100)
	}
	return l
}

// Distribution is how the latencies of a version's good answers lie in the running minute and
// the one before.
type Distribution struct {
	Version string   `json:"version"`
	Bounds  []Bucket `json:"buckets"` // those with any, in order
}

// Bucket are the answers above the bound of the one before, up to UpTo milliseconds.
type Bucket struct {
	UpTo  float64 `json:"le_ms"`
	Count uint64  `json:"count"`
}

// bucketsAStep folds the recorder's sixteen buckets an octave to four.
const bucketsAStep = 4

// Distributions of all versions of a service; none for one that is unknown or without traffic.
func (k *Keeper) Distributions(name string) []Distribution {
	k.mu.Lock()
	defer k.mu.Unlock()
	s := k.services[name]
	if s == nil || s.active == 0 {
		return []Distribution{}
	}
	all := make([]Distribution, 0, len(s.versions))
	for _, v := range s.versions {
		if v.series != nil {
			all = append(all, Distribution{Version: v.name, Bounds: v.series.fold()})
		}
	}
	return all
}

func (r *rings) fold() []Bucket {
	out := []Bucket{}
	running := &r.of[len(r.of)-1].good
	for i := 0; i < analysis.Buckets; i += bucketsAStep {
		end := min(i+bucketsAStep, analysis.Buckets)
		b := Bucket{UpTo: analysis.UpperBound(end-1) * 1000}
		for j := i; j < end; j++ {
			b.Count += r.minute[j] + uint64(running[j])
		}
		if math.IsInf(b.UpTo, 1) {
			b.UpTo = 2 * 64_000 // JSON has no infinity
		}
		if b.Count > 0 {
			out = append(out, b)
		}
	}
	return out
}
