package rollout

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"sluice/analysis"
)

const hooksKept = 50 // results of calls in a Status

// course is a service's rollout, the present one or the last that ended: the run
// and all around it that no decision of advance needs. Guarded by the controller's lock.
type course struct {
	coursed
	task     *task     // outstanding; nil: none, or not begun after a restart
	captured time.Time // when Captured was
	asking   bool      // a question of rollback hooks is open
	askAgain time.Time // and when the next one may be asked
	fileWon  bool      // the file's weights have just come into force: an end lowers nothing
}

// coursed is what is saved of a course.
type coursed struct {
	Run       run                  `json:"run"`
	Labels    map[string]string    `json:"labels,omitempty"`
	Config    string               `json:"config_version,omitempty"`
	Canaries  int                  `json:"canaries"` // versions that shared the traffic when it started, besides stable
	Checks    []Check              `json:"checks,omitempty"`
	Smoke     []SmokeResult        `json:"smoke_tests,omitempty"`
	Hooks     []HookResult         `json:"hooks,omitempty"`
	Shadow    *ShadowResult        `json:"shadow,omitempty"`
	From      observed             `json:"from,omitzero"`        // of the canary when its stage began
	Seen      map[string]*observed `json:"seen,omitempty"`       // by version
	Stable    map[string]float64   `json:"stable,omitempty"`     // its figures while it had traffic; see remember
	Decisions []string             `json:"decisions,omitempty"`  // ids, the newest decisionsPerService
	Troubled  time.Time            `json:"troubled_at,omitzero"` // first sign of failure: a trip, suspicion or breach of the canary
	Relieved  time.Time            `json:"relieved_at,omitzero"` // when its weight was 0 after that, or stable was switched back
	Undone    time.Time            `json:"undone_at,omitzero"`   // after the promotion
	Captured  map[string]any       `json:"captured,omitempty"`   // how things were at its failure
	Closing   bool                 `json:"closing,omitempty"`    // ended, and the hooks that follow are not through
	Owed      []ending             `json:"owed,omitempty"`       // of runs before this one, the same
}

// rolls reports whether the service has a rollout that has not ended.
func (s *service) rolls() bool { return s.course != nil && s.course.Run.live() }

// follows reports whether the service is to be looked at every second, also
// without traffic: a rollout runs, or a promotion has its standby.
func (s *service) follows() bool {
	return s.course != nil && (s.course.Run.live() || s.course.Run.inStandby())
}

// canary is the version of the rollout that is looked after; "": none.
func (s *service) canary() string {
	if !s.follows() {
		return ""
	}
	return s.course.Run.Plan.Canary
}

// standsBy is the stable from before a promotion, within its standby; "": none.
func (s *service) standsBy() string {
	if s.course == nil || !s.course.Run.inStandby() {
		return ""
	}
	return s.former()
}

// former is the stable from before the promotion that the present rollout brought about; "": none.
func (s *service) former() string {
	if !s.follows() || s.live.Stable != s.course.Run.Plan.Canary {
		return ""
	}
	if _, known := s.live.BP[s.course.Run.Plan.From]; !known {
		return ""
	}
	return s.course.Run.Plan.From
}

// partner is whom a version is compared with: stable; and stable itself, until its standby is over, with the
// one before, so that its judge keeps its question and what it knows through the promotion. "": nobody.
func (s *service) partner(version string) string {
	if version != s.live.Stable {
		return s.live.Stable
	}
	return s.former()
}

// count adds what each version did since the last look.
func (s *service) count(latencies bool) {
	if s.course.Seen == nil {
		s.course.Seen = map[string]*observed{}
	}
	for _, w := range s.versions {
		o := s.course.Seen[w.arm.Version]
		if o == nil {
			o = new(observed)
			s.course.Seen[w.arm.Version] = o
		}
		o.take(w)
		if latencies {
			o.takeLatencies(w)
		}
	}
}

// save is the text of a course for the state file; nil without one. A figure from outside that has no
// JSON must not cost the rollout: then what was captured is left out.
func (cs *course) save() json.RawMessage {
	if cs == nil {
		return nil
	}
	raw, err := json.Marshal(cs.coursed)
	if err != nil {
		bare := cs.coursed
		bare.Captured, bare.Shadow = nil, nil
		bare.Owed = slices.Clone(cs.Owed)
		for i := range bare.Owed {
			bare.Owed[i].At.Evidence = nil
		}
		raw, _ = json.Marshal(bare) // nothing in it can fail
	}
	return raw
}

// courseOf reads what save wrote. A text that can't be a rollout is an error.
func courseOf(raw json.RawMessage) (*course, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	cs := new(course)
	if err := json.Unmarshal(raw, &cs.coursed); err != nil {
		return nil, fmt.Errorf("rollout: %w", err)
	}
	r := &cs.Run
	if err := r.check(); err != nil {
		return nil, err
	}
	if r.ID == "" || r.Plan.Canary == "" || r.Plan.From == "" || r.Plan.Canary == r.Plan.From {
		return nil, errors.New("rollout: no version to roll out")
	}
	maps.DeleteFunc(cs.Seen, func(_ string, o *observed) bool { return o == nil })
	return cs, nil
}

// keepDecision adds a decision's id. Older ones than are kept of a service lead nowhere: a canary that trips
// every five minutes through a test of months must not grow the state file.
func (cs *course) keepDecision(id string) {
	if cs.Decisions = append(cs.Decisions, id); len(cs.Decisions) > decisionsPerService {
		cs.Decisions = slices.Clone(cs.Decisions[1:])
	}
}

// keepHooks adds results, the newest last.
func (cs *course) keepHooks(results []HookResult) {
	cs.Hooks = append(slices.Clone(cs.Hooks), results...)
	if extra := len(cs.Hooks) - hooksKept; extra > 0 {
		cs.Hooks = cs.Hooks[extra:]
	}
}

// exposure is how many failures users saw of the canary beyond what stable's rate gives for as many
// requests. What a retry or stable answered instead, nobody saw.
func (cs *course) exposure() (more float64, canary, stable analysis.Counts) {
	canary, stable = cs.Seen[cs.Run.Plan.Canary].shown(), cs.Seen[cs.Run.Plan.From].shown()
	return float64(canary.Failed) - stable.Rate()*float64(canary.Requests), canary, stable
}

// shown are the users' requests of o, and the failures that they saw: previews are testers'.
func (o *observed) shown() analysis.Counts {
	if o == nil {
		return analysis.Counts{}
	}
	c := less(o.All, o.Tested)
	c.Failed -= min(c.Failed, o.Spared)
	return c
}
