package rollout

import (
	"slices"
	"time"

	"sluice/analysis"
	"sluice/config"
)

// Times of the guard that are not settings.
const (
	baseCooldown = 5 * time.Second // first cooldown of a trip, unless the file says otherwise
	maxCooldown  = 5 * time.Minute // doubling stops here
	quietPeriod  = 5 * time.Minute // without a trip, after which the cooldown starts from its base again
	alertEvery   = 5 * time.Minute // a condition that lasts is told once in so long
)

// Why a version was tripped.
const (
	causeFailures = "failures" // CUSUM on failed attempts
	causeHang     = "hang"     // CUSUM on requests in flight for far too long
	causeHealth   = "health"   // no endpoint passes its active checks
)

// guard is what the guard knows of one service. It is a value: step returns a
// changed copy and leaves the one it was given alone.
type guard struct {
	stable   string
	standby  string        // stable until a promotion a while ago: it takes over again if stable fails; "": none
	cooldown time.Duration // base; 0: baseCooldown
	tripOff  bool
	checked  bool   // active health checks are configured
	action   string // quarantine (also "") | pause | alert
	members  []member
}

// member is one version in the guard's eyes. The zero value of all but name is
// an active, healthy version that nothing is known against.
type member struct {
	name      string
	state     config.State
	home      config.State // where a restored trip returns to: Active or Draining
	unhealthy bool
	cause     string // of the trip
	level     int    // doublings of the cooldown
	until     time.Time
	probing   bool
	tripped   time.Time // last trip or end of one; zero: never
	ordered   time.Time // last order by a person: cuts decided before it are void
	standing  analysis.Standing
	breached  time.Time            // last breach under pause or alert, or of stable
	told      map[string]time.Time // notices by kind, so that they are not repeated; never written in place
}

// happening says what an input tells.
type happening uint8

const (
	clockTick      happening = iota // time passed; version is empty
	inlineTrip                      // the data plane cut the version
	overdueTrip                     // too many requests hang; nothing is cut yet
	retrip                          // a probe failed
	recovery                        // the probes passed; the data plane restored the version
	healthDown                      // no endpoint passes its checks
	healthUp                        // one does again
	probeSilent                     // probing found nothing to probe with for a cooldown
	judged                          // a block was weighed
	order                           // a person asked for a state
	endpointOut                     // the one endpoint that the evidence speaks against was ejected
	endpointStays                   // it may not be ejected
	endpointWasOut                  // it was out of service already
	exposed                         // more failures than a rollout may cost
)

// input is one thing that happened, at a time that the caller read.
type input struct {
	at          time.Time
	what        happening
	version     string
	environment bool              // stable fails as much: nothing is to be held against the version
	standing    analysis.Standing // of judged
	state       config.State      // of order
}

// verb says what is to be done.
type verb uint8

const (
	doCut        verb = iota // share to zero; until says when it is tried again
	doRecut                  // the probes failed; the version stays cut
	doProbe                  // let a trickle try the version
	doRestore                // back to action.state
	doUndo                   // back to action.state at once: the cut should not have been
	doQuarantine             // condemned
	doPause                  // breach under action: pause
	doAlert                  // breach under action: alert
	doForget                 // drop the evidence of judge and trip
	doNotice                 // tell people; topic says what
	doState                  // a person's order
	doEject                  // one endpoint was taken out of service
	doSwitchBack             // stable is condemned, action.to is stable again with all the traffic
)

// Topics of notices.
const (
	topicEnvironment = "environment"   // stable is as bad
	topicSuspicious  = "suspicious"    // strong evidence, not proof
	topicStable      = "stable breach" // stable fails; it is not cut
	topicStableDown  = "stable down"   // no endpoint of stable passes its checks
	topicLast        = "last usable"   // a bad version is not cut as nothing else is usable
	topicOff         = "trip off"      // the file has switched the trip off
	topicEndpoint    = "bad endpoint"  // one endpoint is bad and may not be ejected
)

// action is one thing to do, in order.
type action struct {
	do      verb
	version string
	topic   string // of doNotice and doUndo
	cause   string // of doCut, doRecut, doSwitchBack; "": a verdict
	to      string // of doSwitchBack
	inline  bool   // the data plane did it already
	quiet   bool   // of doUndo, doPause and doAlert: told lately; a rollout acts on it all the same
	state   config.State
	until   time.Time
}

