package analysis

import (
	"math"
	"strings"
	"time"
)

// Metrics that a Criterion may name.
const (
	ErrorRate   = "error_rate"
	SuccessRate = "success_rate"
	P50Latency  = "p50_latency"
	P90Latency  = "p90_latency"
	P95Latency  = "p95_latency"
	P99Latency  = "p99_latency"
	Hangs       = "hangs"
)

// Criterion is one condition on one metric. Which way it points is the metric's: as a
// breach "too much" (success_rate: too little), as a condition of success "little
// enough". Ratio or one of Limit and Latency is set.
type Criterion struct {
	Metric  string
	Ratio   float64       `json:",omitzero"` // relative to stable: 1.5 for "1.5x stable" (success_rate: at most 1)
	Limit   float64       `json:",omitzero"` // absolute: a rate, 0…1; of hangs: how many begin in a minute
	Latency time.Duration `json:",omitzero"` // absolute, of a latency; beyond 64 s nothing is slow
}

// Absolute reports whether stable plays no part in c.
func (c Criterion) Absolute() bool { return c.Ratio == 0 }

// breach is c as people write it, as a condition that condemns: "> 1.5x stable".
func (c Criterion) breach() string { return c.text(c.Metric == SuccessRate) }

// success is c as a condition to pass: "< 1%".
func (c Criterion) success() string { return c.text(c.Metric != SuccessRate) }

func (c Criterion) text(less bool) string {
	op := "> "
	if less {
		op = "< "
	}
	switch {
	case c.Ratio != 0:
		return op + short(c.Ratio) + "x stable"
	case c.latency():
		return op + c.Latency.String()
	case c.Metric == Hangs:
		return op + short(c.Limit)
	}
	return op + short(c.Limit*100) + "%"
}

func (c Criterion) latency() bool { return strings.HasSuffix(c.Metric, "_latency") }

// tail is the share of answers that may be slower than the quantile that the metric
// names; 0 for other metrics.
func (c Criterion) tail() float64 {
	switch c.Metric {
	case P50Latency:
		return 0.5
	case P90Latency:
		return 0.1
	case P95Latency:
		return 0.05
	case P99Latency:
		return 0.01
	}
	return 0
}

// meaningful leaves out what nothing can break, or what cannot be weighed: rates
// outside 0…1, ratios that are not positive and finite, unknown metrics.
func (c Criterion) meaningful() bool {
	finite := func(x float64) bool { return x > 0 && !math.IsInf(x, 1) }
	switch {
	case c.latency():
		return c.tail() > 0 && (finite(c.Ratio) || c.Ratio == 0 && c.Latency > 0)
	case c.Metric == SuccessRate && c.Ratio != 0:
		return c.Ratio > 0 && c.Ratio <= 1
	case c.Ratio != 0:
		return finite(c.Ratio)
	case c.Metric == ErrorRate:
		return c.Limit >= 0 && c.Limit < 1
	case c.Metric == SuccessRate:
		return c.Limit > 0 && c.Limit <= 1
	case c.Metric == Hangs:
		return c.Limit >= 0 && !math.IsInf(c.Limit, 1)
	}
	return false
}
