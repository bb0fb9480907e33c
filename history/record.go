package history

import (
	"encoding/json"
	"maps"
	"slices"
	"time"
)

// Outcomes of a rollout: the phases of rollout.Status that are ends.
const (
	Promoted   = "promoted"
	RolledBack = "rolled_back"
	Aborted    = "aborted"    // by a person or by the file
	Superseded = "superseded" // a newer start took its place
	Completed  = "completed"  // of a shadow rollout, which promotes nothing
)

// shadow is the strategy that promotes nothing.
const shadow = "shadow"

// CommittedAt is the label that says when the change was committed, in RFC 3339.
const CommittedAt = "committed_at"

// Record is one rollout that ended. Zero times are unknown.
type Record struct {
	ID       string            `json:"id"`
	Service  string            `json:"service"`
	Strategy string            `json:"strategy"`
	Canary   string            `json:"canary"`
	From     string            `json:"from"` // stable when it started
	Config   string            `json:"config_version"`
	Labels   map[string]string `json:"labels,omitempty"` // of the canary when it started
	By       string            `json:"by"`

	CommittedAt time.Time `json:"committed_at,omitzero"` // filled by Add from the label, if that is a time
	StartedAt   time.Time `json:"started_at"`
	EndedAt     time.Time `json:"ended_at"`
	Outcome     string    `json:"outcome"`
	Reason      string    `json:"reason"`

	// FailedAt is the first sign of the failure: the first request that counted against the canary, or
	// else the moment of the cut. RestoredAt is when the last traffic was taken from it.
	FailedAt   time.Time `json:"failed_at,omitzero"`
	RestoredAt time.Time `json:"restored_at,omitzero"`

	// UndoneAt is when a promotion was taken back, by a person or as the new stable breached within its standby.
	UndoneAt   time.Time `json:"undone_at,omitzero"`
	UndoReason string    `json:"undo_reason,omitempty"`

	Stages    []Stage        `json:"stages"`
	Decisions []string       `json:"decisions,omitempty"` // their IDs
	Evidence  map[string]any `json:"evidence,omitempty"`  // the state captured at the end; never changed after Add
}

// Stage is what became of one stage.
type Stage struct {
	Name     string    `json:"name"`
	Weight   float64   `json:"weight"` // percent
	Entered  time.Time `json:"entered_at,omitzero"`
	Left     time.Time `json:"left_at,omitzero"`
	Outcome  string    `json:"outcome"`  // pending | passed | failed | skipped
	Requests uint64    `json:"requests"` // of the canary
}

// maxEvidence bounds the captured state of one record, in bytes of JSON.
const maxEvidence = 64 << 10

// filled is r as it is kept: times in UTC, nothing shared with the caller, nothing that
// keeps the whole history from being written.
func (r Record) filled() Record {
	for _, t := range []*time.Time{&r.CommittedAt, &r.StartedAt, &r.EndedAt, &r.FailedAt, &r.RestoredAt, &r.UndoneAt} {
		*t = t.UTC()
	}
	if committed, err := time.Parse(time.RFC3339, r.Labels[CommittedAt]); err == nil && r.CommittedAt.IsZero() {
		r.CommittedAt = committed.UTC()
	}
	r.Labels = maps.Clone(r.Labels)
	r.Stages = slices.Clone(r.Stages)
	r.Decisions = slices.Clone(r.Decisions)
	if r.Evidence != nil {
		raw, err := json.Marshal(r.Evidence)
		switch {
		case err != nil: // NaN, for one, has no JSON
			r.Evidence = map[string]any{"omitted": err.Error()}
		case len(raw) > maxEvidence:
			r.Evidence = map[string]any{"omitted": "too large", "bytes": len(raw)}
		}
	}
	return r
}

// failed reports whether r is a change that failed: condemned on its way, or taken back after it.
func (r *Record) failed() bool {
	return r.Outcome == RolledBack || r.Outcome == Promoted && !r.UndoneAt.IsZero()
}

// seen reports whether any user was on the canary: a stage with a weight was entered, or it was promoted.
func (r *Record) seen() bool {
	return r.Outcome == Promoted || slices.ContainsFunc(r.Stages, func(s Stage) bool { return s.Weight > 0 && !s.Entered.IsZero() })
}

// restore is the time from the first sign of the failure to the moment when the failing
// version had no traffic any more. Where it never had any, there was nothing to restore.
func (r *Record) restore() (time.Duration, bool) {
	end := r.RestoredAt
	if end.IsZero() {
		end = r.UndoneAt
	}
	if end.IsZero() {
		end = r.EndedAt
	}
	return between(r.FailedAt, end, r.failed() && r.seen())
}

// lead is the time from the commit to the promotion.
func (r *Record) lead() (time.Duration, bool) {
	return between(r.CommittedAt, r.EndedAt, r.Outcome == Promoted)
}

// between is false where a time is unknown, or a clock went backwards.
func between(from, to time.Time, counts bool) (time.Duration, bool) {
	return to.Sub(from), counts && !from.IsZero() && !to.IsZero() && !to.Before(from)
}
