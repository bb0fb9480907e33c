package rollout

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"sluice/config"
)

// Command is a change asked for by a person or a program.
type Command struct {
	Service string
	By      string // who, for the record: "api:ci"
	Reason  string
	IfMatch string // ETag; "" or "*" match anything
	DryRun  bool   // check, and return what would be

	// Of RolloutVerb: the run, the stage by its name, and the gate that it is meant for; "": whatever there is.
	// A Stage without a Gate is meant for that stage with nothing to approve. A rollout that stands elsewhere
	// by now is ErrConflict: an approval that comes late must not pass the stage after, and who passes a stage
	// must not pass a gate that they never saw.
	Run, Stage, Gate string
}

const wholeBP = 10000

// SetWeights replaces the weights. bp must name known versions and sum to 10000;
// versions left out get 0. Weights of a version that is cut are wanted, not in
// force: its share stays 0. If the weight of a version other than stable rises,
// the change is saved before it comes into force, and fails if it cannot be;
// otherwise it comes into force at once, and is saved before SetWeights returns if
// the disk lets it. While a rollout runs, unless it is paused, weights are its own: ErrConflict.
// Errors wrap ErrUnknown, ErrStale, ErrConflict or ErrInvalid; any other error is the disk's.
func (c *Controller) SetWeights(cmd Command, bp map[string]int) (config.Weights, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, err := c.open(cmd)
	if err != nil {
		return config.Weights{}, err
	}
	full, err := s.complete(bp)
	if err != nil {
		return config.Weights{}, err
	}
	if err := s.steered(); err != nil {
		return config.Weights{}, err
	}
	next := config.Weights{Stable: s.live.Stable, BP: full, By: cmd.By, Reason: cmd.Reason, At: time.Now().UTC()}
	if cmd.DryRun {
		next.States = s.weights().States
		return next, nil
	}
	rises := s.rises(full)
	if rises {
		err := c.saveFirst(s, &pending{weights: &next})
		if err == nil {
			err = s.steered() // it may have been resumed meanwhile
		}
		if err != nil {
			return config.Weights{}, fmt.Errorf("weights of %s are unchanged: %w", s.name, err)
		}
	}
	if err := c.put(s, next); err != nil {
		return config.Weights{}, fmt.Errorf("weights of %s are unchanged: %w", s.name, err)
	}
	after := s.weights()
	if !rises {
		c.saveAfter()
	}
	return after, nil
}

// steered reports whether the weights are a rollout's to set.
func (s *service) steered() error {
	if !s.rolls() || s.course.Run.Paused {
		return nil
	}
	return fmt.Errorf("rollout %s of %s sets the weights while it runs: pause or abort it first: %w", s.course.Run.ID, s.name, ErrConflict)
}

// put brings weights into force at once, whatever was being saved.
func (c *Controller) put(s *service, next config.Weights) error {
	s.pending = nil
	if err := c.traffic.SetWeights(s.name, next); err != nil {
		return err
	}
	s.restage(next.BP)
	s.live = next
	c.saver.kick()
	c.journal.Add(Event{Type: "weights", Service: s.name, By: next.By, Message: "weights set to " + list(next),
		Fields: map[string]any{"weight": weightFields(next), "reason": next.Reason}})
	return nil
}

// SetState sets a version's state: active, drain or off; active releases a
// trip, or a quarantine, and then the evidence begins anew. It is saved before it
// comes into force, and fails if it cannot be; drain and off come into force at
// once, and are saved before SetState returns if the disk lets them. Errors are those of SetWeights; ErrConflict is also that no active
// version would be left.
func (c *Controller) SetState(cmd Command, version string, state config.State) (config.Weights, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, err := c.open(cmd)
	if err != nil {
		return config.Weights{}, err
	}
	if err := s.allows(version, state); err != nil {
		return config.Weights{}, err
	}
	if cmd.DryRun {
		w := s.weights()
		w.States[version] = state
		return w, nil
	}
	if state == config.Active && s.guard.member(version).state != config.Active {
		if err := c.saveFirst(s, &pending{version: version, state: state}); err != nil {
			return config.Weights{}, fmt.Errorf("state of %s of %s is unchanged: %w", version, s.name, err)
		}
		if err := s.allows(version, state); err != nil { // a reload may have come between
			return config.Weights{}, err
		}
	}
	s.pending = nil
	c.step(s, input{at: time.Now(), what: order, version: version, state: state}, facts{order: cmd})
	c.saver.kick()
	after := s.weights()
	if state != config.Active {
		c.saveAfter()
	}
	return after, nil
}

