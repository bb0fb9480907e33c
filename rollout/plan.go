package rollout

import (
	"time"

	"sluice/config"
)

// itinerary is what a run is to do: fixed at its start and saved with it, so
// that a file that changes meanwhile bends no run.
type itinerary struct {
	Strategy string        `json:"strategy"`
	Canary   string        `json:"canary"`
	From     string        `json:"from"` // stable at the start
	Stages   []leg         `json:"stages"`
	Promotes bool          `json:"promotes"` // false: shadow
	Approval *gate         `json:"approval,omitempty"`
	MaxWait  time.Duration `json:"max_wait"`
	MaxTrip  time.Duration `json:"max_tripped,omitempty"`
	Pauses   bool          `json:"pauses"`   // on_failure: pause
	Evidence bool          `json:"evidence"` // false: analysis none
	Standby  time.Duration `json:"standby"`
	Enforce  bool          `json:"enforce"` // a critical finding of preflight stops it
	MaxDiff  float64       `json:"max_difference,omitempty"`

	Alerts bool                     `json:"alerts,omitempty"` // guard.action alert: a breach only holds back the rise
	Asks   map[string]time.Duration `json:"asks,omitempty"`   // by point of hooks that are asked again: how often. Never written
}

// leg is one stage. Of blue_green there is one at weight 0, the preview; of shadow one at
// weight 0; of rolling one for each endpoint.
type leg struct {
	Name        string          `json:"name"`
	WeightBP    int             `json:"weight_bp"`
	Duration    time.Duration   `json:"duration"`
	MinRequests uint64          `json:"min_requests"`
	Endpoints   int             `json:"endpoints"` // of rolling: ready ones needed to enter and to stay; fewer lower the weight to the leg that they carry
	Test        bool            `json:"test"`      // of blue_green: hooks of test traffic and the smoke tests stand around it
	Lasts       bool            `json:"lasts"`     // of ab_test: passes only by promote
	Approval    *gate           `json:"approval,omitempty"`
	Success     config.Criteria `json:"success,omitempty"` // the rollout's, with the stage's own over them
}

// gate is a person's approval. Timeout 0 waits for ever; Promote says what a timeout means.
type gate struct {
	Timeout time.Duration `json:"timeout"`
	Promote bool          `json:"promote"`
}
