package rollout

import (
	"encoding/json"
	"time"

	"sluice/config"
)

// savedState is the text of state.json.
type savedState struct {
	Schema   int                     `json:"schema"`
	SavedAt  time.Time               `json:"saved_at"`
	Services map[string]savedService `json:"services"`
}

// savedService is what outlives the process of one service.
type savedService struct {
	Declared string                  `json:"declared"` // hash of the file's unit that was in force
	Stable   string                  `json:"stable"`
	Weights  map[string]int          `json:"weights_bp"`
	By       string                  `json:"set_by,omitempty"`
	Reason   string                  `json:"reason,omitempty"`
	At       time.Time               `json:"set_at"`
	Versions map[string]savedVersion `json:"versions,omitempty"`
	Rollout  json.RawMessage         `json:"rollout,omitempty"` // course
	Rolled   map[string]string       `json:"rolled,omitempty"`  // hashes of versions, see auto_start
}

// savedVersion is a version's standing, where it is not plainly active.
type savedVersion struct {
	State  config.State    `json:"state,omitzero"`  // none: active
	Home   config.State    `json:"home,omitzero"`   // where a trip returns to
	Cause  string          `json:"cause,omitempty"` // of a trip
	Level  int             `json:"level,omitempty"` // doublings of its cooldown
	Last   time.Time       `json:"tripped_at,omitzero"`
	Judged string          `json:"judged,omitempty"` // what the evidence is for: judge options
	Staged string          `json:"staged,omitempty"` // and what its stage asks for
	Judge  json.RawMessage `json:"evidence,omitempty"`
}

// savedDecisions is the text of decisions.json.
type savedDecisions struct {
	Schema    int        `json:"schema"`
	Decisions []Decision `json:"decisions"`
}
