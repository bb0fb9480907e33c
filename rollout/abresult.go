package rollout

import (
	"math"
	"slices"

	"sluice/analysis"
)

// z95 is the 97.5 % point of the normal distribution: both sides leave out 2.5 %.
const z95 = 1.959964

// wilson is the 95 % confidence interval of a rate of k in n (Wilson 1927): unlike
// the textbook one it holds for small n and rates near 0 and 1. Without
// requests it is all that is possible.
func wilson(k, n uint64) (low, high float64) {
	if n == 0 {
		return 0, 1
	}
	p, m, zz := float64(k)/float64(n), float64(n), z95*z95
	center := (p + zz/(2*m)) / (1 + zz/m)
	half := z95 / (1 + zz/m) * math.Sqrt(p*(1-p)/m+zz/(4*m*m))
	low, high = max(0, center-half), min(1, center+half)
	if k == 0 {
		low = 0
	}
	if k == n {
		high = 1
	}
	return low, high
}

// quantileBetween is the quantile q of the latencies counted by bucket, in ms, with the 95 %
// confidence interval that order statistics give, widened to whole buckets: it
// assumes nothing of the distribution. false: there are too few answers to bound it on both sides.
func quantileBetween(count *[analysis.Buckets]uint64, q float64) (value, low, high float64, ok bool) {
	var n uint64
	for _, x := range count {
		n += x
	}
	m := float64(n)
	half := z95 * math.Sqrt(m*q*(1-q))
	from, to := math.Floor(m*q-half), math.Ceil(m*q+half)+1
	if n == 0 || from < 1 || to > m {
		return 0, 0, 0, false
	}
	bucket := func(rank float64) int {
		var seen uint64
		for i, x := range count {
			if seen += x; float64(seen) >= rank {
				return i
			}
		}
		return analysis.Buckets - 1
	}
	ms := func(i int) float64 { return min(analysis.UpperBound(i), 64) * 1000 }
	at, least, most := bucket(math.Ceil(m*q)), bucket(from), bucket(to)
	low = 0
	if least > 0 {
		low = ms(least - 1)
	}
	value = ms(at)
	if at > 0 && at < analysis.Buckets-1 {
		value = math.Sqrt(ms(at-1) * ms(at))
	}
	return value, low, ms(most), true
}

// observed is what one version did since a rollout began, also over restarts: the
// traffic split by chance or sticky hash, which alone can be compared, and all of it.
type observed struct {
	Split  analysis.Counts `json:"split"`
	All    analysis.Counts `json:"all"`
	Spared uint64          `json:"spared,omitempty"` // of All.Failed, what no user saw
	Tested analysis.Counts `json:"tested,omitzero"`  // of All, testers' previews
	OK     map[int]uint64  `json:"ok,omitempty"`     // good answers of the split by latency bucket; of ab_test

	recorder *analysis.Recorder // what the readings below are of; nil: none yet
	split    analysis.Totals
	all      analysis.Totals
	spared   uint64
	tested   analysis.Counts
	latency  *analysis.Latencies
}

// take adds what came since the last call. The first one after a start or a restart only begins.
func (o *observed) take(w *watched) {
	split, all := w.now()
	spared, tested := uint64(0), analysis.Counts{}
	if w.arm.Spared != nil {
		spared, tested = w.arm.Spared.Spared(), w.arm.Spared.Previewed()
	}
	if o.recorder == w.arm.Split {
		o.Spared += spared - min(spared, o.spared)
		o.Tested = o.Tested.Add(less(tested, o.tested))
		o.Split = o.Split.Add(split.Sub(o.split).Counts())
		o.All = o.All.Add(all.Sub(o.all).Counts())
	} else {
		o.latency = nil
	}
	o.recorder, o.split, o.all, o.spared, o.tested = w.arm.Split, split, all, spared, tested
}

// less is a without b, and never below zero.
func less(a, b analysis.Counts) analysis.Counts {
	return analysis.Counts{Requests: a.Requests - min(a.Requests, b.Requests), Failed: a.Failed - min(a.Failed, b.Failed)}
}

// takeLatencies does the same for latencies: a sum of 840 counters a shard.
func (o *observed) takeLatencies(w *watched) {
	now := new(analysis.Latencies)
	w.arm.Split.AddLatencies(now)
	if o.latency != nil {
		if o.OK == nil {
			o.OK = map[int]uint64{}
		}
		for i, n := range now.OK {
			if d := n - min(n, o.latency.OK[i]); d > 0 {
				o.OK[i] += d
			}
		}
	}
	o.latency = now
}

// results of one version on each metric.
func (o *observed) results(version string) []ArmResult {
	low, high := wilson(o.Split.Failed, o.Split.Requests)
	n := o.Split.Requests
	out := []ArmResult{
		{Version: version, Metric: "requests", Value: float64(n), Low: float64(n), High: float64(n), Requests: n},
	}
	if n > 0 {
		out = append(out, ArmResult{Version: version, Metric: analysis.ErrorRate, Value: o.Split.Rate(), Low: low, High: high, Requests: n})
	}
	var count [analysis.Buckets]uint64
	answers := uint64(0)
	for i, k := range o.OK {
		if i >= 0 && i < len(count) { // it was read from a file
			count[i] += k
			answers += k
		}
	}
	for _, one := range []struct {
		metric string
		q      float64
	}{{analysis.P50Latency, 0.5}, {analysis.P99Latency, 0.99}} {
		if v, low, high, ok := quantileBetween(&count, one.q); ok {
			out = append(out, ArmResult{Version: version, Metric: one.metric, Value: v, Low: low, High: high, Requests: answers})
		}
	}
	return out
}

// resultsOf are the results of all versions, in their order.
func resultsOf(seen map[string]*observed, order []string) (all []ArmResult) {
	for _, name := range order {
		if o := seen[name]; o != nil {
			all = append(all, o.results(name)...)
		}
	}
	return slices.Clip(all)
}
