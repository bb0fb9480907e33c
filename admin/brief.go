package admin

import "sluice/rollout"

// briefView is a rollout in the list of services: enough to say what a service is
// at and whether it waits for a person. GET rollout has the rest.
type briefView struct {
	Phase    rollout.Phase `json:"phase"` // none: the file describes a rollout, and there was none yet
	Strategy string        `json:"strategy"`
	Canary   string        `json:"canary"`
	Stage    int           `json:"stage"`  // as in GET rollout; -1: before the first
	Stages   int           `json:"stages"` // how many there are
	Name     string        `json:"stage_name,omitempty"`
	Waiting  string        `json:"waiting_for,omitempty"`
	Gate     string        `json:"gate,omitempty"`
	Can      []string      `json:"can"` // actions that have a meaning now, never null
}

// briefOf is nil for a service that has no rollout in its file and had none.
func (s *Server) briefOf(service string) *briefView {
	st := s.o.Controller.Rollout(service)
	if st.Phase == "" {
		return s.declaredBrief(service)
	}
	b := &briefView{
		Phase: st.Phase, Strategy: st.Strategy, Canary: st.Canary, Stage: st.Stage, Stages: len(st.Stages),
		Waiting: st.Waiting, Gate: st.Gate, Can: s.o.Controller.Possible(service),
	}
	if st.Stage >= 0 && st.Stage < len(st.Stages) {
		b.Name = st.Stages[st.Stage].Name
	}
	return b
}

// declaredBrief is of a rollout that was never started.
func (s *Server) declaredBrief(service string) *briefView {
	c := s.declared(service)
	if c == nil || c.Rollout == nil {
		return nil
	}
	return &briefView{
		Phase: phaseNone, Strategy: c.Rollout.Strategy, Canary: c.Rollout.Canary, Stage: -1,
		Can: s.o.Controller.Possible(service),
	}
}
