package rollout

import "time"

// phase is where r stands for people, from where it stands exactly.
func (r *run) phase() Phase {
	switch {
	case r.Phase.Ended():
		return r.Phase
	case r.Paused:
		return PhasePaused
	}
	switch r.Waiting {
	case "approval", "window", "endpoints", "disk":
		return PhaseWaiting
	case "hook":
		if confirming(r.Station) && r.told("hook") {
			return PhaseWaiting
		}
	}
	if r.Entered < 0 && r.WeightBP == 0 && !r.promoting() {
		return PhaseChecking
	}
	return PhaseRunning
}

// status is what the run itself knows of a Status.
func (r *run) status() Status {
	s := Status{
		ID: r.ID, Strategy: r.Plan.Strategy, Canary: r.Plan.Canary, From: r.Plan.From,
		Phase: r.Phase, Reason: r.Reason, Waiting: r.Waiting, Gate: r.gate(),
		Stage: min(r.Stage, len(r.Stages)-1), Weight: float64(r.WeightBP) / 100,
		By: r.By, StartedAt: r.StartedAt, EndedAt: r.EndedAt, DeadlineAt: r.deadline(), StandbyUntil: r.standbyUntil(),
	}
	for i, p := range r.Stages {
		l := r.Plan.Stages[i]
		s.Stages = append(s.Stages, StageStatus{
			Name: l.Name, Weight: float64(l.WeightBP) / 100, State: p.State,
			Duration: l.Duration.Seconds(), Spent: p.Spent.Seconds(), MinRequests: l.MinRequests, Requests: p.Requests,
			EnteredAt: p.EnteredAt, LeftAt: p.LeftAt, Approval: l.Approval != nil,
		})
	}
	return s
}

// deadline is about when the run goes on or fails by itself if nothing changes;
// zero: it doesn't, or time stands still for it.
func (r *run) deadline() time.Time {
	switch {
	case !r.live() || r.Paused || r.Waiting == "window":
		return time.Time{}
	case r.Station == atApproval:
		if g := r.gateAhead(); g != nil && g.Timeout > 0 {
			return r.Last.Add(g.Timeout - r.Counted)
		}
		return time.Time{}
	case r.inStage() && r.leg().Lasts && r.Waiting == "approval":
		return time.Time{}
	case r.Waiting == "trip" && r.Held > 0 && r.Quiet == 0:
		return r.Last.Add(min(r.maxWait()-r.Waited, r.maxTrip()-r.Held))
	case r.Waiting != "":
		return r.Last.Add(r.maxWait() - r.Waited)
	}
	return time.Time{}
}
