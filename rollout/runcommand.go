package rollout

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"sluice/config"
)

// VerbRetry starts the last rollout again, after an end that was no promotion.
const VerbRetry = "retry"

// StartRollout starts a rollout of canary; "" is the one that the file names. A rollout
// that runs is superseded: its weights go to stable first. The canary's quarantine is lifted, and
// what was known against it is forgotten. The start comes into force at once (the canary has no traffic
// yet), and is saved before StartRollout returns if the disk lets it. Errors wrap ErrUnknown, ErrStale,
// ErrConflict or ErrInvalid.
func (c *Controller) StartRollout(cmd Command, canary string) (Status, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, err := c.open(cmd)
	if err != nil {
		return Status{}, err
	}
	return c.start(s, cmd, canary)
}

func (c *Controller) start(s *service, cmd Command, canary string) (Status, error) {
	canary, err := s.candidate(canary)
	if err != nil {
		return Status{}, err
	}
	plan, err := compile(s.cfg, canary, s.live.Stable)
	if err != nil {
		return Status{}, err
	}
	if cmd.DryRun {
		r, _ := begin(plan, "", cmd.By, time.Now().UTC())
		st := r.status()
		st.Service, st.Config = s.name, c.config
		return st, nil
	}
	c.beginRollout(s, plan, cmd)
	c.saveAfter()
	return c.status(s), nil
}

// candidate is the version to roll out.
func (s *service) candidate(named string) (string, error) {
	if s.cfg.Rollout == nil {
		return "", fmt.Errorf("service %s has no rollout in its file: %w", s.name, ErrInvalid)
	}
	canary := named
	if canary == "" {
		canary = s.cfg.Rollout.Canary
	}
	if _, known := s.live.BP[canary]; !known {
		return "", fmt.Errorf("got version %q, want one of %s: %w", canary, strings.Join(names(s.live.BP), ", "), ErrUnknown)
	}
	if canary != s.live.Stable {
		return canary, nil
	}
	others := slices.DeleteFunc(names(s.live.BP), func(name string) bool { return name == canary })
	return "", fmt.Errorf("%s of %s is stable already; name the version to roll out, one of %s: version=%s: %w",
		canary, s.name, strings.Join(others, ", "), others[0], ErrConflict)
}

// beginRollout starts a rollout by plan, in place of the present one.
func (c *Controller) beginRollout(s *service, plan itinerary, cmd Command) {
	at := time.Now().UTC()
	if s.rolls() {
		c.feed(s, runInput{at: at, what: runSupersede, by: cmd.By, text: "a newer start by " + cmd.By})
	}
	before := ""
	if s.course != nil {
		before = s.course.Run.ID
		if s.course.task != nil {
			s.course.task.cancel()
		}
	}
	r, todo := begin(plan, runID(s.name, at, before), cmd.By, at)
	s.course = &course{coursed: coursed{Run: r, Config: c.config, Canaries: s.canaries(plan.Canary), Owed: c.owed(s)}}
	if v := versionOf(s.cfg, plan.Canary); v != nil {
		s.course.Labels = maps.Clone(v.Labels)
		s.rolled[v.Name] = fingerprint(v)
	}
	// Whatever weight it has: it is released in a moment, and must earn its share.
	c.lower(s, plan.Canary, 0)
	if plan.Strategy == strategyShadow && c.compare != nil {
		c.compare(s.name)
	}
	c.show(s)
	c.rouse(s)
	s.count(plan.Strategy == strategyABTest)
	c.turn(s, runInput{at: at, what: runVerb, by: cmd.By, text: cmd.Reason}, run{}, r, todo)
}

// canaries counts the versions besides stable that have traffic, canary among them: they
// share the budget of false cuts.
func (s *service) canaries(canary string) int {
	n := 1
	for name, bp := range s.live.BP {
		if bp > 0 && name != canary && name != s.live.Stable {
			n++
		}
	}
	return n
}

// runID names a rollout: when it began, and of what. It sorts by time and is unique in its service.
func runID(service string, at time.Time, before string) string {
	for {
		id := at.UTC().Format("20060102T150405.000") + "-" + service
		if id != before {
			return id
		}
		at = at.Add(time.Millisecond)
	}
}

