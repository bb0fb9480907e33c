package rollout

import (
	"slices"
	"time"

	"sluice/analysis"
	"sluice/config"
)

const (
	idleAfter   = 60 // looks without traffic, after which a service is looked at
	idleEvery   = 5  // only every so many blocks
	idleObserve = 64 // looks at such a service, of which one is for its windows: 5 min

	mostBound = 0.1  // failure rate that a bound alone may excuse
	thinBP    = 1000 // less of the traffic on stable is too little to know it by
)

// tick is the fast look: only at services that had traffic in the last second
// or have a version tripped.
func (c *Controller) tick(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pauses.tick(analysis.Now())
	awake := c.awake[:0]
	for _, s := range c.awake {
		if s.awake = s.busy || s.held; !s.awake {
			continue
		}
		awake = append(awake, s)
		if s.busy {
			c.findHangs(s, now)
			c.askChecks(s, now)
		}
		if s.held {
			c.followProbes(s, now)
			c.step(s, input{at: now, what: clockTick}, facts{})
		}
	}
	clear(c.awake[len(awake):])
	c.awake = awake
}

// rouse lets tick look at s, if there is something to look at.
func (c *Controller) rouse(s *service) {
	if !s.awake && (s.busy || s.held) {
		s.awake = true
		c.awake = append(c.awake, s)
	}
}

// block closes a second of evidence in each service with traffic. A service
// without any costs a comparison of counters for each version; one that has had
// none for a minute is only looked at every few blocks, so that its first second of
// evidence, and what its checks say, may come in up to that much later.
func (c *Controller) block(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.blocks++
	for i, s := range c.ordered {
		if s.idle > idleAfter && (c.blocks+i)%idleEvery != 0 && !s.follows() {
			continue
		}
		s.idle++
		if s.busy = s.moved(); s.busy {
			s.idle = 0
			c.rouse(s)
			c.weigh(s, now)
		}
		if s.busy || s.cfg.Health != nil {
			c.askChecks(s, now)
		}
		c.follow(s, now)
	}
}

// moved reports whether any version had traffic since the last block, or has
// requests in flight. A service that was idle for so long that nothing is known of
// how long its answers take is looked at more cheaply, by what has ended: requests in
// flight alone say nothing there. What was seen last is the tally's to know, not the
// window's: whoever asks for figures moves that on, and a service all of whose
// requests hang would be taken for an idle one.
func (s *service) moved() bool {
	if s.idle > idleAfter {
		return s.ended()
	}
	for _, w := range s.versions {
		if !s.busy {
			w.observe()
		}
		_, seen := w.tally.Seen()
		_, all := w.now()
		if all.Started != seen.Started || all.Finished() != seen.Finished() || all.InFlight() > 0 {
			return true
		}
	}
	return false
}

// ended reports whether anything has ended since the last block. Now and then it lets the windows
// see that time passes, so that they let go of what nobody asks for any more.
func (s *service) ended() bool {
	for _, w := range s.versions {
		if s.idle%idleObserve == 0 {
			w.observe()
		}
		if w.ended() != w.taken {
			return true
		}
	}
	return false
}

// weigh puts the second that ends now to the judges, and acts on what they say.
func (c *Controller) weigh(s *service, now time.Time) {
	s.refresh(c.traffic)
	latencies := s.asksLatencies()
	samples, versions := c.samples[:0], s.versions
	for _, w := range versions {
		sample := w.take(latencies)
		w.last = sample.Split
		samples = append(samples, sample)
		w.observe()
	}
	c.samples = samples
	of := func(version string) analysis.Sample {
		if i := slices.IndexFunc(versions, func(w *watched) bool { return w.arm.Version == version }); i >= 0 && version != "" {
			return samples[i]
		}
		return analysis.Sample{}
	}
	c.reconcile(s, now)
	for i, w := range versions {
		partner := s.partner(w.arm.Version)
		b := samples[i].Against(of(partner), now)
		if partner == "" {
			b.Canary = analysis.Counts{}
		}
		c.weighOne(s, w, b, partner, now)
	}
	c.weighPoints(s, now)
	s.tolerate(of(s.live.Stable).Split)
}

