package rollout

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sluice/analysis"
	"sluice/config"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if becomeSaver() || becomeRoller() {
		return
	}
	goleak.VerifyTestMain(m)
}

// lab is a small Traffic of its own: real recorders and trips, versions that
// tests send outcomes to, and states that a trip changes inline.
type lab struct {
	mu       sync.Mutex
	names    []string
	services map[string]*labService
	cuts     chan analysis.Cut
	lossy    bool // notices of cuts are dropped
	probed   []string
	arms     int // calls of Arms
	expelled []string
	stay     error // why no endpoint can be expelled; nil: each can, once
}

type labService struct {
	weights  config.Weights
	versions map[string]*labVersion
	order    []string

	candidate string // what previews show
	standby   string // who takes over from stable
}

type labVersion struct {
	split, ruled analysis.Recorder
	trip         analysis.Trip
	load         analysis.Utilization
	failed       analysis.Exemplars
	spared       atomic.Uint64
	previews     [analysis.Outcomes]atomic.Uint64
	state, back  config.State
	probing      bool
	good         int
	endpoints    []analysis.EndpointCounts // cumulative
}

// Spared are failures that a test says no user saw.
func (v *labVersion) Spared() uint64 { return v.spared.Load() }

// Previewed are what preview sent.
func (v *labVersion) Previewed() analysis.Counts {
	var t analysis.Totals
	for o := range t.ByOutcome {
		t.ByOutcome[o] = v.previews[o].Load()
	}
	return t.Counts()
}

func newLab() *lab {
	return &lab{services: map[string]*labService{}, cuts: make(chan analysis.Cut, 64)}
}

// table brings cfg into force as the router does: versions live on, fresh weights replace.
func (l *lab) table(cfg *config.Config) func(map[string]config.Weights) error {
	return func(fresh map[string]config.Weights) error {
		l.mu.Lock()
		defer l.mu.Unlock()
		before := l.services
		l.services, l.names = map[string]*labService{}, nil
		for _, s := range cfg.Services {
			ls := &labService{versions: map[string]*labVersion{}}
			w, isFresh := fresh[s.Name]
			if old := before[s.Name]; old != nil {
				ls.weights = old.weights
			} else if !isFresh {
				return fmt.Errorf("no weights for the new service %s", s.Name)
			}
			if isFresh {
				ls.weights = w
			}
			for _, v := range s.Versions {
				lv := &labVersion{state: w.States[v.Name]}
				if old := before[s.Name]; old != nil && old.versions[v.Name] != nil {
					lv = old.versions[v.Name]
				}
				ls.versions[v.Name] = lv
				ls.order = append(ls.order, v.Name)
			}
			l.services[s.Name] = ls
			l.names = append(l.names, s.Name)
		}
		return nil
	}
}

func (l *lab) Services() []string { return l.names }

func (l *lab) Arms(service string) []analysis.Arm {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.arms++
	s := l.services[service]
	if s == nil {
		return nil
	}
	var arms []analysis.Arm
	for _, name := range s.order {
		v := s.versions[name]
		arms = append(arms, analysis.Arm{Service: service, Version: name, Stable: name == s.weights.Stable,
			WeightBP: s.weights.BP[name], Cut: v.state == config.Tripped || v.state == config.Quarantined,
			Split: &v.split, Ruled: &v.ruled, Trip: &v.trip, Load: &v.load, Exemplars: &v.failed, Spared: v})
	}
	return arms
}

func (l *lab) Weights(service string) (config.Weights, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.services[service]
	if s == nil {
		return config.Weights{}, false
	}
	w := s.weights
	w.BP, w.States = maps.Clone(w.BP), map[string]config.State{}
	for name, v := range s.versions {
		w.States[name] = v.state
	}
	return w, true
}

func (l *lab) SetWeights(service string, w config.Weights) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.services[service]
	for name, bp := range w.BP {
		if bp != 0 && s.versions[name] == nil { // as the router has it
			return fmt.Errorf("weight of %q: %w", name, ErrUnknown)
		}
	}
	s.weights = w
	return nil
}

func (l *lab) SetState(service, version string, st config.State) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	v := l.services[service].versions[version]
	if v == nil {
		return ErrUnknown
	}
	if st <= config.Draining && v.state > config.Draining {
		v.trip.Reset(&v.split)
	}
	v.state, v.probing, v.good = st, false, 0
	return nil
}

