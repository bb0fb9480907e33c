package admin

import (
	"time"

	"sluice/analysis"
	"sluice/router"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// latency is one histogram in both forms at once: a scraper that speaks
// protobuf takes the native buckets, any other the classic ones. The library's
// constant histograms carry one form each, so Write joins two made of one reading.
type latency struct{ native, classic prometheus.Metric }

// latencyMetric reads a version's latencies, whatever led the requests to it.
func latencyMetric(d *prometheus.Desc, v *router.Version, labels ...string) prometheus.Metric {
	var h analysis.Histogram
	v.Split.AddTo(&h)
	v.Ruled.AddTo(&h)
	n, c := h.Native(), h.Classic()
	native, err := prometheus.NewConstNativeHistogram(d, n.Count, n.Sum, n.Positive, nil, n.ZeroCount,
		n.Schema, n.ZeroThreshold, time.Time{}, labels...)
	if err != nil {
		return prometheus.NewInvalidMetric(d, err)
	}
	classic, err := prometheus.NewConstHistogram(d, c.Count, c.Sum, c.Buckets, labels...)
	if err != nil {
		return prometheus.NewInvalidMetric(d, err)
	}
	return latency{native: native, classic: classic}
}

// Desc implements prometheus.Metric.
func (l latency) Desc() *prometheus.Desc { return l.native.Desc() }

// Write implements prometheus.Metric.
func (l latency) Write(out *dto.Metric) error {
	var classic dto.Metric
	if err := l.classic.Write(&classic); err != nil {
		return err
	}
	if err := l.native.Write(out); err != nil {
		return err
	}
	out.Histogram.Bucket = classic.Histogram.Bucket
	out.Histogram.CreatedTimestamp = nil // unknown: the counters may outlive a reload
	return nil
}
