package rollout

import (
	"fmt"
	"maps"
	"time"

	"sluice/config"
)

// Reload brings a configuration into force: it works out which services need
// their split made anew (contract: "Live weights and the file"), calls swap with
// these, and, if swap succeeds, adopts cfg. Also the way a process starts. The
// guard goes on working while swap runs; what it cuts meanwhile stays cut.
func (c *Controller) Reload(cfg *config.Config, swap func(fresh map[string]config.Weights) error) error {
	c.reloading.Lock()
	defer c.reloading.Unlock()
	c.mu.Lock()
	plans := make([]*plan, 0, len(cfg.Services))
	fresh := map[string]config.Weights{}
	for i := range cfg.Services {
		p := c.plan(&cfg.Services[i])
		plans = append(plans, p)
		if p.fresh {
			fresh[p.cfg.Name] = p.next()
		}
	}
	c.mu.Unlock()
	if err := swap(fresh); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	services := make(map[string]*service, len(plans))
	ordered := make([]*service, 0, len(plans))
	for _, p := range plans {
		s := c.adopt(p)
		services[s.name] = s
		ordered = append(ordered, s)
	}
	c.dismiss(services)
	c.services, c.ordered, c.saved, c.awake, c.config = services, ordered, nil, nil, cfg.Version
	for i, s := range ordered {
		s.awake = false
		c.rouse(s)
		c.resettle(s, plans[i])
		c.autoStart(s)
	}
	c.lost = false
	c.saver.kick()
	return nil
}

// plan is what becomes of one service.
type plan struct {
	cfg      *config.Service
	hash     string
	declared config.Weights
	live     config.Weights // without states
	members  []member
	saved    savedService // of an earlier process
	course   *course      // the same
	fresh    bool         // the split is made anew
	won      bool         // by the file, whose unit has changed
	events   []Event
}

// plan compares what is live with what the file says now.
func (c *Controller) plan(cfg *config.Service) *plan {
	p := &plan{cfg: cfg, hash: cfg.WeightsHash(), declared: declaration(cfg)}
	hash := ""
	if s := c.services[cfg.Name]; s != nil {
		hash, p.live, p.members = s.hash, s.live, s.guard.members
	} else if saved, ok := c.saved[cfg.Name]; ok {
		hash, p.saved = saved.Declared, saved
		p.live, p.members = saved.restore(cfg.Guard.Trip.Cooldown)
		p.fresh = true
		p.resume()
	} else {
		p.begin()
		return p
	}
	if hash != p.hash {
		p.fileWins()
	} else {
		p.keep()
		if why := undoes(p.cfg, p.live.Stable, p.hash); why != "" {
			p.note("weights", p.live.Stable, why)
		}
	}
	p.stand()
	return p
}

// declaration is the file's unit of weights and stable.
func declaration(cfg *config.Service) config.Weights {
	w := config.Weights{Stable: cfg.Stable, BP: make(map[string]int, len(cfg.Versions)), By: "file"}
	for _, v := range cfg.Versions {
		w.BP[v.Name] = v.WeightBP
	}
	return w
}

// begin is a service nothing is known of: a version that a rollout is
// configured for starts at 0, whatever the file declares.
func (p *plan) begin() {
	p.fresh = true
	p.live = p.declared
	p.live.BP = maps.Clone(p.declared.BP)
	p.live.At = time.Now().UTC()
	p.live.Reason = "initial weights"
	if r := p.cfg.Rollout; r != nil && r.Canary != p.live.Stable {
		if bp := p.live.BP[r.Canary]; bp > 0 {
			p.live.BP[r.Canary] = 0
			p.live.BP[p.live.Stable] += bp
			p.live.Reason = fmt.Sprintf("initial weights, %s at 0 until its rollout", r.Canary)
			p.note("weights", r.Canary, fmt.Sprintf("%s starts at 0 instead of %s, as its rollout gives it traffic", r.Canary, share(bp)))
		}
	}
	p.stand()
}

// fileWins replaces the live weights and stable, as the file has changed them.
// States stay: the file releases no quarantine.
func (p *plan) fileWins() {
	p.fresh, p.won = true, true
	before := list(p.live)
	if why := undoes(p.cfg, p.live.Stable, ""); why != "" {
		p.note("alert", p.live.Stable, why)
	}
	p.live = p.declared
	p.live.BP = maps.Clone(p.declared.BP)
	p.live.At = time.Now().UTC()
	p.live.Reason = "the file's weights or stable changed"
	p.note("weights", "", fmt.Sprintf("the file changed: weights are %s, stable is %s (were %s)", list(p.live), p.live.Stable, before))
}

// keep lets the live weights stand, for the versions that still exist.
func (p *plan) keep() {
	bp := make(map[string]int, len(p.declared.BP))
	sum := 0
	for name := range p.declared.BP {
		bp[name] = p.live.BP[name]
		sum += bp[name]
	}
	stable := p.live.Stable
	if _, ok := bp[stable]; !ok {
		stable = p.declared.Stable
	}
	bp[stable] += wholeBP - sum
	if stable != p.live.Stable || !maps.Equal(bp, p.live.BP) {
		p.fresh = true
		p.live.Stable, p.live.BP = stable, bp
	}
}

