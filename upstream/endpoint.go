package upstream

import (
	"net/netip"
	"sync/atomic"
)

// Endpoint is one address that requests can be sent to. Safe for concurrent use.
type Endpoint struct {
	target  *target
	primary netip.AddrPort
	addr    string                 // primary as text
	other   atomic.Pointer[string] // ip:port of the other address family; nil: none
	swapped atomic.Bool            // other answered where primary did not
	idle    idle
	racers  racers
	retired atomic.Bool

	down     atomic.Bool // by active checks
	proven   atomic.Bool // by active checks
	past     ejections   // guarded by version.ejecting
	_        [64]byte    // what requests write is one cache line (tested), not those that they read
	inFlight atomic.Int64
	well     atomic.Uint64 // judged and good, cumulative
	ejection atomic.Int64  // see eject.go; 0: in service
	streak   atomic.Int32  // failures in a row
	penalty  penalty
	failed   atomic.Uint64 // judged and bad, cumulative
	answered atomic.Int64  // see overdue.go
	overdue  atomic.Int64
	_        [64]byte
}

func newEndpoint(t *target, at netip.AddrPort) *Endpoint {
	return &Endpoint{target: t, primary: at, addr: at.String()}
}

// URL is the endpoint as declared.
func (e *Endpoint) URL() string { return e.target.URL }

// Addr is the address dialled now (ip:port).
func (e *Endpoint) Addr() string {
	if other := e.other.Load(); other != nil && e.swapped.Load() {
		return *other
	}
	return e.addr
}

// Primary is the address that tells the endpoint from others (ip:port). It never changes.
func (e *Endpoint) Primary() string { return e.addr }

// Authority is host:port as declared, without a default port, for Host headers of our own requests.
func (e *Endpoint) Authority() string { return e.target.authority() }

// Preamble is what a connection of our own to the endpoint must begin with, before TLS; nil: nothing.
func (e *Endpoint) Preamble() []byte { return AppendPreamble(nil, e.target.preamble, Client{}) }

// Healthy is what active checks say; true without them and before their first
// failing threshold.
func (e *Endpoint) Healthy() bool { return !e.down.Load() }

// Proven reports whether as many active checks as make an endpoint healthy have passed in a row since it is
// known, and it is Healthy: a new one is trusted with requests before, but has shown nothing yet.
func (e *Endpoint) Proven() bool { return e.proven.Load() && e.Healthy() }

// Ejected reports whether failures took the endpoint out of service, until a
// probing request has passed.
func (e *Endpoint) Ejected() bool { return e.ejection.Load() != 0 }

// InFlight counts what Pick chose and Done or Abandon has not ended.
func (e *Endpoint) InFlight() int64 { return e.inFlight.Load() }

// Judge counts an attempt by which the endpoint is compared with others of its
// version, besides the Done that ends it. Wait-free.
func (e *Endpoint) Judge(failed bool) {
	if failed {
		e.failed.Add(1)
	} else {
		e.well.Add(1)
	}
}

// Judged counts what Judge was told since the endpoint was made, and how much of it
// failed; they only grow.
func (e *Endpoint) Judged() (requests, failed uint64) {
	failed = e.failed.Load()
	return e.well.Load() + failed, failed
}

// Done ends what Pick began: failed feeds passive ejection and the penalty.
func (e *Endpoint) Done(failed bool) {
	e.inFlight.Add(-1)
	if failed {
		e.failure(clock())
		return
	}
	if e.streak.Load() != 0 {
		e.streak.Store(0)
	}
	if e.ejection.Load() != 0 {
		e.success(clock())
	}
}

// Abandon ends what Pick began without a finding about the endpoint: the client
// left, or the request was refused before it was sent. Call it instead of Done.
func (e *Endpoint) Abandon() {
	e.inFlight.Add(-1)
	if w := e.ejection.Load(); w&probing != 0 {
		e.ejection.CompareAndSwap(w, w&^probing)
	}
}

// inService reports whether requests may be sent without further thought.
func (e *Endpoint) inService() bool { return e.ejection.Load() == 0 && !e.down.Load() }

// standIn sets the i-th of the other family's addresses as the one to fall back on.
func (e *Endpoint) standIn(others []netip.Addr, i int) {
	if len(others) == 0 {
		e.other.Store(nil)
		return
	}
	s := netip.AddrPortFrom(others[i%len(others)], e.primary.Port()).String()
	e.other.Store(&s)
}

func (e *Endpoint) retire() {
	e.retired.Store(true)
	for _, l := range e.idle.drain() {
		l.end()
	}
}
