package analysis

import "time"

// Arm is one version as the judge sees it: its living counters and standing.
type Arm struct {
	Service, Version string
	Stable           bool
	WeightBP         int       // wanted, hundredths of a percent
	Cut              bool      // tripped or quarantined now
	Split            *Recorder // traffic split by chance or sticky hash
	Ruled            *Recorder // traffic sent by rules
	Trip             *Trip
	Load             *Utilization // what its instances report of themselves; nil: unknown
	Exemplars        *Exemplars   // requests that failed lately; nil: none are kept
	Spared           Sparing      // failures that no user saw, and previews; nil: unknown
}

// Sparing counts, since the version is served, failed first attempts of users that they did not see, as a
// retry or stable answered instead; and first attempts of testers' previews, which are nobody's users.
type Sparing interface {
	Spared() uint64
	Previewed() Counts
}

// Cut tells the controller of a trip that a request, or a probe, decided inline.
type Cut struct {
	Service, Version string
	At               time.Time
	Kind             CutKind
	Evidence         TripEvidence
}

// CutKind is what happened to the version.
type CutKind uint8

// Tripped: share to zero. Restored: the probes passed. Retripped: a probe failed.
const (
	Tripped CutKind = iota
	Restored
	Retripped
)
