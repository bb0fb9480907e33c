package proxy

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"sluice/router"

	"github.com/valyala/fasthttp"
)

// Server is the data plane. fasthttp's server accepts and runs connections on
// its pool of goroutines; each is handed to a loop of our own through NextProto.
// fasthttp's loop has holes that a handler can't mend: what a handler leaves
// unread of a body is parsed as the next request (fasthttp#2368), nothing
// tells that a client left (#965), answers to HTTP/1.0 clients are chunked,
// fixed-length streams wait for a full buffer, a refused Expect poisons the
// connection, and a second Content-Encoding or Content-Type line replaces the first.
type Server struct {
	live     *router.Live
	log      *AccessLog
	logger   *slog.Logger
	inherit  func(address string) (net.Listener, error)
	settings atomic.Pointer[Settings]
	accepts  *fasthttp.Server
	mirrors  *mirrors
	conns    registry
	pipes    pipes // for splicing
	counts   counters

	mu        sync.Mutex
	sockets   []*socket
	runs      context.Context // nil until Run, and after it
	serving   sync.WaitGroup  // accept loops
	accepting atomic.Int64    // loops of serving that may still bring connections
	dials     sync.WaitGroup  // that may outlive their requests

	stopping atomic.Bool // Run is ending: nothing is waited for any more
	drain    atomic.Pointer[drainWindow]
}

// New checks o. It opens and starts nothing.
func New(o Options) (*Server, error) {
	if o.Live == nil {
		return nil, errors.New("proxy: no routing table given")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{live: o.Live, log: o.AccessLog, logger: o.Logger, inherit: o.Inherit}
	s.conns.open = make(map[*clientConn]struct{})
	s.counts.refused = make(map[string]*atomic.Uint64)
	for _, r := range refusals {
		s.counts.refused[r.reason] = new(atomic.Uint64)
	}
	s.mirrors = newMirrors(mirrorLimits{}, o.Logger)
	s.settings.Store(Settings{}.withDefaults())
	s.accepts = &fasthttp.Server{
		Logger:      quiet{},
		Concurrency: 1 << 30, // Settings.MaxConnections is the limit, and the socket holds it
		// The pool's sweeper sleeps this long and can't be woken: a short
		// sleep lets it end soon after Run.
		MaxIdleWorkerDuration: 200 * time.Millisecond,
	}
	s.accepts.NextProto("", s.serveConn)
	s.accepts.NextProto("http/1.1", s.serveConn)
	return s, nil
}

// quiet drops fasthttp's own log lines: what matters is logged where it happens.
type quiet struct{}

func (quiet) Printf(string, ...any) {}

// Configure swaps the settings; requests that began keep theirs.
func (s *Server) Configure(st Settings) { s.settings.Store(st.withDefaults()) }

// Run serves until ctx ends, and returns when its goroutines have. Connections
// still open then are closed: Drain first to let them finish.
func (s *Server) Run(ctx context.Context) error {
	runs, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	s.mu.Lock()
	if s.runs != nil {
		s.mu.Unlock()
		return errors.New("proxy: already running")
	}
	s.runs = runs
	s.conns.reopen()
	s.stopping.Store(false)
	for _, k := range s.sockets {
		s.accept(k)
	}
	s.mu.Unlock()

	copies := make(chan struct{})
	go func() {
		defer close(copies)
		_ = s.mirrors.Run(runs) // ends with runs, and only then
	}()
	<-ctx.Done()
	s.stop()
	cancel()
	<-copies
	s.serving.Wait()
	s.conns.closeAll()
	s.conns.wait()
	s.pipes.close()
	s.dials.Wait() // runs has ended, and no request is left that could begin one
	s.mu.Lock()
	s.runs = nil
	s.mu.Unlock()
	return nil
}

// Close closes the sockets of a Server that never ran. Run's end does it for one that did.
func (s *Server) Close() { s.stop() }

// stop ends waiting everywhere and closes the sockets.
func (s *Server) stop() {
	s.stopping.Store(true)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.sockets {
		k.close()
	}
	s.sockets = nil
}

// context is what dials wait under.
func (s *Server) context() context.Context {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.runs == nil {
		return context.Background()
	}
	return s.runs
}
