package analysis

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// Prometheus' own histogram is the judge of our buckets.
func TestNativeExportIsWhatPrometheusCounts(t *testing.T) {
	var r Recorder
	theirs := prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "x", NativeHistogramBucketFactor: 1.05, NativeHistogramZeroThreshold: math.Ldexp(1, -20),
	})
	rng := rand.New(rand.NewPCG(3, 4))
	for range 20_000 {
		ns := int64(math.Exp(rng.Float64() * math.Log(6e10)))
		record(&r, rng.Uint32(), 0, ns, Success)
		theirs.Observe(float64(ns) * 1e-9)
	}
	want, got := metric(t, theirs), r.Histogram().Native()
	m, err := prometheus.NewConstNativeHistogram(prometheus.NewDesc("x", "", nil, nil), got.Count, got.Sum,
		got.Positive, nil, got.ZeroCount, got.Schema, got.ZeroThreshold, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	have := metric(t, m)
	if have.GetSchema() != want.GetSchema() || have.GetZeroCount() != want.GetZeroCount() ||
		have.GetSampleCount() != want.GetSampleCount() {
		t.Errorf("schema, zero count, count: %d %d %d, want %d %d %d", have.GetSchema(), have.GetZeroCount(),
			have.GetSampleCount(), want.GetSchema(), want.GetZeroCount(), want.GetSampleCount())
	}
	if math.Abs(have.GetSampleSum()-want.GetSampleSum()) > 1e-6 {
		t.Errorf("sum %g, want %g", have.GetSampleSum(), want.GetSampleSum())
	}
	if !slices.Equal(populations(have), populations(want)) {
		t.Error("bucket populations differ from Prometheus' own")
	}
}

func metric(t *testing.T, m prometheus.Metric) *dto.Histogram {
	t.Helper()
	var out dto.Metric
	if err := m.Write(&out); err != nil {
		t.Fatal(err)
	}
	return out.GetHistogram()
}

// populations lists key and count of each bucket that is not empty.
func populations(h *dto.Histogram) (out [][2]int64) {
	key, i, count := int64(0), 0, int64(0)
	for _, s := range h.GetPositiveSpan() {
		key += int64(s.GetOffset())
		for range s.GetLength() {
			count += h.GetPositiveDelta()[i]
			if count > 0 {
				out = append(out, [2]int64{key, count})
			}
			key, i = key+1, i+1
		}
	}
	return out
}

func TestClassicExport(t *testing.T) {
	var r Recorder
	for _, ms := range []int64{1, 200, 250, 251, 900, 70_000} {
		record(&r, 0, 0, ms*int64(time.Millisecond), Success)
	}
	record(&r, 0, 0, sec/2, ServerError)
	c := r.Histogram().Classic()
	for _, tt := range []struct {
		bound float64
		want  uint64
	}{{0.25, 3}, {0.3535534, 4}, {0.5, 5}, {1, 6}, {64, 6}} {
		if got, ok := c.Buckets[tt.bound]; !ok || got != tt.want {
			t.Errorf("le=%g: %d (present %v), want %d", tt.bound, got, ok, tt.want)
		}
	}
	if c.Count != 7 || len(c.Buckets) != 33 || math.Abs(c.Sum-72.102) > 1e-6 {
		t.Errorf("count %d, %d bounds, sum %g", c.Count, len(c.Buckets), c.Sum)
	}
	if only := r.Histogram().Classic(ClassOK); only.Count != 6 {
		t.Errorf("good answers: %d, want 6", only.Count)
	}
	if _, err := prometheus.NewConstHistogram(prometheus.NewDesc("x", "", nil, nil), c.Count, c.Sum, c.Buckets); err != nil {
		t.Error(err)
	}
}
