package rollout

import (
	"fmt"
	"slices"
	"time"
)

// How many decisions are kept; the oldest go first.
const (
	decisionsPerService = 200
	decisionsInAll      = 2000
)

// Decision is one verdict or trip with everything it stands on.
type Decision struct {
	ID       string         `json:"id"`
	Time     time.Time      `json:"time"`
	Service  string         `json:"service"`
	Version  string         `json:"version"`
	Kind     string         `json:"kind"`   // trip | restore | verdict | alert | endpoint | rollout
	Action   string         `json:"action"` // cut | quarantine | pause | alert | restore | eject | switch_back | rollback | abort | promote
	Metric   string         `json:"metric,omitempty"`
	Summary  string         `json:"summary"` // one sentence for people
	Evidence map[string]any `json:"evidence"`
}

// RollbackKey labels a count of cuts. Reason is trip (failed attempts), hang,
// health, the metric of a verdict, rollout (a stage, check or hook failed) or undo.
type RollbackKey struct{ Service, Version, Reason string }

// decisions is what was decided, oldest first. Guarded by the controller's lock.
type decisions struct {
	list    []Decision
	seq     uint64
	changed bool // since they were last saved
}

// add stamps and keeps d, and returns its id.
func (ds *decisions) add(d Decision) string {
	d.Time = d.Time.UTC()
	ds.seq++
	d.ID = fmt.Sprintf("%s-%d", d.Time.Format("20060102T150405.000"), ds.seq)
	ds.list = append(ds.list, d)
	ds.changed = true
	ofService, oldest := 0, -1
	for i := range ds.list {
		if ds.list[i].Service == d.Service {
			if ofService++; oldest < 0 {
				oldest = i
			}
		}
	}
	switch {
	case ofService > decisionsPerService:
		ds.list = slices.Delete(ds.list, oldest, oldest+1)
	case len(ds.list) > decisionsInAll:
		ds.list = slices.Delete(ds.list, 0, 1)
	}
	return d.ID
}

// of returns a service's decisions, newest first.
func (ds *decisions) of(service string) []Decision {
	var out []Decision
	for _, d := range slices.Backward(ds.list) {
		if d.Service == service {
			out = append(out, d)
		}
	}
	return out
}