// step is the guard: what it knows and what happened give what it knows then
// and what is to be done. It has no clock and does no I/O. It never restores
// or probes a version on a failing verdict, never cuts the last active version, nor stable unless another
// stands by for it, and lifts a quarantine only by an order.
func step(g guard, in input) (guard, []action) {
	g.members = slices.Clone(g.members)
	if in.what == clockTick {
		return g, tick(&g, in.at)
	}
	m := g.member(in.version)
	if m == nil {
		return g, nil
	}
	switch in.what {
	case inlineTrip, overdueTrip:
		return g, trip(&g, m, in)
	case retrip:
		return g, tripAgain(&g, m, in.at)
	case recovery:
		if m.state != config.Tripped || in.at.Before(m.ordered) {
			return g, nil
		}
		return g, restore(m, in.at, true)
	case healthDown, healthUp:
		return g, health(&g, m, in)
	case probeSilent:
		if m.state == config.Tripped && m.probing && g.checked && !m.unhealthy {
			return g, restore(m, in.at, false)
		}
	case judged:
		return g, judge(&g, m, in)
	case order:
		return g, obey(&g, m, in)
	case endpointOut, endpointStays, endpointWasOut:
		return g, oneEndpoint(m, in)
	case exposed:
		return g, condemn(&g, m, in.at)
	}
	return g, nil
}

func (g *guard) member(version string) *member {
	for i := range g.members {
		if g.members[i].name == version {
			return &g.members[i]
		}
	}
	return nil
}

// spare reports whether the service has an active version besides m, and, if
// healthy is asked for, one that passes its checks.
func (g *guard) spare(m *member, healthy bool) bool {
	for i := range g.members {
		o := &g.members[i]
		if o.name != m.name && o.state == config.Active && !(healthy && o.unhealthy) {
			return true
		}
	}
	return false
}

// coolFor is the cooldown after so many doublings.
func (g *guard) coolFor(level int) time.Duration {
	d := g.cooldown
	if d <= 0 {
		d = baseCooldown
	}
	for ; level > 0 && d < maxCooldown; level-- {
		d *= 2
	}
	return min(d, max(maxCooldown, g.cooldown))
}

// notice tells topic once in alertEvery.
func (m *member) notice(at time.Time, topic string) []action {
	if last, said := m.told[topic]; said && at.Sub(last) < alertEvery {
		return nil
	}
	told := map[string]time.Time{topic: at}
	for k, v := range m.told {
		if k != topic {
			told[k] = v
		}
	}
	m.told = told
	return []action{{do: doNotice, version: m.name, topic: topic}}
}

// judge acts on the standing of the evidence.
func judge(g *guard, m *member, in input) []action {
	before := m.standing
	m.standing = in.standing
	if in.standing == analysis.Breach {
		return breach(g, m, in.at)
	}
	if in.standing == before {
		return nil
	}
	switch in.standing {
	case analysis.Suspicious:
		return m.notice(in.at, topicSuspicious)
	case analysis.Environment:
		return m.notice(in.at, topicEnvironment)
	}
	return nil
}

// breach condemns m, as far as the settings and the other versions allow.
func breach(g *guard, m *member, at time.Time) []action {
	if m.name == g.stable {
		if g.action != "pause" && g.action != "alert" && g.stoodBy() {
			return switchBack(g, m, "")
		}
		return append(m.notice(at, topicStable), action{do: doForget, version: m.name})
	}
	if m.state == config.Quarantined || m.state == config.Off {
		return nil
	}
	if g.action == "pause" || g.action == "alert" {
		fresh := m.breached.IsZero() || at.Sub(m.breached) >= alertEvery
		m.breached = at
		do := doAlert
		if g.action == "pause" {
			do = doPause
		}
		return []action{{do: do, version: m.name, quiet: !fresh}, {do: doForget, version: m.name}}
	}
	return condemn(g, m, at)
}

// condemn quarantines m, whatever the action for a breach is, unless nothing else is usable.
func condemn(g *guard, m *member, at time.Time) []action {
	if m.name == g.stable || m.state == config.Quarantined || m.state == config.Off {
		return nil
	}
	if !g.spare(m, true) {
		return m.notice(at, topicLast)
	}
	m.state, m.probing, m.cause = config.Quarantined, false, ""
	return []action{{do: doQuarantine, version: m.name, state: config.Quarantined}}
}

// obey carries out a person's order. One that would leave the service without
// an active version does nothing: commands refuse it before.
func obey(g *guard, m *member, in input) []action {
	if in.state != config.Active && in.state != config.Draining && in.state != config.Off {
		return nil
	}
	if in.state != config.Active && !g.spare(m, false) {
		return nil
	}
	condemned := m.state == config.Quarantined
	if m.state == config.Tripped && in.state == config.Draining {
		m.home = config.Draining // it has no traffic now, and drains when it is back
		return []action{{do: doState, version: m.name, state: config.Tripped}}
	}
	m.ordered = in.at
	m.state, m.home = in.state, in.state
	m.probing, m.cause, m.until = false, "", time.Time{}
	out := []action{{do: doState, version: m.name, state: in.state}}
	if in.state == config.Active {
		m.level, m.tripped, m.told = 0, time.Time{}, nil
	}
	if condemned {
		m.breached, m.standing = time.Time{}, analysis.Inconclusive
		out = append(out, action{do: doForget, version: m.name})
	}
	return out
}
