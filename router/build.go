package router

import (
	"crypto/tls"
	"errors"
	"fmt"
	"slices"

	"sluice/config"
	"sluice/upstream"
)

// Build compiles cfg. Living parts (pools' endpoints, versions, splits) are
// taken over from prev (nil: none) by identity; weights holds the live weights
// of services whose split must be made anew (new, or changed in the file);
// services not in it keep the split of prev, or get the declared weights if
// prev has no split for the same versions. A version new to its service starts
// with empty counts.
//
// Build has no effect on what is in force: states of weights, and settings of
// living versions, take effect at Live.Store. Weights never release a version that
// lives on from a trip or a quarantine.
func Build(cfg *config.Config, prev *Table, weights map[string]config.Weights) (*Table, error) {
	if prev == nil {
		prev = &Table{}
	}
	b := builder{prev: prev, tls: map[config.UpstreamTLS]identity{}}
	t := &Table{byName: make(map[string]*Service, len(cfg.Services))}
	for i := range cfg.Services {
		sc := &cfg.Services[i]
		if err := b.add(t, sc, weights); err != nil {
			return nil, fmt.Errorf("service %s: %w", sc.Name, err)
		}
	}
	t.index.sort()
	if err := b.equip(t); err != nil {
		return nil, err
	}
	return t, nil
}

// builder is what the services of one Build share.
type builder struct {
	prev *Table
	plan []plannedPool                   // in the order of services and versions
	tls  map[config.UpstreamTLS]identity // files are read once, however many versions name them
}

type identity struct {
	config *tls.Config
	key    string
}

// plannedPool waits until all else has been found to be right.
type plannedPool struct {
	options upstream.Options
	prev    *upstream.Pool // nil: none
}

// add compiles one service and its routes into t.
func (b *builder) add(t *Table, sc *config.Service, weights map[string]config.Weights) error {
	if t.byName[sc.Name] != nil {
		return errors.New("declared twice")
	}
	entry, fresh := weights[sc.Name]
	s, err := b.service(sc, entry, fresh)
	if err != nil {
		return err
	}
	if err := t.index.addRoutes(sc, s); err != nil {
		return err
	}
	t.services = append(t.services, s)
	t.names = append(t.names, s.Name)
	t.byName[s.Name] = s
	return nil
}

// service compiles all of a service but its pools.
func (b *builder) service(sc *config.Service, entry config.Weights, fresh bool) (*Service, error) {
	prev := b.prev.Service(sc.Name)
	s := &Service{Name: sc.Name}
	for i := range sc.Versions {
		if err := b.version(s, sc, &sc.Versions[i], prev); err != nil {
			return nil, fmt.Errorf("version %s: %w", sc.Versions[i].Name, err)
		}
	}
	s.shielded = slices.Contains(s.Shield, true)
	s.takeOver.tripOff = sc.Guard.Trip.Off
	var err error
	if s.Policy, err = compilePolicy(sc); err != nil {
		return nil, err
	}
	if s.Policy.Mirror, err = compileMirror(sc.Mirror, s); err != nil {
		return nil, err
	}
	if s.rules, err = compileRules(sc, s.names()); err != nil {
		return nil, err
	}
	if s.preview, err = compilePreview(sc, s.names()); err != nil {
		return nil, err
	}
	s.direct = &Route{Service: s}
	if err := s.inherit(sc, prev, entry, fresh); err != nil {
		return nil, fmt.Errorf("weights: %w", err)
	}
	return s, nil
}

// version adds one version to s, and its pool to the plan.
func (b *builder) version(s *Service, sc *config.Service, vc *config.Version, prev *Service) error {
	if s.version(vc.Name) != nil {
		return errors.New("declared twice")
	}
	o, err := b.poolOptions(sc, vc)
	if err != nil {
		return err
	}
	planned := plannedPool{options: o}
	var v *Version
	if prev != nil {
		if i := slices.Index(prev.names(), vc.Name); i >= 0 {
			v, planned.prev = prev.Versions[i], prev.Pools[i]
		}
	}
	if v == nil {
		v = newVersion(s.Name, vc.Name)
	}
	b.plan = append(b.plan, planned)
	s.Versions = append(s.Versions, v)
	s.Shield = append(s.Shield, vc.Shield)
	return nil
}

