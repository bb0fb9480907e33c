package rollout

import "time"

// runHappening says what an input of a run tells.
type runHappening uint8

const (
	runTick      runHappening = iota // time passed; seen says how things are
	runDone                          // the task ended: ok and text; a task that was not asked for last is stale
	runVerb                          // a person's or a program's command
	runCut                           // the guard condemned the canary, or exposed failures exceed their limit: text
	runBreach                        // it breached under action pause or alert: text
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
	endpoints  int     // of the canary that are ready
	open       bool    // a window is open now, or there are none
	difference float64 // of shadow: the share beyond the noise, 0..1
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

// advance is a run's whole behaviour: where it stands and what happened give
// where it stands then and what is to be done, in order. It has no clock and does
// no I/O; r is left as it was. What a run is not open to changes nothing.
func advance(r run, in runInput) (run, []runAction) {
	return r, nil
}

// begin is the start of a run: the canary is released and without traffic, and
// the first task is asked for.
func begin(it itinerary, id, by string, at time.Time) (run, []runAction) {
	return run{ID: id, By: by, StartedAt: at, Plan: it, Phase: PhaseChecking, Stage: -1, Entered: -1, Last: at}, nil
}

// allows reports whether verb has a meaning where r stands; the error wraps
// ErrConflict and says where that is and what is possible.
func (r *run) allows(verb string) error { return nil }

// status is what the run itself knows of a Status.
func (r *run) status() Status { return Status{} }
