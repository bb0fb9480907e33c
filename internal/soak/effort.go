package main

import (
	"fmt"
	"strings"
	"time"

	"sluice/bench"
	"sluice/internal/trial"
)

// leastSent is the share of the planned requests that a round must have sent. What was not sent can't have
// failed: a generator that stalls would look like success. The rest is what a busy machine may leave
// waiting for a connection when a round ends.
const leastSent = 0.9

// effort is what one round put on one service.
type effort struct {
	planned  uint64 // by rate and length
	sent     uint64 // begun, whatever came of them
	answered uint64 // whole answers, whatever their status
	loose    string // what became of the others; "" if all were answered
}

func newEffort(rate float64, length time.Duration, r *bench.Report) effort {
	e := effort{planned: uint64(rate * length.Seconds()), sent: r.Requests + r.Abandoned}
	for _, n := range r.Status {
		e.answered += n
	}
	if len(r.Errors) > 0 || r.Abandoned > 0 {
		e.loose = fmt.Sprintf(": %v, abandoned %d", r.Errors, r.Abandoned)
	}
	return e
}

// judge holds what was sent against the plan, and the answers against what was sent.
func (e effort) judge(t *trial.Table, service string) {
	least := uint64(float64(e.planned) * leastSent)
	got := fmt.Sprintf("%d of %d", e.sent, e.planned)
	enough := e.planned > 0 && e.sent >= least
	if !enough {
		got += ": the generator stalled, and what it did not send proves nothing"
	}
	t.Judge(service+": sent of what each round planned", enough, got, fmt.Sprintf("≥ %d (%.0f %%)", least, leastSent*100))
	t.Judge(service+": answered of what each round sent", e.answered == e.sent, fmt.Sprintf("%d of %d%s", e.answered, e.sent, e.loose), "all")
}

// trouble is how often one actor has acted since the start.
type trouble struct {
	name  string
	times uint64
}

// troubles are all actors, always in the same order.
func (t *tally) troubles() []trouble {
	t.mu.Lock()
	defer t.mu.Unlock()
	return []trouble{
		{"reloads", t.reloads}, {"weights moved", t.moves}, {"rollouts", t.rollouts}, {"mirror's target changed", t.switching},
		{"deaths", t.deaths}, {"experiments", t.suffered}, {"tunnels", t.tunnels}, {"echoes", t.echoes},
	}
}

// judgeTroubles wants every actor to have acted since before: one that stalls would look like success too.
func judgeTroubles(t *trial.Table, before, now []trouble) {
	var acts, idle []string
	for i, a := range now {
		n := a.times
		if i < len(before) {
			n -= before[i].times
		}
		acts = append(acts, fmt.Sprintf("%d %s", n, a.name))
		if n == 0 {
			idle = append(idle, a.name)
		}
	}
	got := strings.Join(acts, ", ")
	if len(idle) > 0 {
		got = "none of: " + strings.Join(idle, ", ")
	}
	t.Judge("each kind of trouble in each round", len(idle) == 0, got, "once or more each")
}