// equip makes the pools. It comes last, because a pool's endpoints know the
// newest pool that they are in.
func (b *builder) equip(t *Table) error {
	t.pools = make([]*upstream.Pool, 0, len(b.plan))
	for _, planned := range b.plan {
		p, err := upstream.New(planned.options, planned.prev)
		if err != nil {
			for _, made := range t.pools {
				made.Retire(b.prev.pools)
			}
			return fmt.Errorf("service %s: version %s: %w", planned.options.Service, planned.options.Version, err)
		}
		t.pools = append(t.pools, p)
	}
	rest := t.pools
	for _, s := range t.services {
		n := len(s.Versions)
		s.Pools, rest = rest[:n:n], rest[n:]
		if m := s.Policy.Mirror; m != nil {
			m.Pool = s.Pools[slices.Index(s.Versions, m.Version)]
		}
	}
	return nil
}

func (b *builder) poolOptions(sc *config.Service, vc *config.Version) (upstream.Options, error) {
	o := upstream.Options{
		Service:        sc.Name,
		Version:        vc.Name,
		ConnectTimeout: sc.Timeouts.Connect,
		MaxConnections: sc.Limits.ConnectionsPerVersion,
		MaxPending:     sc.Limits.PendingPerVersion,
		Health:         poolHealth(sc.Health),
		Endpoints:      make([]upstream.Address, 0, len(vc.Endpoints)),
		ProxyProtocol:  proxyProtocol(vc.ProxyProtocol),
	}
	for _, e := range vc.Endpoints {
		o.Endpoints = append(o.Endpoints, upstream.Address(e))
	}
	if vc.TLS == nil {
		return o, nil
	}
	id, ok := b.tls[*vc.TLS]
	if !ok {
		var err error
		if id.config, id.key, err = clientTLS(*vc.TLS); err != nil {
			return o, err
		}
		b.tls[*vc.TLS] = id
	}
	o.TLS, o.TLSKey = id.config, id.key
	return o, nil
}

// proxyProtocol is the version that a configured word stands for.
func proxyProtocol(word string) int {
	switch word {
	case "v1":
		return 1
	case "v2":
		return 2
	}
	return 0
}

func poolHealth(h *config.Health) *upstream.Health {
	if h == nil {
		return nil
	}
	out := &upstream.Health{
		Interval:           h.Interval,
		Timeout:            h.Timeout,
		HealthyThreshold:   h.HealthyThreshold,
		UnhealthyThreshold: h.UnhealthyThreshold,
	}
	for _, c := range h.Checks {
		out.Checks = append(out.Checks, upstream.Check(c))
	}
	return out
}

// inherit gives s its split: the entry of the caller, that of the table before,
// or the declared one.
func (s *Service) inherit(sc *config.Service, prev *Service, entry config.Weights, fresh bool) error {
	names := s.names()
	if !fresh && prev != nil {
		before := prev.names()
		if slices.Equal(names, before) {
			s.Split = prev.Split
			return nil
		}
		if slices.Equal(slices.Sorted(slices.Values(names)), slices.Sorted(slices.Values(before))) {
			entry, fresh, s.takeOver.regroup = prev.Split.Weights(), true, true
		}
	}
	if !fresh {
		entry = declared(sc)
	}
	if entry.Stable == "" {
		entry.Stable = sc.Stable
	}
	d, err := divide(names, entry)
	if err != nil {
		return err
	}
	s.Split = &Split{}
	s.Split.now.Store(d)
	s.takeOver.states = entry.States
	return nil
}

func declared(sc *config.Service) config.Weights {
	w := config.Weights{Stable: sc.Stable, BP: make(map[string]int, len(sc.Versions)), By: "file"}
	for _, v := range sc.Versions {
		w.BP[v.Name] = v.WeightBP
	}
	return w
}

// addRoutes puts the routes of a service into the index. An entry's place in the
// file is told by the order of the calls.
func (x *index) addRoutes(sc *config.Service, s *Service) error {
	for i, rc := range sc.Routes {
		e := &entry{route: &Route{Service: s, AllowRawPath: rc.AllowRawPath}, order: x.routes}
		x.routes++
		var err error
		if e.path, err = compilePath(rc.Path); err != nil {
			return fmt.Errorf("routes[%d]: path: %w", i, err)
		}
		if e.when, err = compileConditions(rc.Methods, rc.Headers, rc.Cookies, rc.Query); err != nil {
			return fmt.Errorf("routes[%d]: %w", i, err)
		}
		x.add(e, rc.Hosts)
	}
	return nil
}