func (l *lab) Probe(service, version string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.services[service].versions[version].probing = true
	l.probed = append(l.probed, version)
}

func (l *lab) Endpoints(service, version string, to []analysis.EndpointCounts) []analysis.EndpointCounts {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append(to[:0], l.services[service].versions[version].endpoints...)
}

// Expel keeps expelled endpoints in the counts, as the router does.
func (l *lab) Expel(_, version, endpoint, _ string) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stay != nil {
		return false, l.stay
	}
	name := version + " " + endpoint
	if slices.Contains(l.expelled, name) {
		return false, nil
	}
	l.expelled = append(l.expelled, name)
	return true, nil
}

// SetCandidate keeps what previews show.
func (l *lab) SetCandidate(service, version string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.services[service].candidate = version
	return nil
}

func (l *lab) SetStandby(service, version string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.services[service].standby = version
}

func (l *lab) Cuts() <-chan analysis.Cut { return l.cuts }

func (l *lab) version(service, version string) *labVersion {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.services[service].versions[version]
}

func (l *lab) state(service, version string) config.State {
	w, _ := l.Weights(service)
	return w.States[version]
}

// send lets n requests end in o on version. It reports how many were sent
// before the trip cut it, n if it did not.
func (l *lab) send(service, version string, n int, o analysis.Outcome) int {
	v := l.version(service, version)
	for i := range n {
		now := analysis.Now()
		v.split.Start(0, now)
		v.split.Record(0, now, now+int64(time.Millisecond), o)
		if o.Failed() && l.judged(service, version) && v.trip.Failure(&v.split, v.trip.Baseline()) && l.trips(service, version, v) {
			return i + 1
		}
	}
	return n
}

// probes are the versions that the controller let be tried, in order.
func (l *lab) probes() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.probed)
}

func (l *lab) armsRead() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.arms
}

func (l *lab) stable(service string) string {
	w, _ := l.Weights(service)
	return w.Stable
}

// judged reports whether version is cut by its trip: stable only while another one stands by for it.
func (l *lab) judged(service, version string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.services[service]
	if version != s.weights.Stable {
		return true
	}
	by := s.versions[s.standby]
	return by != nil && s.standby != version && by.state == config.Active
}

// trips does what the router's compare-and-swap does.
func (l *lab) trips(service, version string, v *labVersion) bool {
	l.mu.Lock()
	cut := v.state == config.Active || v.state == config.Draining
	if cut {
		v.back, v.state = v.state, config.Tripped
	}
	l.mu.Unlock()
	if cut {
		l.tell(analysis.Cut{Service: service, Version: version, At: time.Now(), Kind: analysis.Tripped, Evidence: v.trip.Evidence()})
	}
	return cut
}

// probe sends one probe; ten good ones restore the version, a bad one cuts it again.
func (l *lab) probe(service, version string, o analysis.Outcome) {
	v := l.version(service, version)
	now := analysis.Now()
	v.ruled.Start(0, now)
	v.ruled.Record(0, now, now, o)
	l.mu.Lock()
	cut := analysis.Cut{Service: service, Version: version, At: time.Now(), Kind: analysis.Retripped}
	switch {
	case !v.probing:
		l.mu.Unlock()
		return
	case o.Failed():
		v.probing, v.good = false, 0
	default:
		if v.good++; v.good < 10 {
			l.mu.Unlock()
			return
		}
		v.state, v.probing, v.good, cut.Kind = v.back, false, 0, analysis.Restored
		v.trip.Reset(&v.split)
	}
	l.mu.Unlock()
	l.tell(cut)
}

func (l *lab) tell(c analysis.Cut) {
	if !l.lossy {
		l.cuts <- c
	}
}

// exemplars lets failed requests of a version have been seen.
func (l *lab) exemplars(service, version string, ids ...string) {
	v := l.version(service, version)
	for _, id := range ids {
		v.failed.Add(time.Now(), []byte(id), analysis.ServerError)
	}
}

// preview sends a tester's request, which counts as sent by a rule.
func (l *lab) preview(service, version string, o analysis.Outcome) {
	v := l.version(service, version)
	now := analysis.Now()
	v.ruled.Start(0, now)
	v.ruled.Record(0, now, now+int64(time.Millisecond), o)
	v.previews[o].Add(1)
}
