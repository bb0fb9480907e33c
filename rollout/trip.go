package rollout

import (
	"time"

	"sluice/config"
)

// trip handles an alarm of the fast breaker. An inline one has already cut the
// version, so that what must not be cut is given back.
func trip(g *guard, m *member, in input) []action {
	inline := in.what == inlineTrip
	cause := causeFailures
	if in.what == overdueTrip {
		cause = causeHang
	}
	if m.state != config.Active && m.state != config.Draining || in.at.Before(m.ordered) {
		return nil
	}
	if m.name == g.stable && !g.tripOff && g.stoodBy() {
		return switchBack(g, m, cause) // cut inline or not, it is quarantined now
	}
	topic := ""
	switch {
	case m.name == g.stable:
		topic = topicStable
	case g.tripOff:
		topic = topicOff
	case in.environment:
		topic = topicEnvironment
	case !g.spare(m, true):
		topic = topicLast
	}
	if topic != "" {
		told := m.notice(in.at, topic)
		if inline {
			undo := action{do: doUndo, version: m.name, state: m.state, topic: topic, quiet: len(told) == 0}
			return append([]action{undo}, told...)
		}
		return told
	}
	return cut(g, m, in.at, cause, inline)
}

// cut takes the share of m away for a cooldown, longer if the last trip is recent.
func cut(g *guard, m *member, at time.Time, cause string, inline bool) []action {
	if !m.tripped.IsZero() && at.Sub(m.tripped) < quietPeriod {
		m.level++
	} else {
		m.level = 0
	}
	m.home, m.state = m.state, config.Tripped
	m.cause, m.probing, m.tripped = cause, false, at
	m.until = at.Add(g.coolFor(m.level))
	return []action{{do: doCut, version: m.name, cause: cause, inline: inline, state: config.Tripped, until: m.until}}
}

// tripAgain lengthens the cooldown after a failed probe.
func tripAgain(g *guard, m *member, at time.Time) []action {
	if m.state != config.Tripped || at.Before(m.ordered) {
		return nil
	}
	m.level++
	m.probing, m.tripped = false, at
	m.until = at.Add(g.coolFor(m.level))
	return []action{{do: doRecut, version: m.name, cause: m.cause, inline: true, state: config.Tripped, until: m.until}}
}

func restore(m *member, at time.Time, inline bool) []action {
	cause := m.cause
	m.state, m.cause, m.probing, m.tripped = m.home, "", false, at
	return []action{{do: doRestore, version: m.name, cause: cause, inline: inline, state: m.state}}
}

// health notes what the active checks say. All endpoints down trips at once;
// passing checks restore what they cut, once the cooldown is over.
func health(g *guard, m *member, in input) []action {
	m.unhealthy = in.what == healthDown
	if !m.unhealthy {
		if m.state == config.Tripped && m.cause == causeHealth && !in.at.Before(m.until) {
			return restore(m, in.at, false)
		}
		return nil
	}
	if m.name == g.stable {
		if !g.tripOff && m.state == config.Active && g.stoodBy() {
			return switchBack(g, m, causeHealth)
		}
		return m.notice(in.at, topicStableDown)
	}
	if g.tripOff || m.state != config.Active && m.state != config.Draining {
		return nil
	}
	if !g.spare(m, true) {
		return m.notice(in.at, topicLast)
	}
	return cut(g, m, in.at, causeHealth, false)
}

// tick ends cooldowns: what the checks cut comes back when they pass, the rest
// is tried by a trickle.
func tick(g *guard, at time.Time) []action {
	var out []action
	for i := range g.members {
		m := &g.members[i]
		if m.state != config.Tripped || m.probing || m.unhealthy || at.Before(m.until) {
			continue
		}
		if m.cause == causeHealth {
			out = append(out, restore(m, at, false)...)
			continue
		}
		m.probing = true
		out = append(out, action{do: doProbe, version: m.name})
	}
	return out
}
