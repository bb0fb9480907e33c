// Package router is the immutable Table, which leads a request to a service
// and a version, and Live, the atomic pointer to the Table in force. The data
// plane calls Match, Pick, Start and Finish for every request: none of them
// locks, blocks or allocates. The package does no I/O and starts no goroutine.
package router

import (
	"net/netip"
	"sync/atomic"
	"time"

	"sluice/analysis"
	"sluice/config"
	"sluice/upstream"
)

// Field is one header line.
type Field struct{ Name, Value []byte }

// Request is what routing looks at. The slices stay the caller's and are not kept.
type Request struct {
	Method     []byte
	Host       []byte // authority as sent, port and case included
	Path       []byte // normalised: see Normalize
	Query      []byte // raw, without '?'
	Fields     []Field
	ClientIP   netip.Addr
	Replayable bool   // may be sent twice: idempotent and without a body
	Rand       uint64 // uniformly random; a seeded one makes Pick repeatable
}

// Table is one immutable generation of routing. A request loads it once and
// uses it to the end, so no request sees half of two configurations.
type Table struct{}

// Build compiles cfg. Living parts (pools' endpoints, versions, splits) are
// taken over from prev (nil: none) by identity; weights holds the live weights
// of services whose split must be made anew (new, or changed in the file);
// services not in it keep the split of prev.
func Build(cfg *config.Config, prev *Table, weights map[string]config.Weights) (*Table, error) {
	return &Table{}, nil
}

// Match returns the most specific route for r, or nil.
func (t *Table) Match(r *Request) *Route { return nil }

// Service returns a service by name, or nil. Services are in file order.
func (t *Table) Service(name string) *Service { return nil }
func (t *Table) Services() []*Service         { return nil }

// Pools are all pools of the table, for the prober and for retirement.
func (t *Table) Pools() []*upstream.Pool { return nil }

// Route is one compiled route.
type Route struct {
	Service      *Service
	AllowRawPath bool
}

// Service is one generation of a service: immutable, with living parts behind pointers.
type Service struct {
	Name     string
	Versions []*Version       // living; index i belongs to Pools[i]
	Pools    []*upstream.Pool // this generation's endpoints
	Shield   []bool           // this generation's setting, by index
	Split    *Split           // living
	Policy   Policy
}

// Policy is what the proxy needs to know of a service, free of config types.
type Policy struct {
	ConnectTimeout, ResponseTimeout, IdleTimeout, WholeTimeout, TunnelTimeout time.Duration // zero: none
	MaxBody                                                                   int64         // bytes; 0: no limit
	Attempts                                                                  int           // at least 1
	RetryOn                                                                   RetryOn
	RetryBudget                                                               float64 // share of active requests
	Sticky                                                                    Sticky
	Mirror                                                                    *Mirror // nil: none
	Request                                                                   HeaderEdit
	Response                                                                  HeaderEdit
}

// RetryOn says which failures of a replayable request are tried again.
type RetryOn struct {
	ConnectError, Reset, Timeout bool
	Statuses                     []int
}

// Sticky is where the key comes from; all empty: no stickiness.
type Sticky struct {
	Cookie, Header, Query string
	ClientIP              bool
}

// HeaderEdit sets, then removes. Names are canonical, values checked.
type HeaderEdit struct {
	Set    []Field
	Remove []string
}

// Mirror says what to copy, and where to.
type Mirror struct {
	Version *Version
	Pool    *upstream.Pool
	Share   float64  // 0..1
	Methods []string // upper case
	MaxBody int64
	Timeout time.Duration
}

// Version is the living identity of one version of a service: it outlives
// tables, so that counts and state survive reloads.
type Version struct {
	Service, Name string
	Split, Ruled  analysis.Recorder // split by chance or sticky hash; sent by rules
	Trip          analysis.Trip
	Active        atomic.Int64                     // requests in flight
	Retrying      atomic.Int64                     // retries in flight
	Retries       [analysis.Outcomes]atomic.Uint64 // outcomes of attempts after the first
	Shielded      atomic.Uint64                    // failures that stable answered instead
	ShieldBudget  Budget
}

