package upstream

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Pool is the endpoints of one version. Safe for concurrent use.
type Pool struct {
	o        Options
	version  *version
	targets  []*target     // as declared; living
	named    bool          // some target is a host name
	dialStep time.Duration // see race; tests change it

	inForce   atomic.Pointer[[]*Endpoint] // immutable once stored
	successor atomic.Pointer[Pool]        // the newest pool made from this one

	rebuilding sync.Mutex // from reading the targets to storing inForce
	asking     sync.Mutex // held during a first lookup
	tryNext    int64      // guarded by asking: no first lookup before (clock)
}

// New makes a pool, taking over from prev (may be nil) every endpoint with the
// same URL, TLS identity and PROXY protocol: its connections, health and counts. It starts
// nothing and looks no name up. A pool without endpoints is allowed.
func New(o Options, prev *Pool) (*Pool, error) {
	o, err := o.filled()
	if err != nil {
		return nil, err
	}
	p := &Pool{o: o, dialStep: dialStep}
	if prev != nil && prev.o.Service == o.Service && prev.o.Version == o.Version {
		p.version = prev.version
	} else {
		p.version, prev = &version{service: o.Service, name: o.Version}, nil
	}
	for _, a := range o.Endpoints {
		if slices.ContainsFunc(p.targets, func(t *target) bool { return t.URL == a.URL }) {
			continue
		}
		t := prev.target(a, &o)
		if t == nil {
			t = newTarget(a, &o, p.version)
		}
		p.targets = append(p.targets, t)
		p.named = p.named || !t.literal
	}
	p.rebuild()
	p.version.latest.Store(p)
	if prev != nil {
		prev.successor.Store(p)
	}
	return p, nil
}

// target finds the declared endpoint that a may take over. p may be nil.
func (p *Pool) target(a Address, o *Options) *target {
	if p == nil {
		return nil
	}
	for _, t := range p.targets {
		if t.Address == a && t.tlsKey == o.TLSKey && t.preamble == o.ProxyProtocol && !t.retired.Load() {
			return t
		}
	}
	return nil
}

// rebuild puts the targets' present addresses in force.
func (p *Pool) rebuild() {
	p.rebuilding.Lock()
	defer p.rebuilding.Unlock()
	all := make([]*Endpoint, 0, len(p.targets))
	for _, t := range p.targets {
		all = append(all, t.endpoints()...)
	}
	p.inForce.Store(&all)
}

// Usable reports whether any endpoint passes its active checks (true without
// checks, and before the first result). A pool whose names could not be looked
// up, and never were, is not usable. Lock-free.
func (p *Pool) Usable() bool {
	all := *p.inForce.Load()
	for _, e := range all {
		if e.Healthy() {
			return true
		}
	}
	return len(all) == 0 && !slices.ContainsFunc(p.targets, func(t *target) bool { return t.failed.Load() })
}

// Checked reports whether the endpoints have active checks.
func (p *Pool) Checked() bool { return p.o.Health != nil && len(p.o.Health.Checks) > 0 }

// Endpoints returns the endpoints in force now: one per resolved address. Where
// a name has addresses of both families, one per address of the preferred
// family: the other stands in when it can't be reached. The slice is not to be changed.
func (p *Pool) Endpoints() []*Endpoint { return *p.inForce.Load() }

// Connections counts the version's open connections, idle ones included, and
// the requests that wait for one, over all generations of its pool.
func (p *Pool) Connections() (open, waiting int) {
	return int(p.version.places.open.Load()), int(p.version.places.waiting.Load())
}

// Retire closes idle connections of endpoints that no pool in next uses; those
// in use finish their requests and are then closed.
func (p *Pool) Retire(next []*Pool) {
	heir := p.heir(next)
	p.successor.Store(nil) // a pool held by a long request must not hold those after it
	if heir == p {
		return
	}
	for _, t := range p.targets {
		if heir == nil || !slices.Contains(heir.targets, t) {
			t.retire()
		}
	}
}

// heir finds the pool of the same version in next. Comparing pointers first
// keeps the retirement of 10,000 pools, each against 10,000, in milliseconds.
func (p *Pool) heir(next []*Pool) *Pool {
	if slices.Contains(next, p) {
		return p
	}
	if s := p.successor.Load(); s != nil && slices.Contains(next, s) {
		return s
	}
	for _, q := range next {
		if q.version == p.version {
			return q
		}
	}
	return nil
}
