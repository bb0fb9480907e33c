// Package rollout decides what share of traffic each version gets: the guard
// and, in a later release, whole rollouts. Deciding is a pure function;
// Controller is the one goroutine around it, and the only place where weights
// and states are changed. It never imports the router: Traffic is what it needs
// of it.
package rollout

import (
	"context"
	"errors"
	"log/slog"
	"time"

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
}

// Errors of commands.
var (
	ErrUnknown  = errors.New("unknown service or version")
	ErrStale    = errors.New("the split has changed since it was read")
	ErrConflict = errors.New("not allowed in the present state")
	ErrInvalid  = errors.New("invalid request")
)

// Options of a Controller. Usable (nil: always true) tells whether a version has
// an endpoint that passes its checks.
type Options struct {
	Traffic  Traffic
	StateDir string // "" keeps nothing
	Usable   func(service, version string) bool
	Logger   *slog.Logger // nil discards
}

// Controller is the one goroutine that decides.
type Controller struct{}

// New checks o and reads the state directory. A corrupt state file is kept
// aside, reported as an event, and stands for "no state".
func New(o Options) (*Controller, error) { return &Controller{}, nil }

// Run judges and reacts until ctx ends, saves what is live, and returns nil.
func (c *Controller) Run(ctx context.Context) error { <-ctx.Done(); return nil }

// Reload brings a configuration into force: it works out which services need
// their split made anew (contract: "Live weights and the file"), calls swap with
// these, and, if swap succeeds, adopts cfg. Also the way a process starts.
func (c *Controller) Reload(cfg *config.Config, swap func(fresh map[string]config.Weights) error) error {
	return swap(nil)
}

// Command is a change asked for by a person or a program.
type Command struct {
	Service string
	By      string // who, for the record: "api:ci"
	Reason  string
	IfMatch string // ETag; "" or "*" match anything
	DryRun  bool
}

// SetWeights replaces the weights. bp must name known versions and sum to 10000;
// versions left out get 0. Errors wrap ErrUnknown, ErrStale, ErrConflict or ErrInvalid.
func (c *Controller) SetWeights(cmd Command, bp map[string]int) (config.Weights, error) {
	return config.Weights{}, nil
}

// SetState sets a version's state: active, drain or off; active releases a
// quarantine or a trip.
func (c *Controller) SetState(cmd Command, version string, s config.State) (config.Weights, error) {
	return config.Weights{}, nil
}

// ETag identifies the live weights and states of a service.
func (c *Controller) ETag(service string) string { return "" }

// Declared is what the file says of a service, beside what is live.
func (c *Controller) Declared(service string) config.Weights { return config.Weights{} }

// Decisions of a service, newest first.
func (c *Controller) Decisions(service string) []Decision { return nil }

// Journal is the controller's event log.
func (c *Controller) Journal() *Journal { return nil }

// Rollbacks counts cuts since the start, for metrics.
func (c *Controller) Rollbacks() map[RollbackKey]uint64 { return nil }

// RollbackKey labels a count of cuts. Reason is trip, error_rate, …
type RollbackKey struct{ Service, Version, Reason string }

// Decision is one verdict or trip with everything it stands on.
type Decision struct {
	ID       string         `json:"id"`
	Time     time.Time      `json:"time"`
	Service  string         `json:"service"`
	Version  string         `json:"version"`
	Kind     string         `json:"kind"`   // trip | restore | verdict | alert
	Action   string         `json:"action"` // cut | quarantine | pause | alert | restore
	Metric   string         `json:"metric,omitempty"`
	Summary  string         `json:"summary"` // one sentence for people
	Evidence map[string]any `json:"evidence"`
}

// Event is one thing that happened.
type Event struct {
	ID      uint64         `json:"id"`
	Time    time.Time      `json:"time"`
	Type    string         `json:"type"` // weights, state, trip, restore, verdict, alert, reload, endpoint, …
	Service string         `json:"service,omitempty"`
	Version string         `json:"version,omitempty"`
	By      string         `json:"by,omitempty"`
	Message string         `json:"message"`
	Fields  map[string]any `json:"fields,omitempty"`
}

// Journal keeps the newest events and hands them to subscribers. Safe for concurrent use.
type Journal struct{}

// Add stamps and stores an event.
func (j *Journal) Add(e Event) {}

// Since returns the kept events after id, oldest first, and whether some between
// were already forgotten.
func (j *Journal) Since(id uint64) (events []Event, gap bool) { return nil, false }

// Changed returns a channel that is closed when a further event is added.
func (j *Journal) Changed() <-chan struct{} { return nil }
