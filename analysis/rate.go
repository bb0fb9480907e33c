package analysis

import (
	"math"

	"go.uber.org/atomic"
)

// Rate is a failure rate that forgets: a block's weight falls by e in ten blocks
// (10 s). Add belongs to one goroutine, Value may be read by any, without a lock. The
// zero value is ready and reads 0.
type Rate struct {
	recent decaying
	value  atomic.Float64
}

// decaying are counts whose weight falls by e in ten blocks.
type decaying struct {
	Requests float64 `json:"requests"`
	Failed   float64 `json:"failed"`
}

// rateDecay is what a block's weight is multiplied by with every block after it.
var rateDecay = math.Exp(-1.0 / 10)

// crowd is how many good requests are counted into a rate.
const crowd = 10

// Add takes in one block of a second, empty ones included.
func (r *Rate) Add(c Counts) {
	r.recent.add(c)
	r.value.Store(r.recent.rate())
}

// Value is the recent failure rate, 0…1. Ten good requests are counted in, so that one
// failure among few requests isn't taken for a bad version.
func (r *Rate) Value() float64 { return r.value.Load() }

func (d *decaying) add(c Counts) {
	d.Requests = d.Requests*rateDecay + float64(c.Requests)
	d.Failed = d.Failed*rateDecay + float64(c.Failed)
}

func (d *decaying) rate() float64 { return d.Failed / (d.Requests + crowd) }