// open finds the service of cmd, if its split is still what the caller saw.
func (c *Controller) open(cmd Command) (*service, error) {
	s := c.services[cmd.Service]
	if s == nil {
		return nil, fmt.Errorf("service %q: %w", cmd.Service, ErrUnknown)
	}
	live, ok := c.traffic.Weights(cmd.Service)
	if !ok {
		return nil, fmt.Errorf("service %q: %w", cmd.Service, ErrUnknown)
	}
	if !matches(cmd.IfMatch, etag(live)) {
		return nil, fmt.Errorf("service %q: got %s, want %s: %w", cmd.Service, cmd.IfMatch, etag(live), ErrStale)
	}
	return s, nil
}

// complete checks weights and fills in the versions left out.
func (s *service) complete(bp map[string]int) (map[string]int, error) {
	full := make(map[string]int, len(s.live.BP))
	for name := range s.live.BP {
		full[name] = 0
	}
	sum := 0
	for _, name := range names(bp) {
		if _, known := full[name]; !known {
			return nil, fmt.Errorf("got version %q, want one of %s: %w", name, strings.Join(names(s.live.BP), ", "), ErrUnknown)
		}
		if bp[name] < 0 || bp[name] > wholeBP {
			return nil, fmt.Errorf("weight of %s: got %s, want 0 to 100: %w", name, share(bp[name]), ErrInvalid)
		}
		full[name] = bp[name]
		sum += bp[name]
	}
	if sum != wholeBP {
		return nil, fmt.Errorf("weights of %s: got a sum of %s, want 100: %w", s.name, share(sum), ErrInvalid)
	}
	return full, nil
}

// rises reports whether a version other than stable gets more than it has.
func (s *service) rises(bp map[string]int) bool {
	for name, weight := range bp {
		if name != s.live.Stable && weight > s.live.BP[name] {
			return true
		}
	}
	return false
}

// allows checks a person's order.
func (s *service) allows(version string, state config.State) error {
	m := s.guard.member(version)
	switch {
	case m == nil:
		return fmt.Errorf("got version %q, want one of %s: %w", version, strings.Join(names(s.live.BP), ", "), ErrUnknown)
	case !slices.Contains([]config.State{config.Active, config.Draining, config.Off}, state):
		return fmt.Errorf("got state %s, want active, drain or off: only the guard sets the others: %w", state, ErrInvalid)
	case state != config.Active && !s.guard.spare(m, false):
		return fmt.Errorf("%s is the last active version of %s: set another one to active first: %w", version, s.name, ErrConflict)
	case state != config.Active && m.state == config.Quarantined:
		return fmt.Errorf("%s of %s is quarantined: only state active releases it: %w", version, s.name, ErrConflict)
	}
	return nil
}

// saveFirst writes what is live with p in it. The lock is free meanwhile, so
// that a slow disk holds up nothing else; whoever changes the service in that
// time wins, and p fails with ErrConflict.
func (c *Controller) saveFirst(s *service, p *pending) error {
	if c.saver.store == nil {
		return nil
	}
	s.pending = p
	c.mu.Unlock()
	err := c.saver.wait(saveTimeout)
	c.mu.Lock()
	if c.services[s.name] != s || s.pending != p {
		return fmt.Errorf("a later change came while this one was being saved: %w", ErrConflict)
	}
	s.pending = nil
	if err != nil {
		c.saver.kick() // it may be on disk nevertheless
		return fmt.Errorf("it could not be saved: %w", err)
	}
	return nil
}

// saveAfter waits until what is in force is on disk as well, so that an answer
// outlives a crash. The lock is free meanwhile. A disk that fails or hangs takes
// nothing back: the saver tells of it and tries again.
func (c *Controller) saveAfter() {
	if !c.saver.runs() {
		return // Run will save what has been asked for
	}
	c.mu.Unlock()
	_ = c.saver.wait(saveGrace) // tellStore has told
	c.mu.Lock()
}

// weightFields are weights as people write them, for events.
func weightFields(w config.Weights) map[string]any {
	out := make(map[string]any, len(w.BP))
	for name, bp := range w.BP {
		out[name] = float64(bp) / 100
	}
	return out
}