// stand gives each version of the file its standing, and the service at least
// one active version.
func (p *plan) stand() {
	known := guard{members: p.members}
	members := make([]member, 0, len(p.cfg.Versions))
	active := false
	for _, v := range p.cfg.Versions {
		m := member{name: v.Name}
		if old := known.member(v.Name); old != nil {
			m = *old
		}
		if m.name == p.live.Stable && m.state == config.Tripped {
			m.state, m.cause, m.probing = config.Active, "", false // stable is never tripped
		}
		active = active || m.state == config.Active
		if bp := p.live.BP[v.Name]; bp > 0 && p.fresh && m.state == config.Quarantined {
			p.note("alert", v.Name, fmt.Sprintf("%s stays quarantined: the weight of %s comes into force when it is set to active", v.Name, share(bp)))
		}
		members = append(members, m)
	}
	p.members = members
	if active {
		return
	}
	for i := range members {
		if m := &members[i]; m.name == p.live.Stable {
			p.note("alert", m.name, fmt.Sprintf("stable version %s is set to active, as no other version is: it was %s", m.name, m.state))
			*m = member{name: m.name, ordered: time.Now()}
		}
	}
}

func (p *plan) note(kind, version, message string) {
	p.events = append(p.events, Event{Type: kind, Service: p.cfg.Name, Version: version, By: "file", Message: message})
}

// next is the split to make.
func (p *plan) next() config.Weights {
	w := p.live
	w.States = map[string]config.State{}
	for _, m := range p.members {
		w.States[m.name] = m.state
	}
	return w
}

// adopt makes the plan the controller's view, after the swap. What commands and
// the guard did while the swap ran holds, unless the file wins.
func (c *Controller) adopt(p *plan) *service {
	s := c.services[p.cfg.Name]
	if s == nil {
		s = &service{name: p.cfg.Name}
		s.guard.members = p.members
		s.live = p.live
	}
	planned := guard{members: p.members}
	if c.services[p.cfg.Name] != nil && p.fresh && !p.won {
		p.live = s.live // what came down meanwhile stays down
		p.keep()
	}
	if p.fresh {
		s.restage(p.live.BP)
		s.live, s.pending = p.live, nil
	}
	s.cfg, s.hash, s.declared = p.cfg, p.hash, p.declared
	if p.course != nil {
		s.course = p.course
	}
	if p.saved.Rolled != nil {
		s.rolled = maps.Clone(p.saved.Rolled)
	}
	s.guard.configure(p.cfg, s.live.Stable)
	s.guard.members = merge(planned.members, &s.guard)
	s.attach(c.traffic.Arms(s.name), p.saved.Versions)
	c.standBy(s)
	live, _ := c.traffic.Weights(s.name)
	if p.fresh {
		c.insist(s, live)
	}
	c.align(s, live)
	s.held = s.guard.holds()
	for _, e := range p.events {
		c.journal.Add(e)
	}
	return s
}

// align puts the states of s in force where traffic has others.
func (c *Controller) align(s *service, live config.Weights) {
	for i := range s.guard.members {
		m := &s.guard.members[i]
		// A trip that the data plane decided and told nobody yet is left alone.
		if got := live.States[m.name]; got != m.state && got != config.Tripped || m.name == s.live.Stable && got == config.Tripped {
			c.effect(s, nil, action{do: doState, version: m.name, state: m.state})
		}
		if m.state == config.Tripped && m.probing {
			c.effect(s, s.version(m.name), action{do: doProbe, version: m.name})
		}
	}
}

// insist puts the weights of s in force again where a command, which came after
// the swap, set others than the file's.
func (c *Controller) insist(s *service, got config.Weights) {
	if got.Stable == s.live.Stable && maps.Equal(got.BP, s.live.BP) {
		return
	}
	if err := c.traffic.SetWeights(s.name, s.live); err != nil {
		c.journal.Add(Event{Type: "alert", Service: s.name, Message: "the file's weights are not in force: " + err.Error()})
	}
}

// merge takes the planned versions, with the standing that they have by now.
func merge(planned []member, now *guard) []member {
	out := make([]member, 0, len(planned))
	for _, m := range planned {
		if current := now.member(m.name); current != nil && !m.ordered.After(current.ordered) && !(m.name == now.stable && current.state == config.Tripped) {
			m = *current
		}
		out = append(out, m)
	}
	return out
}

// restore is what an earlier process left, with cooldowns beginning anew.
func (s savedService) restore(cooldown time.Duration) (config.Weights, []member) {
	w := config.Weights{Stable: s.Stable, BP: maps.Clone(s.Weights), By: s.By, Reason: s.Reason, At: s.At}
	g := guard{cooldown: cooldown}
	var members []member
	for _, name := range names(s.Weights) {
		v := s.Versions[name]
		m := member{name: name, state: v.State, home: v.Home, cause: v.Cause, level: v.Level, tripped: v.Last}
		if m.state == config.Tripped {
			m.until = time.Now().Add(g.coolFor(m.level))
		}
		members = append(members, m)
	}
	return w, members
}
