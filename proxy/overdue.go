package proxy

import (
	"time"

	"sluice/analysis"
)

// overdueSample is how many good answers tell a version's p99.
const overdueSample = 100

// tellOverdue tells the endpoint once when the request has waited for longer
// than the version's patience. That costs nothing where answers come in time.
func (x *exchange) tellOverdue(now int64) {
	t := &x.try
	age := time.Duration(now - t.sentAt)
	if t.overdue || t.sentAt == 0 || t.headAt != 0 || age < time.Second {
		return
	}
	v := x.choice.Version
	limit := x.choice.Pool.Patience(now, func() time.Duration {
		h := v.Split.Histogram()
		v.Ruled.AddTo(h)
		if h.Total(analysis.ClassOK) < overdueSample {
			return 0
		}
		return h.Quantile(0.99)
	})
	if limit > 0 && age > limit {
		t.overdue = true
		t.endpoint.Overdue(t.sentAt, age)
	}
}
