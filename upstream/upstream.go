// Package upstream is what a request can be sent to: Endpoint (address,
// connection pool, requests in flight, health) and Pool, a version's
// endpoints with its limits. It also checks health and re-resolves names;
// Prober.Run owns the goroutines of both. It imports nothing of ours.
//
// The proxy calls Pick, Conn, Release and Done for every request: none of them
// blocks or allocates as long as an idle connection is at hand.
package upstream

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// ErrNoEndpoint says that a pool has no endpoint that may be used.
// ErrOverLimit says that the version's connection and pending limits are reached.
// ErrHandshake says that an address was reached, and TLS did not come about.
var (
	ErrNoEndpoint = errors.New("no usable endpoint")
	ErrOverLimit  = errors.New("connection and pending limits reached")
	ErrHandshake  = errors.New("tls handshake")
)

const (
	defaultConnectTimeout = time.Second
	// Four seconds less than the shortest keep-alive that common servers have
	// (nginx and Apache behind balancers: 60 s and more), so that we close first.
	defaultIdleTimeout = 55 * time.Second
)

// Options describe a version's pool. Zero limits mean none.
type Options struct {
	Service, Version string
	Endpoints        []Address   // one listed twice is used once
	TLS              *tls.Config // for https endpoints; nil: the system's roots
	TLSKey           string      // identity of TLS: endpoints are carried over a reload only if it is equal
	// ConnectTimeout bounds waiting for a place under MaxConnections, and then
	// the dial with its TLS handshake, each; default 1s.
	ConnectTimeout time.Duration
	IdleTimeout    time.Duration // pooled connections idle longer are closed; default 55s, below common servers' own
	MaxConnections int           // open per version, idle ones included
	MaxPending     int           // requests waiting for a connection; negative: none may wait
	Health         *Health       // nil: no active checks
	Resolver       Resolver      // nil: net.DefaultResolver
	// ProxyProtocol is the version, 1 or 2, of the header that connections begin with; 0: none. A client's
	// requests need connections of its own then, see Pool.Private; those that Conn makes are told as ours.
	ProxyProtocol int
}

// Resolver looks names up. *net.Resolver is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
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
	Interval, Timeout                    time.Duration // between rounds (±10 %), and of one check; default 5s and 1s
	HealthyThreshold, UnhealthyThreshold int           // rounds in a row; default 2 and 3
	Checks                               []Check       // all must pass
}

// Check is one request and what is expected of its answer.
type Check struct {
	Path, Host string         // default "/" and the endpoint's own authority
	Status     int            // default 200
	JSON       map[string]any // must be contained in the answer; nil: any body
}

// filled returns o with its defaults, or what is wrong with it.
func (o Options) filled() (Options, error) {
	if o.ConnectTimeout <= 0 {
		o.ConnectTimeout = defaultConnectTimeout
	}
	if o.IdleTimeout <= 0 {
		o.IdleTimeout = defaultIdleTimeout
	}
	if o.ProxyProtocol < 0 || o.ProxyProtocol > 2 {
		return o, fmt.Errorf("service %s version %s: PROXY protocol version %d, want 1 or 2", o.Service, o.Version, o.ProxyProtocol)
	}
	if o.Resolver == nil {
		o.Resolver = net.DefaultResolver
	}
	for _, a := range o.Endpoints {
		if err := a.check(); err != nil {
			return o, fmt.Errorf("service %s version %s: %w", o.Service, o.Version, err)
		}
	}
	if o.Health != nil {
		h, err := o.Health.filled()
		if err != nil {
			return o, fmt.Errorf("service %s version %s: %w", o.Service, o.Version, err)
		}
		o.Health = h
	}
	return o, nil
}

func (a Address) check() error {
	switch {
	case a.Scheme != "http" && a.Scheme != "https":
		return fmt.Errorf("endpoint %q: scheme %q, want http or https", a.URL, a.Scheme)
	case a.Host == "":
		return fmt.Errorf("endpoint %q: no host", a.URL)
	case a.Port < 1 || a.Port > 65535:
		return fmt.Errorf("endpoint %q: port %d, want 1 to 65535", a.URL, a.Port)
	}
	return nil
}

// authority is host:port without the scheme's default port.
func (a Address) authority() string {
	if a.Scheme == "http" && a.Port == 80 || a.Scheme == "https" && a.Port == 443 {
		if strings.Contains(a.Host, ":") {
			return "[" + a.Host + "]"
		}
		return a.Host
	}
	return net.JoinHostPort(a.Host, strconv.Itoa(a.Port))
}

func (h Health) filled() (*Health, error) {
	if h.Interval <= 0 {
		h.Interval = 5 * time.Second
	}
	if h.Timeout <= 0 {
		h.Timeout = time.Second
	}
	if h.HealthyThreshold <= 0 {
		h.HealthyThreshold = 2
	}
	if h.UnhealthyThreshold <= 0 {
		h.UnhealthyThreshold = 3
	}
	h.Checks = append([]Check(nil), h.Checks...)
	for i := range h.Checks {
		if err := h.Checks[i].fill(); err != nil {
			return nil, fmt.Errorf("health check %d: %w", i, err)
		}
	}
	return &h, nil
}

func (c *Check) fill() error {
	if c.Path == "" {
		c.Path = "/"
	}
	if c.Status == 0 {
		c.Status = 200
	}
	if c.Path[0] != '/' {
		return fmt.Errorf("path %q: want a leading slash", c.Path)
	}
	// Both go into the request's head as they are.
	if strings.ContainsFunc(c.Path+c.Host, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return fmt.Errorf("path %q, host %q: blanks and control characters are not allowed", c.Path, c.Host)
	}
	return nil
}
