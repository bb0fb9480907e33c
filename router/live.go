package router

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"sluice/analysis"
	"sluice/config"
)

// cutsKept is how many cuts wait for a reader before the newest is dropped.
const cutsKept = 256

// Live points at the Table in force. Load never blocks. Store and SetWeights
// serialise writers, so that none loses another's change; states are plain
// stores on the versions. It is what package rollout drives. All methods are safe
// for concurrent use.
type Live struct {
	table atomic.Pointer[Table]
	mu    sync.Mutex // writers of table and splits
	cuts  chan analysis.Cut
	chaos injections
}

// NewLive starts with an empty table.
func NewLive() *Live {
	l := &Live{cuts: make(chan analysis.Cut, cutsKept)}
	l.table.Store(&Table{})
	return l
}

// Load returns the table in force, never nil.
func (l *Live) Load() *Table { return l.table.Load() }

// Store puts t in force, with the states and settings that Build held back, and
// with the latest weights of every split that t takes over. A table belongs to
// one Live. The caller retires the pools of the table before.
func (l *Live) Store(t *Table) {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := l.table.Load()
	for _, s := range t.services {
		s.enter(before.Service(s.Name))
		if s.cuts != l.cuts {
			s.cuts = l.cuts
		}
	}
	l.table.Store(t)
}

// enter takes over from the service in force, if there is one.
func (s *Service) enter(before *Service) {
	for _, v := range s.Versions {
		v.tripOff.Store(s.takeOver.tripOff)
		if st, ok := s.takeOver.states[v.Name]; ok {
			v.restoreState(st)
		}
	}
	if s.takeOver.regroup && before != nil && before.Split != s.Split {
		if d, err := divide(s.names(), before.Split.Weights()); err == nil {
			s.Split.now.Store(d)
		}
	}
	s.takeOver.states, s.takeOver.regroup = nil, false
}

// Services are the names of all services, in file order.
func (l *Live) Services() []string { return slices.Clone(l.Load().names) }

// Arms are a service's versions as the judge sees them; nil for an unknown service.
func (l *Live) Arms(service string) []analysis.Arm {
	s := l.Load().Service(service)
	if s == nil {
		return nil
	}
	d := s.Split.now.Load()
	arms := make([]analysis.Arm, len(s.Versions))
	for i, v := range s.Versions {
		state := v.State()
		arms[i] = analysis.Arm{
			Service:   service,
			Version:   v.Name,
			Stable:    i == d.stable,
			WeightBP:  d.bp[i],
			Cut:       state == config.Tripped || state == config.Quarantined,
			Split:     &v.Split,
			Ruled:     &v.Ruled,
			Trip:      &v.Trip,
			Load:      &v.Load,
			Exemplars: &v.Exemplars,
			Spared:    v,
		}
	}
	return arms
}

// Weights returns a service's live weights, roles and states. The caller may
// keep and change what it gets.
func (l *Live) Weights(service string) (config.Weights, bool) {
	s := l.Load().Service(service)
	if s == nil {
		return config.Weights{}, false
	}
	w := s.Split.Weights()
	w.States = make(map[string]config.State, len(s.Versions))
	for _, v := range s.Versions {
		w.States[v.Name] = v.State()
	}
	return w, true
}

// SetWeights replaces stable and weights of a service (not the states), for the
// next request on. Versions left out get nothing; an empty Stable keeps the one
// in force. An error says what does not fit and changes nothing.
func (l *Live) SetWeights(service string, w config.Weights) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.Load().Service(service)
	if s == nil {
		return fmt.Errorf("set weights: unknown service %q", service)
	}
	if w.Stable == "" {
		w.Stable = s.Split.now.Load().as.Stable
	}
	d, err := divide(s.names(), w)
	if err != nil {
		return fmt.Errorf("set weights of %s: %w", service, err)
	}
	s.Split.now.Store(d)
	return nil
}

// SetState sets a version's state. A plain store: nothing can block it, no
// reload and no other writer. Leaving off, tripped or quarantined for active or
// drain forgets the trip's evidence.
func (l *Live) SetState(service, version string, state config.State) error {
	v, err := l.find(service, version)
	if err != nil {
		return fmt.Errorf("set state: %w", err)
	}
	if state > config.Quarantined {
		return fmt.Errorf("set state of %s %s: %d is no state", service, version, state)
	}
	v.setState(state)
	return nil
}

// Probe lets a tripped version be tried again by a trickle of replayable
// requests, one at a time, shielded by stable; where these do not suffice for
// 3 s, by any request. It does nothing to a version that is not tripped, or already probed. Ten good answers restore it, one bad ends the
// probing; Cuts tells of either.
func (l *Live) Probe(service, version string) {
	v, err := l.find(service, version)
	if err != nil {
		return
	}
	cur := v.standing.Load()
	if cur != nil && cur.state == config.Tripped && !cur.probing {
		v.standing.CompareAndSwap(cur, &standing{state: config.Tripped, back: cur.back, probing: true, since: analysis.Now()})
	}
}

func (l *Live) find(service, version string) (*Version, error) {
	s := l.Load().Service(service)
	if s == nil {
		return nil, fmt.Errorf("unknown service %q", service)
	}
	v := s.version(version)
	if v == nil {
		return nil, fmt.Errorf("service %s: unknown version %q", service, version)
	}
	return v, nil
}

// Cuts tells of trips and probes decided inline; bounded, the newest is dropped when
// nobody reads (states tell the rest).
func (l *Live) Cuts() <-chan analysis.Cut { return l.cuts }
