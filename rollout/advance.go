package rollout

import (
	"fmt"
	"slices"
	"time"
)

// runHappening says what an input of a run tells.
type runHappening uint8

const (
	runTick      runHappening = iota // time passed; seen says how things are
	runDone                          // the task ended: ok and text; a task that was not asked for last is stale
	runVerb                          // a person's or a program's command
	runCut                           // the guard condemned the canary, or exposed failures exceed their limit: text
	runBreach                        // it breached under action pause or alert: text
	runTrip                          // the trip cut it for a while: text, and what it stood on
	runRetrip                        // a probe failed and it stays cut
	runReload                        // the file changed weights or stable, or the canary left it: text
	runRestart                       // the process has begun anew with this run
	runUndone                        // in standby: the new stable breached and the old one is stable again: text
	runSupersede                     // a newer start takes its place: text
)

// Verbs of a rollout.
const (
	VerbPause       = "pause"
	VerbResume      = "resume"
	VerbPromote     = "promote"      // approve the gate, or pass the stage that runs
	VerbPromoteFull = "promote_full" // straight to the promotion
	VerbAbort       = "abort"
	VerbUndo        = "undo" // the stable from before comes back
)

// sight is how things are at a tick.
type sight struct {
	requests   uint64  // of the canary in this stage; of shadow: compared answers; of a preview: its requests
	ready      bool    // the evidence passes the stage
	missing    uint64  // requests that it takes about; 0 unknown
	suspicious bool    // strong evidence against it, not proof
	cut        bool    // the canary is tripped or has no endpoint to use
	tripped    bool    // it is tripped
	endpoints  int     // of the canary that are ready
	unchecked  int     // and those that nobody knows of yet, as after a restart: no reason to rise, nor to come down
	open       bool    // a window is open now, or there are none
	difference float64 // of shadow: the share beyond the noise, 0..1
	unproven   bool    // of shadow: difference may still be chance
	anew       bool    // of shadow: what was compared before is forgotten
}

// runInput is one thing that happened to a run, at a time that the caller read.
type runInput struct {
	at   time.Time
	what runHappening
	seen sight  // of runTick
	task uint64 // of runDone
	ok   bool   // of runDone
	verb string // of runVerb
	by   string // of runVerb
	text string // a reason

	moved bool // of VerbResume: a person changed the weight meanwhile
}

// runDo says what is to be done.
type runDo uint8

const (
	// Tasks: carried out beside, each ends in one runDone with its number, unless a later one replaced it,
	// which ends its context.
	runPreflight runDo = iota
	runSmoke
	runHooks   // at point
	runShift   // the canary's weight rises to weightBP: persisted first, then in force; fails if the disk does
	runPromote // the canary becomes stable with all the traffic: persisted first, then in force

	// At once, then persisted; they can't fail.
	runLower      // the canary's weight falls to weightBP
	runSwitchBack // the stable from before has all the traffic and is stable again
	runRelease    // the canary is active again and its evidence begins anew
	runRestage    // evidence for passing begins anew, without a change of weight
	runTell       // an event: kind, text
	runEnd        // the run ended: it goes to the history. Hooks of rollback and after_rollout follow, which no state waits for. Once more when a promotion is undone
)

// runAction is one thing to do, in order.
type runAction struct {
	do       runDo
	task     uint64 // of tasks
	key      string // of tasks: idempotency; the same for the same question, also after a restart
	point    string // of runHooks
	weightBP int
	kind     string // of runTell: started | stage | approval | paused | resumed | promoted | rollback | aborted | rollout
	text     string
}

// move is one call of advance: the run that it changes and what it asks for.
type move struct {
	run
	at   time.Time
	todo []runAction
}

// advance is a run's whole behaviour: where it stands and what happened give
// where it stands then and what is to be done, in order. It has no clock and does
// no I/O; r is left as it was. What a run is not open to changes nothing. Time is
// counted from tick to tick, so that a clock that jumps or a process that
// slept neither passes a stage nor times one out; only windows know the hour.
func advance(r run, in runInput) (run, []runAction) {
	if r.ID == "" {
		return r, nil
	}
	in.at = in.at.UTC()
	m := &move{run: r.clone(), at: in.at}
	switch {
	case in.what == runVerb:
		if r.allows(in.verb) != nil {
			return r, nil
		}
		m.verb(in)
	case r.Phase.Ended():
		m.after(in)
	case in.what == runTick:
		m.tick(in.seen, m.elapse(in.at))
	case in.what == runDone:
		if in.task == 0 || in.task != r.Task {
			return r, nil
		}
		m.done(in.ok, in.text)
	default:
		m.strike(in)
	}
	m.Phase = m.phase()
	return m.run, m.todo
}

// begin is the start of a run: the canary is without traffic and released, and
// the first task is asked for.
func begin(it itinerary, id, by string, at time.Time) (run, []runAction) {
	at = at.UTC()
	m := &move{at: at, run: run{
		ID: id, By: by, Plan: it, StartedAt: at, Last: at, Stage: -1, Entered: -1, Reached: -1,
		Phase: PhaseChecking, Stages: make([]progress, len(it.Stages)),
	}}
	for i := range m.Stages {
		m.Stages[i].State = stagePending
	}
	m.lower(0)
	m.put(runAction{do: runRelease})
	m.tell("started", fmt.Sprintf("%s begins to take %s into service, beside %s, as %s", by, it.Canary, it.From, it.Strategy))
	m.arrive(atConfirmRollout)
	m.Phase = m.phase()
	return m.run, m.todo
}

// strike is what needs no answer of the run: it may come at any moment.
func (m *move) strike(in runInput) {
	switch in.what {
	case runCut:
		m.end(PhaseRolledBack, reasonOr(in.text, m.Plan.Canary+" was condemned"))
	case runBreach:
		m.breach(reasonOr(in.text, m.Plan.Canary+" breached"))
	case runTrip:
		m.trip(in.text)
	case runRetrip:
		m.Probes++
	case runReload:
		m.end(PhaseAborted, reasonOr(in.text, "the file changed"))
	case runSupersede:
		m.end(PhaseSuperseded, reasonOr(in.text, "a newer start took its place"))
	case runRestart:
		m.Last = in.at
		if m.Task != 0 {
			m.put(m.task())
		}
	}
}

func (m *move) put(a runAction) { m.todo = append(m.todo, a) }

func (m *move) tell(kind, text string) { m.put(runAction{do: runTell, kind: kind, text: text}) }

// tellOnce tells why the run waits, once in a stage.
func (m *move) tellOnce(about, text string) {
	if m.told(about) {
		return
	}
	m.Told = append(slices.Clip(m.Told), about)
	kind := "rollout"
	if about == "approval" {
		kind = about // people are asked for something
	}
	m.tell(kind, text)
}

// lower brings the canary's weight down to at most weightBP.
func (m *move) lower(weightBP int) {
	m.WeightBP = min(m.WeightBP, weightBP)
	m.put(runAction{do: runLower, weightBP: m.WeightBP})
}

func reasonOr(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
