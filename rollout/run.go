package rollout

import (
	"time"

	"sluice/analysis"
)

// Phase is where a rollout stands.
type Phase string

// The phases. The last five are ends: a run in one of them moves no weight by itself
// any more, but that a promoted one goes back if its new stable breaches within the standby.
const (
	PhaseChecking   Phase = "checking"    // before the first stage: preflight, smoke tests, hooks
	PhaseRunning    Phase = "running"     // a stage has its weight and gathers evidence
	PhaseWaiting    Phase = "waiting"     // for approval, a window, a confirmation, endpoints, the disk
	PhasePaused     Phase = "paused"      // by a person, by a breach under action: pause, or by on_failure: pause
	PhasePromoted   Phase = "promoted"    // the canary is stable now
	PhaseRolledBack Phase = "rolled_back" // failed; the canary has no traffic
	PhaseAborted    Phase = "aborted"     // stopped by a person or by the file; the canary has no traffic
	PhaseSuperseded Phase = "superseded"  // a newer start took its place
	PhaseCompleted  Phase = "completed"   // of shadow: the report is there, nothing was to be promoted
)

// Ended reports whether p is an end.
func (p Phase) Ended() bool {
	switch p {
	case PhasePromoted, PhaseRolledBack, PhaseAborted, PhaseSuperseded, PhaseCompleted:
		return true
	}
	return false
}

// Points of a rollout, as hooks name them.
const (
	PointConfirmRollout    = "confirm_rollout"
	PointBeforeRollout     = "before_rollout"
	PointBeforeTestTraffic = "before_test_traffic"
	PointAfterTestTraffic  = "after_test_traffic"
	PointBeforeStage       = "before_stage"
	PointDuringStage       = "during_stage"
	PointConfirmStage      = "confirm_stage"
	PointAfterStage        = "after_stage"
	PointConfirmPromotion  = "confirm_promotion"
	PointRollback          = "rollback"
	PointRollbackFailed    = "rollback_failed" // a hook of rollback failed: the emergency procedure
	PointAfterRollout      = "after_rollout"
	PointEvent             = "event"
	PointRollbackQuery     = "rollback_query" // hooks of rollback in flagger's format: a 2xx asks to roll back
)

// Status is a rollout as people and programs see it. The zero value: there was none.
type Status struct {
	ID       string `json:"id"`
	Service  string `json:"service"`
	Strategy string `json:"strategy"`
	Canary   string `json:"canary"`
	From     string `json:"from"` // stable when it started
	Phase    Phase  `json:"phase"`
	Reason   string `json:"reason"`                // one sentence: why it stands here
	Waiting  string `json:"waiting_for,omitempty"` // approval | window | hook | smoke_tests | preflight | endpoints | evidence | trip | disk | standby
	Gate     string `json:"gate,omitempty"`        // of approval: what is approved, "stage:expansion" or "promotion"; part of signed links

	Stage  int           `json:"stage"` // index into Stages; -1: before the first
	Stages []StageStatus `json:"stages"`
	Weight float64       `json:"weight"` // of the canary, wanted by the rollout, in percent

	By           string    `json:"by"`
	StartedAt    time.Time `json:"started_at"`
	EndedAt      time.Time `json:"ended_at,omitzero"`
	DeadlineAt   time.Time `json:"deadline_at,omitzero"`   // of the gate or of max_wait, about
	StandbyUntil time.Time `json:"standby_until,omitzero"` // until when the old stable can come back by itself

	Promotion *analysis.Promotion `json:"promotion,omitempty"` // evidence for passing the stage that runs
	Checks    []Check             `json:"checks,omitempty"`    // of preflight
	Smoke     []SmokeResult       `json:"smoke_tests,omitempty"`
	Hooks     []HookResult        `json:"hooks,omitempty"`   // the newest 50, oldest first
	Results   []ArmResult         `json:"results,omitempty"` // of ab_test
	Shadow    *ShadowResult       `json:"shadow,omitempty"`  // of shadow
	Labels    map[string]string   `json:"labels,omitempty"`  // of the canary when it started
	Config    string              `json:"config_version"`
}

// StageStatus is one stage of a Status.
type StageStatus struct {
	Name        string    `json:"name"`
	Weight      float64   `json:"weight"`
	State       string    `json:"state"` // pending | entering | running | passed | failed | skipped
	Duration    float64   `json:"duration_s"`
	Spent       float64   `json:"spent_s"` // under observation, at its weight
	MinRequests uint64    `json:"min_requests"`
	Requests    uint64    `json:"requests"` // of the canary, in this stage
	EnteredAt   time.Time `json:"entered_at,omitzero"`
	LeftAt      time.Time `json:"left_at,omitzero"`
	Approval    bool      `json:"approval"` // needed to enter
}

// Check is one finding of preflight.
type Check struct {
	Name     string `json:"name"`
	Severity string `json:"severity"` // critical | warning
	OK       bool   `json:"ok"`
	Message  string `json:"message"`
}

// SmokeResult is one smoke test against one endpoint.
type SmokeResult struct {
	Name     string  `json:"name"`
	Endpoint string  `json:"endpoint"`
	OK       bool    `json:"ok"`
	Status   int     `json:"status,omitempty"`
	Took     float64 `json:"took_ms"`
	Message  string  `json:"message,omitempty"` // what was got and what was wanted
}

// HookResult is one hook's call, all its attempts.
type HookResult struct {
	Time     time.Time `json:"time"`
	Name     string    `json:"name"`
	Point    string    `json:"point"`
	Stage    string    `json:"stage,omitempty"`
	OK       bool      `json:"ok"`
	Status   int       `json:"status,omitempty"`
	Attempts int       `json:"attempts"`
	Took     float64   `json:"took_ms"`
	Message  string    `json:"message,omitempty"`
}

// ArmResult is what an A/B test shows of one version on one metric, with a 95 % confidence interval.
type ArmResult struct {
	Version  string  `json:"version"`
	Metric   string  `json:"metric"` // error_rate | p50_latency | p99_latency | requests
	Value    float64 `json:"value"`  // a ratio, or milliseconds
	Low      float64 `json:"low"`
	High     float64 `json:"high"`
	Requests uint64  `json:"requests"`
}

// ShadowResult is where the comparison of a shadow rollout stands.
type ShadowResult struct {
	Mirrored  uint64  `json:"mirrored"`
	Compared  uint64  `json:"compared"`
	Differing uint64  `json:"differing"`
	Noise     float64 `json:"noise"`      // share of stable's answers that differ from stable's own, 0..1
	Excess    float64 `json:"difference"` // share that differs beyond the noise, 0..1
	Reported  bool    `json:"reported"`   // the difference exceeds the noise by 20 % of it and 0.03 %
}

// Situation is what the world outside is told of a rollout when it is asked
// something. Immutable.
type Situation struct {
	ID, Service, Strategy, Canary, Stable string
	Phase                                 Phase
	Point                                 string
	Stage                                 string  // "": none
	Weight                                float64 // of the canary, in percent
	Key                                   string  // idempotency: the same for the same question, also after a restart
	Reason                                string
	Labels                                map[string]string
	ConfigVersion                         string
	Evidence                              map[string]any // verdict, promotion, counts; what a Decision holds
	Event                                 *Event         // of PointEvent
}
