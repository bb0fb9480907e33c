package series

import (
	"context"
	"slices"
	"sync"
	"time"

	"sluice/analysis"
)

// Source is whose versions are sampled: *router.Live.
type Source interface {
	Services() []string
	Arms(service string) []analysis.Arm
}

const (
	// defaultServices at 45 KiB a version that had traffic.
	defaultServices = 1000
	idleLook        = 5  // seconds between two looks at which versions an idle service has
	giveWay         = 60 // seconds without a request after which a service makes room for another
)

// Options of a Keeper. Services is how many are kept at most; 0 takes 1000. Where more have
// traffic, one that had none for a minute makes room, and no other: series that came
// and went each second would cost more than all that is sampled.
type Options struct {
	Source   Source
	Services int
}

// Keeper samples all services once a second. A service costs next to nothing before its first
// request, and is let go six hours after its last. Safe for concurrent use.
type Keeper struct {
	source Source
	most   int

	mu       sync.Mutex
	services map[string]*service
}

// service are the versions of one service, in the file's order.
type service struct {
	versions []*version
	active   int64 // Unix second of the last request; 0: none yet
}

// New makes a Keeper that has seen nothing.
func New(o Options) *Keeper {
	if o.Services <= 0 {
		o.Services = defaultServices
	}
	return &Keeper{source: o.Source, most: o.Services, services: map[string]*service{}}
}

// Run samples at the end of each second until ctx ends, and returns nil.
func (k *Keeper) Run(ctx context.Context) error {
	for {
		now := time.Now()
		timer := time.NewTimer(now.Truncate(time.Second).Add(time.Second).Sub(now))
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case at := <-timer.C:
			k.sample(at.Round(time.Second).Unix() - 1)
		}
	}
}

// sample takes in the second that began at Unix time at.
func (k *Keeper) sample(at int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	names := k.source.Services()
	places := k.places(at)
	for i, name := range names {
		s := k.services[name]
		if s == nil {
			s = &service{}
			k.services[name] = s
		}
		if s.active == 0 {
			moved, look := s.moved(), len(s.versions) == 0 || (at+int64(i))%idleLook == 0
			if moved && !places.take() {
				s.pass()
				moved = false
			}
			if !moved && !look {
				continue
			}
		}
		s.follow(k.source.Arms(name))
		s.take(at)
	}
	if len(k.services) > len(names) {
		k.forget(names)
	}
}

// places are what services can still get: free ones, and those of quiet services.
type places struct {
	free  int
	quiet []*service // the one that is quiet for longest last
}

func (k *Keeper) places(at int64) *places {
	p := &places{free: k.most}
	for _, s := range k.services {
		if s.active == 0 {
			continue
		}
		p.free--
		if at-s.active >= giveWay && !s.moved() {
			p.quiet = append(p.quiet, s)
		}
	}
	slices.SortFunc(p.quiet, func(a, b *service) int { return int(b.active - a.active) })
	return p
}

// take reports whether there was one.
func (p *places) take() bool {
	if p.free > 0 {
		p.free--
		return true
	}
	if len(p.quiet) == 0 {
		return false
	}
	last := len(p.quiet) - 1
	p.quiet[last].release()
	p.quiet = p.quiet[:last]
	return true
}

// follow keeps the versions that are still there, and begins with the new ones.
func (s *service) follow(arms []analysis.Arm) {
	versions := make([]*version, 0, len(arms))
	for _, arm := range arms {
		i := slices.IndexFunc(s.versions, func(v *version) bool { return v.name == arm.Version && v.split == arm.Split })
		if i < 0 {
			versions = append(versions, newVersion(arm))
			continue
		}
		s.versions[i].weightBP = arm.WeightBP
		versions = append(versions, s.versions[i])
	}
	s.versions = versions
}

func (s *service) moved() bool {
	return slices.ContainsFunc(s.versions, (*version).moved)
}

// release lets go of the series.
func (s *service) release() {
	s.active = 0
	for _, v := range s.versions {
		v.release()
	}
}

// pass lets traffic go by unkept.
func (s *service) pass() {
	for _, v := range s.versions {
		v.totals, v.seen = v.now(), true
	}
}

// take adds a point to every version once any of them had traffic, so that weights
// show beside it.
func (s *service) take(at int64) {
	if s.moved() {
		s.active = at
	}
	if s.active == 0 {
		return
	}
	if at-s.active > longest {
		s.release()
		return
	}
	for _, v := range s.versions {
		v.take(at)
	}
}

// forget lets go of services that left the configuration.
func (k *Keeper) forget(names []string) {
	known := make(map[string]bool, len(names))
	for _, name := range names {
		known[name] = true
	}
	for name := range k.services {
		if !known[name] {
			delete(k.services, name)
		}
	}
}