// RolloutVerb carries out a command on a service's rollout: one of pause, resume, promote,
// promote_full, abort, retry and undo. What brings traffic down is in force for the
// next request when it returns, and is saved before, if the disk lets it; what raises
// it is begun. Errors wrap ErrUnknown, ErrStale, ErrConflict (not where it stands now, or not the run, stage or
// gate that cmd names) or ErrInvalid (no such verb).
func (c *Controller) RolloutVerb(cmd Command, verb string) (Status, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, err := c.open(cmd)
	if err != nil {
		return Status{}, err
	}
	if !slices.Contains(Verbs(), verb) {
		return Status{}, fmt.Errorf("got %q, want one of %s: %w", verb, strings.Join(Verbs(), ", "), ErrInvalid)
	}
	if err := s.meant(cmd); err != nil {
		return Status{}, err
	}
	if verb == VerbRetry {
		return c.retry(s, cmd)
	}
	if err := s.permits(verb); err != nil {
		return Status{}, err
	}
	in := runInput{at: time.Now().UTC(), what: runVerb, verb: verb, by: cmd.By, text: cmd.Reason, moved: s.displaced()}
	if cmd.DryRun {
		next, _ := advance(s.course.Run, in)
		st := next.status()
		st.Service, st.Config = s.name, s.course.Config
		return st, nil
	}
	c.feed(s, in)
	c.saver.kick()
	c.saveAfter()
	if s.course == nil {
		return Status{}, nil
	}
	return c.status(s), nil
}

// Verbs that RolloutVerb knows.
func Verbs() []string {
	return []string{VerbPause, VerbResume, VerbPromote, VerbPromoteFull, VerbAbort, VerbRetry, VerbUndo}
}

// meant reports whether the rollout of s is the one, and stands at the stage and gate, that cmd names.
func (s *service) meant(cmd Command) error {
	if s.course == nil {
		return fmt.Errorf("service %s has no rollout: %w", s.name, ErrConflict)
	}
	st := s.course.Run.status()
	switch {
	case cmd.Run != "" && cmd.Run != st.ID:
		return fmt.Errorf("got rollout %s, but the present one of %s is %s: %w", cmd.Run, s.name, st.ID, ErrConflict)
	case cmd.Gate != "" && cmd.Gate != st.Gate:
		return fmt.Errorf("rollout %s does not wait for %s: it is %s: %s: %w", st.ID, cmd.Gate, st.Phase, st.Reason, ErrConflict)
	case cmd.Stage != "" && (st.Stage < 0 || cmd.Stage != st.Stages[st.Stage].Name):
		return fmt.Errorf("rollout %s is not at stage %s: it is %s: %s: %w", st.ID, cmd.Stage, st.Phase, st.Reason, ErrConflict)
	case cmd.Stage != "" && cmd.Gate == "" && st.Gate != "":
		return fmt.Errorf("rollout %s waits for approval of %s, which was not meant: %w", st.ID, st.Gate, ErrConflict)
	}
	return nil
}

// permits reports why verb has no meaning now.
func (s *service) permits(verb string) error {
	r := &s.course.Run
	if err := r.allows(verb); err != nil {
		return err
	}
	if verb != VerbUndo || r.live() {
		return nil
	}
	if _, known := s.live.BP[r.Plan.From]; !known {
		return fmt.Errorf("%s has left the file and can't be stable again: %w", r.Plan.From, ErrConflict)
	}
	if m := s.guard.member(r.Plan.From); m != nil && m.state == config.Quarantined {
		return fmt.Errorf("%s is quarantined: set it to active first: %w", r.Plan.From, ErrConflict)
	}
	if s.live.Stable != r.Plan.Canary {
		return fmt.Errorf("%s is stable, not %s: there is nothing to undo: %w", s.live.Stable, r.Plan.Canary, ErrConflict)
	}
	return nil
}

// displaced reports whether the canary has another weight than its paused rollout gave it: a person's.
func (s *service) displaced() bool {
	r := &s.course.Run
	return s.rolls() && r.Plan.Canary != s.live.Stable && s.live.BP[r.Plan.Canary] != r.WeightBP
}

// retry starts the rollout that ended anew.
func (c *Controller) retry(s *service, cmd Command) (Status, error) {
	r := &s.course.Run
	switch {
	case r.live():
		return Status{}, fmt.Errorf("rollout %s is %s; retry is for one that has ended without a promotion: %w", r.ID, r.Phase, ErrConflict)
	case r.Phase == PhasePromoted:
		return Status{}, fmt.Errorf("rollout %s is promoted: %s is stable: %w", r.ID, r.Plan.Canary, ErrConflict)
	}
	return c.start(s, cmd, r.Plan.Canary)
}
