package proxy

import (
	"slices"

	"sluice/analysis"
	"sluice/router"
)

// step is what an exchange does after an attempt.
type step uint8

const (
	deliver    step = iota // the answer goes to the client
	retrySame              // another attempt at the same version, another endpoint if there is one
	retryFresh             // the same endpoint on a new connection: the old one had died while idle
	shield                 // stable answers instead
	giveUp                 // the proxy answers itself, or the client's connection is aborted
)

// attempt is what decide looks at: one attempt that has come to the head of a
// final answer, or to its end without one.
type attempt struct {
	number     int // 1 is the first; retries on a fresh connection don't count
	outcome    analysis.Outcome
	status     int  // of the answer; 0: none came
	replayable bool // idempotent, and its body, if any, is still at hand
	unsent     bool // not one byte of the request went out
	begun      bool // something of an answer went to the client
	stale      bool // a reused connection died before a byte of an answer
	mayShield  bool // the version asks for it and stable has not been asked yet
	mayRetry   bool // the budget and the time left allow one more attempt
	attempts   int  // allowed in all
	on         *router.RetryOn
}

// decide is the exchange policy: pure, and the same for every engine. Retries
// come before the shield: they stay within the version that was chosen.
func decide(a *attempt) step {
	answered := a.status != 0
	if a.begun {
		return giveUp
	}
	if answered && !a.outcome.Failed() {
		return deliver
	}
	if a.outcome == analysis.ClientGone {
		return giveUp
	}
	if a.stale && (a.replayable || a.unsent) {
		return retryFresh
	}
	again := a.replayable || a.unsent || a.outcome == analysis.ConnectError
	switch {
	case again && a.mayRetry && a.number < a.attempts && wants(a.on, a.outcome, a.status):
		return retrySame
	case a.replayable && a.mayShield && (a.outcome.Failed() || a.outcome == analysis.LocalRefusal):
		return shield
	case answered:
		return deliver
	}
	return giveUp
}

// wants reports whether the policy's list names this kind of failure.
func wants(on *router.RetryOn, o analysis.Outcome, status int) bool {
	switch {
	case status != 0:
		return slices.Contains(on.Statuses, status)
	case o == analysis.ConnectError:
		return on.ConnectError
	case o == analysis.Reset || o == analysis.BadResponse:
		return on.Reset
	case o == analysis.Timeout:
		return on.Timeout
	}
	return false
}

// budgetFree holds retries to a share of the version's active requests, three
// at least, so that a sick version is not asked twice as much.
func budgetFree(v *router.Version, share float64) bool {
	return float64(v.Retrying.Load()) < max(3, share*float64(v.Active.Load()))
}
