package rollout

import (
	"maps"
	"slices"

	"sluice/analysis"
	"sluice/config"
)

// service is what the controller knows of one service. Guarded by its lock.
type service struct {
	name     string
	cfg      *config.Service
	hash     string         // of the unit of weights and stable in the file
	declared config.Weights // that unit
	live     config.Weights // without States: the guard has them
	pending  *pending       // being saved, to be put in force after
	guard    guard
	versions []*watched
	held     bool // a version is tripped: cooldowns run, traffic or not
	busy     bool // had traffic in the last second
	awake    bool // in the controller's awake
	idle     int  // looks since the last traffic
	rate     analysis.Rate
	course   *course           // nil: no rollout yet
	rolled   map[string]string // versions as they were when last rolled out or stable, as a hash; see auto_start
}

// pending is an upward change that must be on disk before it comes into force.
type pending struct {
	weights *config.Weights // nil: unchanged
	version string          // whose state changes; "": none
	state   config.State
}

func (s *service) version(name string) *watched {
	for _, w := range s.versions {
		if w.arm.Version == name {
			return w
		}
	}
	return nil
}

// stable is the watch on the version that is stable now; nil before the first traffic table.
func (s *service) stable() *watched { return s.version(s.live.Stable) }

// weights are the live weights with the states, for people and for the store.
func (s *service) weights() config.Weights {
	w := s.live
	w.BP = maps.Clone(w.BP)
	w.States = map[string]config.State{}
	for _, m := range s.guard.members {
		w.States[m.name] = m.state
	}
	return w
}

// restage lets versions whose weight changes to bp show anew that they are good.
func (s *service) restage(bp map[string]int) {
	for _, w := range s.versions {
		if name := w.arm.Version; w.judge != nil && bp[name] != s.live.BP[name] {
			w.stage(s.stageOf(name))
		}
	}
}

// prepare makes the judges that the present state of the service asks for.
func (s *service) prepare() {
	for _, w := range s.versions {
		if w.judge != nil || s.follows() {
			w.prepare(s, savedVersion{})
		}
	}
}

// holds reports whether any version is tripped.
func (g *guard) holds() bool {
	for i := range g.members {
		if g.members[i].state == config.Tripped {
			return true
		}
	}
	return false
}

// configure puts the file's settings into the guard.
func (g *guard) configure(cfg *config.Service, stable string) {
	g.stable = stable
	g.cooldown = cfg.Guard.Trip.Cooldown
	g.tripOff = cfg.Guard.Trip.Off
	g.action = cfg.Guard.Action
	g.checked = cfg.Health != nil
}

// attach looks at the living counters of the service's versions, keeping the
// evidence of those that are the same as before.
func (s *service) attach(arms []analysis.Arm, saved map[string]savedVersion) {
	s.watch(arms)
	for i, arm := range arms {
		w := s.versions[i]
		w.arm = arm
		w.arm.Stable = arm.Version == s.live.Stable
		// A version that never had traffic has no judge: it weighs 6 KiB.
		if s.busy || s.follows() || w.judge != nil || len(saved[arm.Version].Judge) > 0 {
			w.prepare(s, saved[arm.Version])
		}
	}
	stable := s.stable()
	for _, w := range s.versions {
		switch {
		case stable == nil || w == stable:
			w.arm.Trip.Against()
		case w.against != stable.arm.Split:
			w.arm.Trip.Against(stable.arm.Split)
		}
		w.against = nil
		if stable != nil && w != stable {
			w.against = stable.arm.Split
		}
	}
}

// watch lets versions be the watches on arms, in their order; of most services they are that already.
func (s *service) watch(arms []analysis.Arm) {
	is := func(w *watched, arm analysis.Arm) bool {
		return w.arm.Version == arm.Version && w.arm.Split == arm.Split
	}
	if slices.EqualFunc(s.versions, arms, is) {
		return
	}
	versions := make([]*watched, len(arms))
	for i, arm := range arms {
		if w := s.version(arm.Version); w != nil && is(w, arm) {
			versions[i] = w
		} else {
			versions[i] = watch(arm)
		}
	}
	s.versions = versions
}

// refresh re-reads the arms. It costs a few allocations, so it is for services with traffic.
func (s *service) refresh(t Traffic) { s.attach(t.Arms(s.name), nil) }
