package main

import (
	"context"
	"net/url"
	"time"

	"sluice/series"
)

// trendEvery is how often the last minutes are read anew; their steps last ten seconds.
const trendEvery = 5 * time.Second

// trendCells are the widths that a trend is drawn with: where there is room, and elsewhere.
const (
	wideTrend   = 15
	narrowTrend = 8
)

// trends are the last five minutes of versions, by service and version. The zero value has none.
type trends struct {
	of   map[string]map[string]trend
	read time.Time
}

// trend is what a version did, step by step, the newest last.
type trend struct{ rps, failed []float64 } // per second; 0..1

// refresh reads them if it is time. What can't be had, as from a sluice without history,
// leaves the ones from before.
func (t *trends) refresh(ctx context.Context, client *adminClient, service string, now time.Time) {
	if now.Sub(t.read) < trendEvery {
		return
	}
	t.read = now
	query := url.Values{"window": {"5m"}}
	if service != "" {
		query.Set("services", service)
	}
	var fleet series.Fleet
	if client.get(ctx, "/api/v1/series?"+query.Encode(), &fleet) != nil {
		return
	}
	t.of = make(map[string]map[string]trend, len(fleet.Services))
	for _, s := range fleet.Services {
		versions := make(map[string]trend, len(s.Versions))
		for _, v := range s.Versions {
			versions[v.Version] = trendOf(v, fleet.Step)
		}
		t.of[s.Service] = versions
	}
}

func trendOf(v series.BriefLine, step int) (t trend) {
	for i, n := range v.Requests {
		rps, failed := 0.0, 0.0
		if n > 0 && i < len(v.Failed) {
			rps, failed = float64(n)/float64(max(step, 1)), float64(v.Failed[i])/float64(n)
		}
		t.rps, t.failed = append(t.rps, rps), append(t.failed, failed)
	}
	return t
}

// sum adds the versions of a service up.
func (t *trends) sum(service string) (sum trend) {
	for _, v := range t.of[service] {
		if sum.rps == nil {
			sum.rps, sum.failed = make([]float64, len(v.rps)), make([]float64, len(v.rps))
		}
		for i := range min(len(sum.rps), len(v.rps)) {
			sum.rps[i] += v.rps[i]
			sum.failed[i] += v.failed[i] * v.rps[i] // requests that failed, until the end
		}
	}
	for i, rps := range sum.rps {
		if rps > 0 {
			sum.failed[i] /= rps
		}
	}
	return sum
}

// paired makes one value of two neighbours, the newest pair whole: a cell stands for two steps.
func paired(values []float64, join func(a, b float64) float64) []float64 {
	out := make([]float64, len(values)/2)
	first := len(values) % 2
	for i := range out {
		out[i] = join(values[first+2*i], values[first+2*i+1])
	}
	return out
}

func (t trend) rates(cells int) string {
	return spark(paired(t.rps, func(a, b float64) float64 { return (a + b) / 2 }), cells, 0)
}

func (t trend) failures(cells int) string {
	return spark(paired(t.failed, func(a, b float64) float64 { return max(a, b) }), cells, 0.01)
}
