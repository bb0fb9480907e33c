// Package router is the immutable Table, which leads a request to a service
// and a version, and Live, the atomic pointer to the Table in force. The data
// plane calls Match, Pick, Start and Finish for every request: none of them
// locks, blocks or allocates. The package does no I/O but for the TLS files that
// Build has read, and starts no goroutine.
package router

import (
	"time"

	"sluice/analysis"
	"sluice/config"
	"sluice/upstream"
)

// Table is one immutable generation of routing. A request loads it once and
// uses it to the end, so no request sees half of two configurations. The zero
// value routes nothing.
type Table struct {
	services []*Service
	names    []string
	byName   map[string]*Service
	pools    []*upstream.Pool
	index    index
}

// Match returns the most specific route for r, or nil. The order is:
//
//  1. host: exact, then the wildcard with the longest suffix ("*.example.com"
//     stands for one label or more), then routes for any host. Case, port and a
//     trailing dot do not count; IPv6 literals match with or without brackets;
//  2. path: exact, then the longest prefix on a segment boundary (a trailing
//     slash of the prefix does not count), then regular expressions, which are
//     anchored at both ends, then the prefix "/", which asks nothing of the path;
//  3. the number of further conditions: methods count as one, every header,
//     cookie and query parameter as one;
//  4. order in the file.
//
// Where the further conditions fail, the next candidate in this order is tried,
// down to routes for any host. The cost does not grow with the number of
// services, hosts, exact paths and prefixes; it grows with the number of regular
// expressions under the same host, and of routes that differ in their further
// conditions only. Conditions on a header, cookie or parameter that occurs
// several times hold if they hold for one of its values.
func (t *Table) Match(r *Request) *Route { return t.index.match(r) }

// Service returns a service by name, or nil.
func (t *Table) Service(name string) *Service { return t.byName[name] }

// Services are in file order. The slice is the table's: not to be changed.
func (t *Table) Services() []*Service { return t.services }

// Pools are all pools of the table, for the prober and for retirement. The
// slice is the table's: not to be changed.
func (t *Table) Pools() []*upstream.Pool { return t.pools }

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

	rules    []rule
	preview  preview
	direct   *Route // of preview listeners
	shielded bool   // any of Shield
	cuts     chan analysis.Cut
	takeOver takeOver
}

// takeOver is what takes effect when the table comes into force, and not
// before: a table that was built in vain has changed nothing. Live's writers
// alone read and clear it.
type takeOver struct {
	tripOff bool
	states  map[string]config.State // of a split made anew
	regroup bool                    // the split is that of the table before, in another order of versions
}

// names are the versions' names, by index.
func (s *Service) names() []string {
	names := make([]string, len(s.Versions))
	for i, v := range s.Versions {
		names[i] = v.Name
	}
	return names
}

// version returns a version by name, or nil.
func (s *Service) version(name string) *Version {
	for _, v := range s.Versions {
		if v.Name == name {
			return v
		}
	}
	return nil
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
	ReadsLoad                                                                 bool // endpoint-load-metrics of first attempts goes to Version.Load
}

// RetryOn says which failures of a replayable request are tried again.
type RetryOn struct {
	ConnectError, Reset, Timeout bool
	Statuses                     []int
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
	MaxBody int64    // bytes
	Timeout time.Duration
	Compare bool     // the copy's answer with stable's
	Ignore  []string // paths into JSON answers that are not compared
	Headers []string // of answers, compared besides the status
}
