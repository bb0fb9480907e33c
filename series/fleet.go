package series

import (
	"math"
	"slices"
	"strings"
	"time"
)

// fleetSteps is how many values a Fleet has for each version.
const fleetSteps = 30

// Query says which part of a fleet is wanted.
type Query struct {
	Span     time.Duration // 0: five minutes; over six hours is cut to that
	Services []string      // only these; none: all
	After    string        // only names that sort behind this one; "": all
	Limit    int           // services at most; 0 or less: all
}

// Fleet is what services with traffic did in a span, in thirty whole steps: for sparklines.
type Fleet struct {
	Start    time.Time `json:"start"`  // of the first step
	Step     int       `json:"step_s"` // seconds
	Services []Brief   `json:"services"`
	Next     string    `json:"next,omitempty"` // After of the query for the rest; "": there is none
}

// Brief is one service of a Fleet, its versions in the file's order.
type Brief struct {
	Service  string      `json:"service"`
	Versions []BriefLine `json:"versions"`
}

// BriefLine is one version of a Brief. Requests is -1 in steps that nothing is known of. A
// latency is the highest that the keeper has of its step, 0 if nothing was answered.
type BriefLine struct {
	Version  string    `json:"version"`
	Requests []int64   `json:"requests"`
	Failed   []int64   `json:"failed"`
	P50      []float32 `json:"p50_ms"`
	P99      []float32 `json:"p99_ms"`
	Weight   []float32 `json:"weight"` // percent, at the end of the step
}

// Fleet shows services that had traffic within six hours, by name. Names that are not among
// them are left out. It locks the keeper for one service at a time.
func (k *Keeper) Fleet(q Query, now time.Time) Fleet {
	step := fleetStep(q.Span)
	last := (now.Unix()-1)/step - 1 // the running step would look like a fall
	first := last - fleetSteps + 1
	f := Fleet{Start: time.Unix(first*step, 0).UTC(), Step: int(step), Services: []Brief{}}
	names, more := k.active(q)
	for _, name := range names {
		if lines := k.brief(name, step, first); lines != nil {
			f.Services = append(f.Services, Brief{Service: name, Versions: lines})
		}
	}
	if more {
		f.Next = names[len(names)-1]
	}
	return f
}

// fleetStep is the length of a step in seconds: of whole points of the finest resolution that
// holds the span.
func fleetStep(span time.Duration) (step int64) {
	if span <= 0 {
		span = 5 * time.Minute
	}
	seconds := int64(min(span, longest*time.Second) / time.Second)
	for _, r := range resolutions {
		step = max((seconds/fleetSteps+r.step-1)/r.step*r.step, r.step)
		if step*fleetSteps <= r.step*r.points {
			break
		}
	}
	return step
}

// active are the names that q asks for, in order, and whether there are more than its limit.
func (k *Keeper) active(q Query) (names []string, more bool) {
	k.mu.Lock()
	for name, s := range k.services {
		if s.active != 0 && name > q.After && (len(q.Services) == 0 || slices.Contains(q.Services, name)) {
			names = append(names, name)
		}
	}
	k.mu.Unlock()
	slices.SortFunc(names, strings.Compare)
	if q.Limit > 0 && len(names) > q.Limit {
		return names[:q.Limit], true
	}
	return names, false
}

// brief is nil for a service that was let go meanwhile.
func (k *Keeper) brief(name string, step, first int64) []BriefLine {
	k.mu.Lock()
	defer k.mu.Unlock()
	s := k.services[name]
	if s == nil || s.active == 0 {
		return nil
	}
	lines := make([]BriefLine, 0, len(s.versions))
	for _, v := range s.versions {
		lines = append(lines, v.brief(step, first))
	}
	return lines
}

func (v *version) brief(step, first int64) BriefLine {
	if v.series == nil {
		return BriefLine{Version: v.name, Requests: []int64{}, Failed: []int64{}, P50: []float32{}, P99: []float32{}, Weight: []float32{}}
	}
	l := BriefLine{
		Version: v.name, Requests: make([]int64, fleetSteps), Failed: make([]int64, fleetSteps),
		P50: make([]float32, fleetSteps), P99: make([]float32, fleetSteps), Weight: make([]float32, fleetSteps),
	}
	i := divisor(step)
	points, ratio := v.series.of[i].points, step/resolutions[i].step
	for j := range int64(fleetSteps) {
		p := foldPoints(points, (first+j)*ratio, ratio)
		l.Requests[j], l.Failed[j] = -1, int64(p.failed)
		if p.slot != 0 {
			l.Requests[j] = int64(p.requests)
		}
		l.P50[j], l.P99[j], l.Weight[j] = short(p.p50), short(p.p99), float32(p.weightBP)/100
	}
	return l
}

// divisor is the coarsest resolution that whole steps can be made of.
func divisor(step int64) int {
	for i := len(resolutions) - 1; i > 0; i-- {
		if step%resolutions[i].step == 0 {
			return i
		}
	}
	return 0
}

// foldPoints makes one of n points from slot on; its slot is 0 if nothing is known of any, or
// if some are no longer kept.
func foldPoints(points []point, slot, n int64) (sum point) {
	for s := slot; s < slot+n; s++ {
		p := points[s%int64(len(points))]
		if int64(p.slot) > s {
			return point{}
		}
		if int64(p.slot) < s {
			continue
		}
		sum.slot, sum.weightBP = p.slot, p.weightBP
		sum.requests += p.requests
		sum.failed += p.failed
		sum.p50, sum.p90, sum.p99 = max(sum.p50, p.p50), max(sum.p90, p.p90), max(sum.p99, p.p99)
	}
	return sum
}

// short rounds to three digits, as buckets are no finer: it halves what is sent.
func short(ms float32) float32 {
	if ms <= 0 {
		return 0
	}
	scale := math.Pow(10, 2-math.Floor(math.Log10(float64(ms))))
	return float32(math.Round(float64(ms)*scale) / scale)
}
