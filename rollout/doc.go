// Package rollout decides what share of traffic each version gets: the guard
// and whole rollouts. Deciding is two pure functions, step for the guard and
// advance for a rollout; Controller is the one goroutine around them, and the only
// place where weights and states are changed. It never imports the router: Traffic
// is what it needs of it, and Outside what it needs of the rest of the world. Controller.Run owns the
// package's goroutines.
package rollout

import (
	"errors"

	"sluice/analysis"
	"sluice/config"
)

// Traffic is where counts come from and who sets weights: *router.Live.
type Traffic interface {
	Services() []string
	Arms(service string) []analysis.Arm
	Weights(service string) (config.Weights, bool)
	SetWeights(service string, w config.Weights) error
	SetState(service, version string, s config.State) error
	Probe(service, version string)
	Cuts() <-chan analysis.Cut

	// Endpoints appends to to[:0] the cumulative counts of a version's endpoints, in a
	// fixed order while the set does not change. Expel takes one out of service, unless err says why it
	// stays. Neither: it was out, or is gone.
	Endpoints(service, version string, to []analysis.EndpointCounts) []analysis.EndpointCounts
	Expel(service, version, endpoint, why string) (expelled bool, err error)

	// SetCandidate names the version that previews show; "": what the file says.
	SetCandidate(service, version string) error

	// SetStandby names the version that takes over as soon as stable's trip sounds; "": stable is never cut inline.
	SetStandby(service, version string)
}

// Errors of commands.
var (
	ErrUnknown  = errors.New("unknown service or version")
	ErrStale    = errors.New("the split has changed since it was read")
	ErrConflict = errors.New("not allowed in the present state")
	ErrInvalid  = errors.New("invalid request")
)
