package rollout

import (
	"fmt"
	"slices"
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
	Reached  int        `json:"reached"`            // highest Stage so far; what is met again has no new time to wait
	RiseBP   int        `json:"rise_bp,omitempty"`  // what the outstanding shift rises to
	Task     uint64     `json:"task,omitempty"`     // outstanding; 0: none
	Tasks    uint64     `json:"tasks,omitempty"`    // numbers given so far
	Question uint64     `json:"question,omitempty"` // questions asked so far; the same one keeps its key

	Last    time.Time     `json:"last"`              // of the last tick; all times below are counted by ticks
	Counted time.Duration `json:"counted,omitempty"` // at the gate
	Waited  time.Duration `json:"waited,omitempty"`  // without progress in this stage, of max_wait
	Retry   time.Duration `json:"retry,omitempty"`   // left until the station's task is asked again
	Hold    time.Duration `json:"hold,omitempty"`    // left in which a breach under action alert is recent
	Standby time.Duration `json:"standby,omitempty"` // left, once promoted
	Held    time.Duration `json:"held,omitempty"`    // tripped, since the last quietPeriod without a trip
	Quiet   time.Duration `json:"quiet,omitempty"`   // without one, since the last
	Trips   int           `json:"trips,omitempty"`   // since the last quietPeriod
	Probes  int           `json:"probes,omitempty"`  // that failed, since then
	Tripped string        `json:"tripped,omitempty"` // what the last trip stood on

	Cut      bool     `json:"cut,omitempty"`      // the canary was cut at the last tick
	Paused   bool     `json:"paused,omitempty"`   // no rise until resume
	Failed   bool     `json:"failed,omitempty"`   // paused by a failure: resume begins the station, or its stage, anew
	Stopped  bool     `json:"stopped,omitempty"`  // a task was broken off: the next one asks the same question
	Moved    bool     `json:"moved,omitempty"`    // a person changed the weight: the next stage sets it even if it is the same
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
	Asked     bool          `json:"asked,omitempty"` // hooks of during_stage have passed at least once
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

// States of a stage.
const (
	stagePending  = "pending"
	stageEntering = "entering"
	stageRunning  = "running"
	stagePassed   = "passed"
	stageFailed   = "failed"
	stageSkipped  = "skipped"
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

// inStage reports whether a stage is being entered or run.
func (r *run) inStage() bool { return r.Stage >= 0 && r.Stage < len(r.Plan.Stages) }

// promoting reports whether all stages are behind.
func (r *run) promoting() bool { return r.Stage >= len(r.Plan.Stages) && r.Stage >= 0 }

// leg is the present stage's; of the promotion the last one's, as it goes on until then.
func (r *run) leg() leg {
	if i := min(r.Stage, len(r.Plan.Stages)-1); i >= 0 {
		return r.Plan.Stages[i]
	}
	return leg{}
}

// gateAhead is what must be approved before the stage, or the promotion; nil: nothing.
func (r *run) gateAhead() *gate {
	switch {
	case r.promoting():
		return r.Plan.Approval
	case r.inStage():
		return r.Plan.Stages[r.Stage].Approval
	}
	return nil
}

// gate is what signed links and Status call the gate at which the run stands; "":
// none. A stage that lasts until somebody decides is the gate of the promotion.
func (r *run) gate() string {
	switch {
	case !r.live():
		return ""
	case r.Station == atStage && r.leg().Lasts, r.Station == atApproval && r.promoting():
		return "promotion"
	case r.Station == atApproval:
		return "stage:" + r.stageName()
	}
	return ""
}

// stageName is the present stage's; "" before the first and at the promotion.
func (r *run) stageName() string {
	if !r.inStage() {
		return ""
	}
	return r.Plan.Stages[r.Stage].Name
}

// told reports whether a wait of this stage was told.
func (r *run) told(about string) bool { return slices.Contains(r.Told, about) }

// where names the present place in a sentence.
func (r *run) where() string {
	switch {
	case r.promoting():
		return "the promotion"
	case r.inStage():
		return "stage " + r.stageName()
	}
	return "the start"
}

// maxWait bounds what is neither progress nor a person's or the calendar's time.
func (r *run) maxWait() time.Duration {
	if r.Plan.MaxWait <= 0 {
		return 2 * time.Hour
	}
	return r.Plan.MaxWait
}

// check reports a run that advance can't have made: one that was damaged on disk.
func (r *run) check() error {
	n := len(r.Plan.Stages)
	switch {
	case r.ID == "":
		return nil
	case len(r.Stages) != n:
		return fmt.Errorf("rollout %s: %d stages of %d", r.ID, len(r.Stages), n)
	case r.Stage < -1 || r.Stage > n || r.Entered < -1 || r.Entered >= n || r.Reached < -1 || r.Reached > n:
		return fmt.Errorf("rollout %s: no stage %d of %d", r.ID, r.Stage, n)
	case r.WeightBP < 0 || r.WeightBP > wholeBP || r.RiseBP < 0 || r.RiseBP > wholeBP:
		return fmt.Errorf("rollout %s: no weight %d", r.ID, max(r.WeightBP, r.RiseBP))
	case !slices.Contains(stations(), r.Station):
		return fmt.Errorf("rollout %s: no place %q", r.ID, r.Station)
	case !r.inStage() && slices.Contains(stageStations(), r.Station):
		return fmt.Errorf("rollout %s: no place %q outside of a stage", r.ID, r.Station)
	case !r.Phase.Ended() && !slices.Contains([]Phase{PhaseChecking, PhaseRunning, PhaseWaiting, PhasePaused}, r.Phase):
		return fmt.Errorf("rollout %s: no phase %q", r.ID, r.Phase)
	}
	for i, l := range r.Plan.Stages {
		if l.WeightBP < 0 || l.WeightBP > wholeBP {
			return fmt.Errorf("rollout %s: stage %d has weight %d", r.ID, i, l.WeightBP)
		}
	}
	return nil
}

func stations() []station {
	return []station{atConfirmRollout, atPreflight, atSmoke, atBeforeRollout, atEntry, atApproval, atBeforeStage, atBeforeTest,
		atTest, atAfterTest, atShift, atStage, atConfirmStage, atAfterStage, atConfirmPromotion, atPromotion, atEnd}
}

// stageStations are those that belong to a stage alone.
func stageStations() []station {
	return []station{atBeforeStage, atBeforeTest, atTest, atAfterTest, atShift, atStage, atConfirmStage, atAfterStage}
}
