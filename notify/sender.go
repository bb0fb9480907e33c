package notify

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"sluice/config"
	"sluice/webhook"
)

const (
	defaultQuiet = time.Minute
	defaultGrace = 3 * time.Second
)

// Options of a Sender. The zero value is right for most.
type Options struct {
	Client *webhook.Client // nil: its zero value
	Logger *slog.Logger    // nil: discards
	Quiet  time.Duration   // the same service, type, version and message is told once in this time; 0: 1 min
	Grace  time.Duration   // for what is queued when Run is to end; 0: 3 s
}

// Sender tells notes to the targets of the configuration. Its methods are safe for concurrent use.
type Sender struct {
	o          Options
	changed    chan struct{}
	counts     map[string]*counts // by type of target; never changed
	suppressed atomic.Uint64

	mu       sync.Mutex
	flood    flood
	targets  map[address]*target
	services map[string]map[*target]wants // who wants which notes of a service
	over     bool                         // Run has ended
}

// wants are types of notes.
type wants map[string]bool

// New makes a Sender without targets. It starts nothing.
func New(o Options) *Sender {
	if o.Client == nil {
		o.Client = &webhook.Client{}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Quiet <= 0 {
		o.Quiet = defaultQuiet
	}
	if o.Grace <= 0 {
		o.Grace = defaultGrace
	}
	s := &Sender{o: o, changed: make(chan struct{}, 1), counts: map[string]*counts{}, flood: flood{quiet: o.Quiet}}
	for _, kind := range types {
		s.counts[kind] = &counts{}
	}
	return s
}

// Watch replaces the targets by those of services. What waits for a target that stays is kept; what
// waits for one that left is still sent. It does not block.
func (s *Sender) Watch(services []config.Service) {
	s.mu.Lock()
	defer s.mu.Unlock()
	targets, wanted := map[address]*target{}, map[string]map[*target]wants{}
	for i := range services {
		if services[i].Rollout == nil {
			continue
		}
		for _, n := range services[i].Rollout.Notify {
			count := s.counts[n.Type]
			if count == nil {
				continue // the configuration has been checked
			}
			a := address{n.Type, n.URL}
			if targets[a] == nil {
				if targets[a] = s.targets[a]; targets[a] == nil {
					targets[a] = newTarget(a, count)
				}
			}
			subscribe(wanted, services[i].Name, targets[a], n.On)
		}
	}
	s.targets, s.services = targets, wanted
	s.wake()
}

// subscribe unites what several entries want for one target, so that it is told once.
func subscribe(wanted map[string]map[*target]wants, service string, t *target, on []string) {
	if wanted[service] == nil {
		wanted[service] = map[*target]wants{}
	}
	if wanted[service][t] == nil {
		wanted[service][t] = wants{}
	}
	for _, kind := range on {
		wanted[service][t][kind] = true
	}
}

// Tell queues n for every target that wants its type. It never blocks: what a full queue can't take
// is dropped and counted. The same note within Options.Quiet is held back, and summed up after it.
func (s *Sender) Tell(n Note) {
	s.mu.Lock()
	defer s.mu.Unlock()
	who := s.who(n)
	if len(who) == 0 {
		return
	}
	if !s.flood.passes(n, time.Now()) {
		s.suppressed.Add(1)
		s.wake()
		return
	}
	s.offer(who, n)
}

func (s *Sender) offer(who map[*target]bool, n Note) {
	for t := range who {
		if s.over {
			t.counts.dropped.Add(1)
			continue
		}
		t.offer(n)
	}
}

// who wants n. A note of no service is everybody's.
func (s *Sender) who(n Note) map[*target]bool {
	out := map[*target]bool{}
	for service, wanted := range s.services {
		if n.Service != "" && n.Service != service {
			continue
		}
		for t, on := range wanted {
			if on[n.Type] {
				out[t] = true
			}
		}
	}
	return out
}

func (s *Sender) wake() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}