// weighOne puts a second of one version to its judge, and what that says to the guard.
func (c *Controller) weighOne(s *service, w *watched, b analysis.Block, partner string, now time.Time) {
	if b.CanaryAll.Requests == 0 && (w.arm.Stable || w.arm.WeightBP == 0 || w.arm.Cut) {
		w.endpoints.seen = nil // copies alone are nobody's evidence
		if s.canary() != w.arm.Version || partner == "" {
			return
		}
		// The judge of a canary that has no traffic yet learns what stable is like: after a switch it is too late.
	} else {
		c.byEndpoint(s, w, &b)
	}
	v := w.judge.Add(b)
	if m := s.guard.member(w.arm.Version); m == nil || m.state != config.Quarantined || w.verdict.Standing != analysis.Breach {
		w.verdict = v // else it goes on showing what condemned it, whatever was still in flight
	}
	w.endpoints.add(b.Endpoints, w.verdict.Since)
	w.weighed, c.weighed = true, true
	c.step(s, input{at: now, what: judged, version: w.arm.Version, standing: w.verdict.Standing}, facts{verdict: w.verdict})
	if w.verdict.Standing == analysis.BadEndpoint {
		c.expel(s, w, now)
	}
}

// asksLatencies reports whether a judge of any version looks at latencies. It then
// needs those of stable as well.
func (s *service) asksLatencies() bool {
	for _, w := range s.versions {
		if w.judge.Latencies() {
			return true
		}
	}
	return false
}

// tolerate tells the trips what stable's failure rate is, as the judges know it
// (with less than a tenth of the traffic on stable: a bound from when it had more).
// A bound that stands on little is no excuse: beyond what stable does now it
// counts up to mostBound.
func (s *service) tolerate(stable analysis.Counts) {
	s.rate.Add(stable)
	most := max(mostBound, s.rate.Value())
	for _, w := range s.versions {
		switch {
		case w.arm.Stable: // see standBy
		case w.arm.Version == s.canary() && s.live.BP[s.live.Stable] < thinBP:
			w.arm.Trip.SetBaseline(s.tolerated(w))
		default:
			w.arm.Trip.SetBaseline(min(w.judge.Baseline(), most))
		}
	}
}

// reconcile finds trips and recoveries whose notice was lost: the data plane
// drops notices rather than wait.
func (c *Controller) reconcile(s *service, now time.Time) {
	for _, w := range s.versions {
		m := s.guard.member(w.arm.Version)
		if m == nil {
			continue
		}
		in := input{at: now, version: m.name}
		switch {
		case w.arm.Cut && (m.state == config.Active || m.state == config.Draining):
			in.what, in.environment = inlineTrip, s.stableAsBad(w)
		case !w.arm.Cut && m.state == config.Tripped:
			in.what = recovery
		default:
			continue
		}
		c.step(s, in, facts{trip: w.arm.Trip.Evidence()})
	}
}

// stableAsBad reports whether stable failed lately at half the rate of w or
// more: then whatever happened is not the version's fault.
func (s *service) stableAsBad(w *watched) bool {
	stable := s.stable()
	if w == nil || stable == nil || stable == w {
		return false
	}
	is, was := stable.lately(), w.lately()
	const enough = 5 // attempts on stable that say anything
	return is.Requests >= enough && is.Rate() >= stableAlarm && is.Rate() >= was.Rate()/2
}

// askChecks tells the guard what the active checks say, where there are any.
func (c *Controller) askChecks(s *service, now time.Time) {
	if c.usable == nil || s.cfg.Health == nil {
		return
	}
	for _, w := range s.versions {
		down := !c.usable(s.name, w.arm.Version)
		if !down && !w.down {
			continue
		}
		w.down = down
		in := input{at: now, what: healthUp, version: w.arm.Version}
		if down {
			in.what = healthDown
		}
		c.step(s, in, facts{})
	}
}

// followProbes notices where probing finds nothing to probe with.
func (c *Controller) followProbes(s *service, now time.Time) {
	for i := range s.guard.members {
		m := s.guard.members[i]
		w := s.version(m.name)
		if m.state != config.Tripped || !m.probing || w == nil {
			continue
		}
		if n := w.requests(); n != w.probes {
			w.probes, w.probedAt = n, now
			continue
		}
		if now.Sub(w.probedAt) >= s.guard.coolFor(0) {
			c.step(s, input{at: now, what: probeSilent, version: m.name}, facts{})
		}
	}
}
