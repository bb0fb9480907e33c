// Package proxy serves requests: listeners, the HTTP/1 engine, the exchange
// policy (attempts, retry, shield, mirror), tunnels, access log, draining.
// Server.Run owns every goroutine of the data plane.
package proxy

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net/netip"
	"time"

	"sluice/router"
)

// Options of a Server.
type Options struct {
	Live      *router.Live
	AccessLog *AccessLog   // nil: none
	Logger    *slog.Logger // nil discards
}

// Settings hold for all requests and may change at a reload.
type Settings struct {
	HeadTimeout, KeepAliveTimeout, BodyTimeout, WriteTimeout time.Duration
	MinBodyRate                                              int64 // bytes/s; 0: no limit
	MaxHeadBytes                                             int
	MaxHeaders                                               int
	MaxConnections                                           int
	TrustedProxies                                           []netip.Prefix
	Via                                                      string
	Underscores                                              bool
}

// Listener is one socket to serve. Key identifies it: sockets whose address
// stays are not touched, their TLS settings are replaced.
type Listener struct {
	Address string
	TLS     *tls.Config // nil: plain text; built by Certificates
}

// Server is the data plane.
type Server struct{}

// New checks o. It opens and starts nothing.
func New(o Options) (*Server, error) { return &Server{}, nil }

// Configure swaps the settings; requests that began keep theirs.
func (s *Server) Configure(st Settings) {}

// Listen makes exactly these sockets the open ones: new ones are opened first
// (an error leaves all as it was), then those no longer listed are closed; their
// connections live on.
func (s *Server) Listen(listeners []Listener) error { return nil }

// Run serves until ctx ends, and returns when its goroutines have.
func (s *Server) Run(ctx context.Context) error { <-ctx.Done(); return nil }

// Drain stops accepting, tells clients to close with jitter over the time that
// ctx leaves, and returns when nothing is in flight or ctx ends.
func (s *Server) Drain(ctx context.Context) error { return nil }

// Stats are the data plane's own counters.
func (s *Server) Stats() Stats { return Stats{} }

// Stats since the start, but for Connections, which is now.
type Stats struct {
	Connections map[string]int64  // by listener address
	Refused     map[string]uint64 // requests refused before routing, by reason
	Unrouted    uint64            // no route
	Mirrors     []MirrorCount
	LogDropped  uint64 // access-log lines
	Tunnels     int64  // open now
}

// MirrorCount counts copies by result: sent, failed, dropped, skipped, …
type MirrorCount struct {
	Service, Version, Result string
	Count                    uint64
}