// State is the version's state now.
func (v *Version) State() config.State { return config.Active }

// Budget lets through a share of what was counted in the last 10 s, and at
// least 10 a second. Safe for concurrent use; the zero value is ready.
type Budget struct{}

// Count counts one request; Allow takes one permit, if there is one. now is analysis.Now.
func (b *Budget) Count(now int64)      {}
func (b *Budget) Allow(now int64) bool { return false }

// Split is the living share of a service's versions.
type Split struct{}

// Weights is the split in force, for display.
func (s *Split) Weights() config.Weights { return config.Weights{} }

// Shares is what each version gets now, 0..1, states and fallback applied, by Versions index.
func (s *Service) Shares() []float64 { return nil }

// Stable is the index of the version that is stable now.
func (s *Service) Stable() int { return 0 }

// Why says how a version was chosen.
type Why uint8

// Reasons of a choice.
const (
	ByWeight Why = iota
	BySticky
	ByRule
	ByFallback // the version chosen may not be used
	ByProbe    // a tripped version is tried again
)

// Choice is a version for one request.
type Choice struct {
	Version *Version
	Pool    *upstream.Pool
	Index   int
	Why     Why
	Shield  bool     // a failure is to be answered by stable, if the request is replayable
	NewKey  [22]byte // sticky key to set as a cookie, if SetKey
	SetKey  bool
}

// Pick chooses a version for r: rules, then sticky key, then weights; if the
// one chosen may not be used, stable, else the best usable one. It never
// returns a nil version. It takes a Choice to fill so as not to allocate.
func (s *Service) Pick(r *Request, c *Choice) {}

// Alternative fills c with the stable version for a request that failed on
// c.Version (shield). It reports false if stable is c.Version or may not be used,
// or the shield's budget is spent.
func (s *Service) Alternative(c *Choice, now int64) bool { return false }

// Start counts a first attempt sent at start (analysis.Now).
func (s *Service) Start(c *Choice, shard uint32, start int64) {}

// Finish counts its end. A failure is put to the trip, which may cut the version here.
func (s *Service) Finish(c *Choice, shard uint32, start, end int64, o analysis.Outcome) {}

// Live points at the Table in force. Load never blocks. Its other methods
// serialise writers. It is what package rollout drives.
type Live struct{}

// NewLive starts with an empty table.
func NewLive() *Live { return &Live{} }

func (l *Live) Load() *Table   { return &Table{} }
func (l *Live) Store(t *Table) {}

// Services are the names of all services, in file order.
func (l *Live) Services() []string { return nil }

// Arms are a service's versions as the judge sees them; nil for an unknown service.
func (l *Live) Arms(service string) []analysis.Arm { return nil }

// Weights returns a service's live weights, roles and states.
func (l *Live) Weights(service string) (config.Weights, bool) { return config.Weights{}, false }

// SetWeights replaces stable and weights of a service (not the states).
func (l *Live) SetWeights(service string, w config.Weights) error { return nil }

// SetState sets a version's state. A plain store: nothing can block it.
func (l *Live) SetState(service, version string, s config.State) error { return nil }

// Probe lets a tripped version be tried again by a trickle of replayable requests.
func (l *Live) Probe(service, version string) {}

// Cuts tells of trips decided inline; bounded, the newest is dropped when nobody reads
// (states tell the rest).
func (l *Live) Cuts() <-chan analysis.Cut { return nil }

// Normalize decodes and cleans a raw path for routing, into dst. ok is false
// if the raw path holds %2f, %5c, %00, "..;" or dot segments, or a bad escape;
// the result is then what a backend would most likely make of it.
func Normalize(dst, raw []byte) (path []byte, ok bool) { return nil, false }
