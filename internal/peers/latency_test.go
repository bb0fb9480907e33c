package peers

import (
	"math"
	"testing"
)

var bounds = []float64{0.1, 0.2, 0.4, 0.8, 1.6}

// slow puts nc and nb requests a second into the cells of 0.1–0.2 s, and late of the
// canary's into that of 0.4–0.8 s.
func slow(nc, late, nb uint32) stream {
	return func(int) Second {
		return Second{
			CanaryLatency: []uint32{0, nc - late, 0, late, 0, 0},
			StableLatency: []uint32{0, nb, 0, 0, 0, 0},
		}
	}
}

func TestLatencyRules(t *testing.T) {
	for _, tt := range []struct {
		name   string
		rule   rule
		stream stream
		want   int
	}{
		{"p99 ratio: a tail of 5 %", NewP99Ratio(2, bounds), slow(100, 5, 900), 60},
		{"p99 ratio: a tail of 0.5 % is beyond p99", NewP99Ratio(2, bounds), slow(200, 1, 900), 0},
		{"p99 ratio: late", NewP99Ratio(2, bounds), from(120, slow(100, 0, 900), slow(100, 100, 900)), 130},
		{"p99 ratio: twenty requests", NewP99Ratio(2, bounds), from(0, nil, func(t int) Second {
			if t%4 != 0 {
				return slow(0, 0, 900)(t)
			}
			return slow(1, 1, 900)(t)
		}), 0},
		{"p99 ratio: no stable", NewP99Ratio(2, bounds), slow(100, 100, 0), 0},
		{"flagger x5", NewFlaggerLatency(0.5, 5, bounds), slow(100, 5, 900), 300},
		{"flagger x1", NewFlaggerLatency(0.5, 1, bounds), slow(100, 5, 900), 60},
		{"flagger x1: fast enough", NewFlaggerLatency(0.5, 1, bounds), slow(100, 0, 900), 0},
		{"flagger x5: silence fails", NewFlaggerLatency(0.5, 5, bounds), slow(0, 0, 900), 300},
	} {
		if got := at(tt.rule, 900, tt.stream); got != tt.want {
			t.Errorf("%s: fired at %d s, want %d", tt.name, got, tt.want)
		}
	}
}

func TestQuantileIsLinearWithinACell(t *testing.T) {
	c := newCells(1, 60, len(bounds)+1)
	c.add([]uint32{0, 50, 50, 0, 0, 0})
	for q, want := range map[float64]float64{0.25: 0.15, 0.5: 0.2, 0.75: 0.3, 1: 0.4} {
		if got := c.quantile(bounds, q); math.Abs(got-want) > 1e-12 {
			t.Errorf("q %g: %g, want %g", q, got, want)
		}
	}
	c.add([]uint32{0, 0, 0, 0, 0, 900})
	if got := c.quantile(bounds, 0.99); got != 1.6 {
		t.Errorf("beyond the last bound: %g", got)
	}
	if got := (&cells{sum: make([]uint64, 6)}).quantile(bounds, 0.99); got != 0 {
		t.Errorf("nothing: %g", got)
	}
}
