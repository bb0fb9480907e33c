package rollout

import (
	"slices"
	"strconv"
	"time"
)

// run is one rollout: what it is to do and where it stands. It is a value, saved
// with the service; begin makes it and advance alone changes it, into a copy.
// The zero value is no rollout.
//
// The task that is outstanding has the number Task. A task with another number
// is void: its context ends, its result is stale, and a shift or promotion that
// is not in force yet must not come into force.
type run struct {
	ID        string    `json:"id"`
	By        string    `json:"by"`
	StartedAt time.Time `json:"started_at"`
	EndedAt   time.Time `json:"ended_at,omitzero"`
	Plan      itinerary `json:"plan"`

	Phase   Phase  `json:"phase"`
	Reason  string `json:"reason"`
	Waiting string `json:"waiting_for,omitempty"`

	Station  station    `json:"station"`
	Stage    int        `json:"stage"` // index; -1: before the first; len(Stages): at the promotion
	Stages   []progress `json:"stages"`
	WeightBP int        `json:"weight_bp"`          // of the canary, in force
	Entered  int        `json:"entered"`            // index of the stage that WeightBP belongs to; -1: none
	RiseBP   int        `json:"rise_bp,omitempty"`  // what the outstanding shift rises to
	Task     uint64     `json:"task,omitempty"`     // outstanding; 0: none
	Tasks    uint64     `json:"tasks,omitempty"`    // numbers given so far
	Question uint64     `json:"question,omitempty"` // questions asked so far; the same one keeps its key

	Last    time.Time     `json:"last"`              // of the last tick; all times below are counted by ticks
	Counted time.Duration `json:"counted,omitempty"` // at the gate
	Waited  time.Duration `json:"waited,omitempty"`  // without progress in this stage, of max_wait
	Retry   time.Duration `json:"retry,omitempty"`   // left until the station's task is asked again
	Hold    time.Duration `json:"hold,omitempty"`    // left of a breach under action alert
	Standby time.Duration `json:"standby,omitempty"` // left, once promoted

	Open     bool     `json:"open,omitempty"`     // a window was open at the last tick
	Cut      bool     `json:"cut,omitempty"`      // the canary was cut at the last tick
	Paused   bool     `json:"paused,omitempty"`   // no rise until resume
	Failed   bool     `json:"failed,omitempty"`   // paused by a failure: resume begins the station, or its stage, anew
	Approved bool     `json:"approved,omitempty"` // the gate ahead is passed
	Full     bool     `json:"full,omitempty"`     // on the way to the promotion without hooks, windows and gates
	Undone   bool     `json:"undone,omitempty"`   // after the promotion
	Told     []string `json:"told,omitempty"`     // waits of this stage that were told; never written in place
}

// progress is how one stage went.
type progress struct {
	State     string        `json:"state"` // as in StageStatus
	Spent     time.Duration `json:"spent,omitempty"`
	Requests  uint64        `json:"requests,omitempty"`
	EnteredAt time.Time     `json:"entered_at,omitzero"`
	LeftAt    time.Time     `json:"left_at,omitzero"`
}

// station is a place on a run's way. At most of them a run has one task.
type station string

const (
	atConfirmRollout   station = PointConfirmRollout
	atPreflight        station = "preflight"
	atSmoke            station = "smoke_tests" // before the first stage
	atBeforeRollout    station = PointBeforeRollout
	atEntry            station = "entry" // of a stage or of the promotion: a window and endpoints
	atApproval         station = "approval"
	atBeforeStage      station = PointBeforeStage
	atBeforeTest       station = PointBeforeTestTraffic
	atTest             station = "test" // smoke tests between the hooks of test traffic
	atAfterTest        station = PointAfterTestTraffic
	atShift            station = "shift"
	atStage            station = "stage" // the stage has its weight
	atConfirmStage     station = PointConfirmStage
	atAfterStage       station = PointAfterStage
	atConfirmPromotion station = PointConfirmPromotion
	atPromotion        station = "promotion"
	atEnd              station = "end"
)

// clone copies what advance may change.
func (r *run) clone() run {
	c := *r
	c.Stages = slices.Clone(r.Stages)
	return c
}

// live reports whether there is a run that has not ended.
func (r *run) live() bool { return r.ID != "" && !r.Phase.Ended() }

// inStandby reports whether the stable from before is kept warm.
func (r *run) inStandby() bool { return r.Phase == PhasePromoted && r.Standby > 0 }

// key is the idempotency key of the outstanding task: the same after a restart
// and after a pause, another for every new question.
func (r *run) key() string {
	return r.ID + "/" + string(r.Station) + "/" + r.stageName() + "/" + strconv.FormatUint(r.Question, 10)
}

// stageName is the present stage's; "" before the first and at the promotion.
func (r *run) stageName() string {
	if r.Stage < 0 || r.Stage >= len(r.Plan.Stages) {
		return ""
	}
	return r.Plan.Stages[r.Stage].Name
}
