// Package upstream is what a request can be sent to: Endpoint (address,
// connection pool, requests in flight, health) and Pool, a version's
// endpoints with its limits. It also checks health and re-resolves names;
// Prober.Run owns the goroutines of both. It imports nothing of ours.
package upstream

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"time"
)

// ErrNoEndpoint says that a pool has no endpoint that may be used.
// ErrOverLimit says that the version's connection and pending limits are reached.
var (
	ErrNoEndpoint = errors.New("no usable endpoint")
	ErrOverLimit  = errors.New("connection and pending limits reached")
)

// Options describe a version's pool. Zero limits mean none.
type Options struct {
	Service, Version string
	Endpoints        []Address
	TLS              *tls.Config // for https endpoints; nil: the system's roots
	TLSKey           string      // identity of TLS: endpoints are carried over a reload only if it is equal
	ConnectTimeout   time.Duration
	IdleTimeout      time.Duration // pooled connections idle longer are closed; default 4s less than common servers' (55s)
	MaxConnections   int           // per version
	MaxPending       int           // waiting for a connection
	Health           *Health       // nil: no active checks
}

// Address is an endpoint as declared.
type Address struct {
	URL    string // as written; the endpoint's identity
	Scheme string // http | https
	Host   string // name or IP literal
	Port   int
}

// Health is how the endpoints of a pool are checked actively.
type Health struct {
	Interval, Timeout                    time.Duration
	HealthyThreshold, UnhealthyThreshold int
	Checks                               []Check
}

// Check is one request and what is expected of its answer.
type Check struct {
	Path, Host string
	Status     int
	JSON       map[string]any
}

// Pool is the endpoints of one version. Safe for concurrent use.
type Pool struct{}

// New makes a pool, taking over from prev (may be nil) every endpoint with the
// same URL and TLS identity: its connections, health and counts. It starts nothing.
func New(o Options, prev *Pool) (*Pool, error) { return &Pool{}, nil }

// Pick chooses an endpoint: two random choices, the one with fewer requests in
// flight plus its penalty for recent failures; ejected and unhealthy endpoints
// only under panic. avoid (may be nil) is taken only if it is the last one.
// The caller must call Endpoint.Done exactly once for each success of Pick.
func (p *Pool) Pick(avoid *Endpoint) (*Endpoint, error) { return nil, ErrNoEndpoint }

// Usable reports whether any endpoint passes its active checks (true without
// checks, and before the first result). Lock-free.
func (p *Pool) Usable() bool { return true }

// Endpoints returns the endpoints in force now: one per resolved address.
func (p *Pool) Endpoints() []*Endpoint { return nil }

// Retire closes idle connections of endpoints that no pool in next uses; those
// in use finish their requests and are then closed.
func (p *Pool) Retire(next []*Pool) {}

// Endpoint is one address that requests can be sent to.
type Endpoint struct{}

// URL is the endpoint as declared; Addr the address dialled now (ip:port).
func (e *Endpoint) URL() string  { return "" }
func (e *Endpoint) Addr() string { return "" }

// Authority is host:port as declared, without a default port, for Host headers of our own requests.
func (e *Endpoint) Authority() string { return "" }
func (e *Endpoint) Healthy() bool     { return true }
func (e *Endpoint) Ejected() bool     { return false }
func (e *Endpoint) InFlight() int64   { return 0 }

// Done ends what Pick began: failed feeds passive ejection and the penalty.
func (e *Endpoint) Done(failed bool) {}

// Conn returns a connection: an idle one (checked by a non-blocking peek if it
// idled over a second) unless fresh is set, else a new one within the limits and the
// connect timeout. ctx cancels waiting and dialling. Errors wrap ErrOverLimit
// or the dial's cause.
func (p *Pool) Conn(ctx context.Context, e *Endpoint, fresh bool) (*Conn, error) {
	return nil, ErrNoEndpoint
}

// Conn is one connection to an endpoint with its read buffer. It belongs to
// one goroutine at a time.
type Conn struct {
	net.Conn
	Reader *bufio.Reader
	Reused bool // has carried an exchange before
}

// Release gives the connection back for reuse. The answer must have been read
// to its end; a connection with unread bytes is closed instead.
func (c *Conn) Release() {}

// Discard closes the connection and frees its place. Safe to call after Release or twice.
func (c *Conn) Discard() {}

// Prober runs active checks and name resolution for the pools in force.
type Prober struct{}

// NewProber makes a Prober; logf-like reporting goes through onChange, called
// after an endpoint's health changed (never concurrently).
func NewProber(onChange func(Change)) *Prober { return &Prober{} }

// Change is a change of an endpoint's health.
type Change struct {
	Service, Version, Endpoint string
	Healthy                    bool
	Ejected                    bool
	Reason                     string
	Last                       bool // no endpoint of the version is usable any more
}

// Watch replaces the set of pools looked after. Safe while Run runs.
func (p *Prober) Watch(pools []*Pool) {}

// Run looks after the watched pools until ctx ends and returns nil.
func (p *Prober) Run(ctx context.Context) error { <-ctx.Done(); return nil }
