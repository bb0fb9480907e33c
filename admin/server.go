// Package admin is the API, event stream, metrics and dashboard on a net/http
// listener of its own. It reads the router and the controller and changes things only
// through the controller, so that every change obeys the same rules, whoever
// asks. It guards itself: roles by token, session or client certificate, Host and Origin
// checks, an audit line per change. Server.Run owns its goroutines.
package admin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"sluice/comparison"
	"sluice/config"
	"sluice/rollout"
	"sluice/router"
	"sluice/series"

	"github.com/prometheus/client_golang/prometheus"
)

// Options of a Server. Config, Live and Controller are needed.
type Options struct {
	Config       func() *config.Config // the one in force; asked at every request, so tokens follow a reload
	Live         *router.Live
	Controller   *rollout.Controller
	Ready        func() (reasons []string)                                // empty: ready; nil: always ready
	Reloads      func() Reloads                                           // nil: no reload metrics
	Collectors   []prometheus.Collector                                   // further metrics (the proxy's own)
	Scaling      *router.Scaling                                          // measures demand; whoever makes it runs it. nil: none is measured
	Series       *series.Keeper                                           // remembers the last hours; whoever makes it runs it. nil: nothing is remembered
	Comparison   func(service string) (report comparison.Report, ok bool) // of mirrored answers; nil: nothing is compared
	StateDir     string                                                   // where the key of signed links is kept; "": they end with the process
	BuildVersion string
	Logger       *slog.Logger // nil discards
	Audit        *slog.Logger // every change; nil: Logger
}

// Reloads tells how reloads went.
type Reloads struct {
	LastOK              bool
	Successes, Failures uint64
}

// Server is the admin listener. Its handler is safe for concurrent use.
type Server struct {
	o        Options
	handler  http.Handler
	throttle *throttle
	sessions *sessions
	links    *linkStore
	index    atomic.Pointer[declaredIndex]

	linkThrottle *throttle    // of wrong links; apart, so that they hold up no token
	auditLimit   *throttle    // of lines about callers that nobody knows
	untold       atomic.Int64 // calls of theirs without a line, since the last one
	origin       *http.CrossOriginProtection
	metrics      http.Handler
	page         map[string]*pageFile // the dashboard's, by name
	streams      atomic.Int64         // event streams open now
	requests     sync.WaitGroup       // handlers running now
}

// New checks o and builds the handler. It opens nothing.
func New(o Options) (*Server, error) {
	if o.Config == nil || o.Live == nil || o.Controller == nil {
		return nil, errors.New("admin: Config, Live and Controller must be given")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Audit == nil {
		o.Audit = o.Logger
	}
	if o.Scaling == nil {
		o.Scaling = router.NewScaling(o.Live)
	}
	if o.Series == nil {
		o.Series = series.New(series.Options{Source: o.Live})
	}
	s := &Server{o: o, throttle: newThrottle(), sessions: newSessions(), linkThrottle: newThrottle(), auditLimit: newThrottle(), origin: http.NewCrossOriginProtection()}
	links, err := openLinks(o.StateDir)
	if err != nil {
		o.Logger.Warn("links not kept", "error", err)
	}
	s.links = links
	metrics, err := newMetrics(o)
	if err != nil {
		return nil, fmt.Errorf("admin: metrics: %w", err)
	}
	s.metrics = metrics
	if s.page, err = builtPage(); err != nil {
		return nil, fmt.Errorf("admin: dashboard: %w", err)
	}
	s.handler = s.mux()
	return s, nil
}

// Times and sizes of the listener. The API is for a handful of operators and
// scrapers, so they are far tighter than the proxy's.
const (
	headTimeout  = 5 * time.Second
	readTimeout  = 30 * time.Second
	writeTimeout = 70 * time.Second // a minute's profile fits
	idleTimeout  = 2 * time.Minute
	stopTimeout  = 5 * time.Second
	maxHeadBytes = 32 << 10
)

// Run serves ln until ctx ends, and closes it. Event streams end at once, other
// calls get five seconds. Run returns nil, or why the listener failed.
func (s *Server) Run(ctx context.Context, ln net.Listener) error {
	if l, ok := ln.(*listener); ok {
		l.files.logTo(s.o.Logger)
	}
	srv := &http.Server{
		Handler:           http.HandlerFunc(s.serveHTTP),
		ReadHeaderTimeout: headTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeadBytes,
		ErrorLog:          slog.NewLogLogger(s.o.Logger.Handler(), slog.LevelDebug),
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(ln) }()
	var err error
	select {
	case err = <-failed:
		err = fmt.Errorf("admin listener %s: %w", ln.Addr(), err)
	case <-ctx.Done():
		s.stop(srv)
		<-failed
	}
	srv.Close() // nothing is left but after a failed Serve
	s.requests.Wait()
	return err
}

// stop lets running calls finish within stopTimeout.
func (s *Server) stop(srv *http.Server) {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	if err := srv.Shutdown(ctx); err != nil {
		s.o.Logger.Warn("admin calls cut short", "error", err)
	}
}

func (s *Server) serveHTTP(w http.ResponseWriter, r *http.Request) {
	s.requests.Add(1)
	defer s.requests.Done()
	s.handler.ServeHTTP(w, r)
}
