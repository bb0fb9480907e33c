package backend

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
)

// Options of a Server.
type Options struct {
	Name      string      // shown in X-Backend; "": the address
	Address   string      // "": 127.0.0.1 with a free port
	TLS       *tls.Config // nil: plain text
	Behaviour Behaviour   // the first one

	// Handler, if set, makes the good answers in place of Behaviour's Status,
	// Body and Header, e.g. to look at requests or to stream. body is the
	// request's, unread and never nil. It may run concurrently.
	Handler func(ctx *fasthttp.RequestCtx, body io.Reader)
}

// Server is one running backend. Its methods are safe for concurrent use.
type Server struct {
	name     string
	url      string
	handler  func(*fasthttp.RequestCtx, io.Reader)
	http     fasthttp.Server
	acceptor *acceptor

	now      atomic.Pointer[episode]
	requests atomic.Uint64
	failures atomic.Uint64

	closed    chan struct{}
	closeOnce sync.Once
}

// Start opens the socket and serves until Close.
func Start(o Options) (*Server, error) {
	a, err := listen(o.Address)
	if err != nil {
		return nil, fmt.Errorf("backend %s: %w", o.Name, err)
	}
	s := &Server{name: o.Name, handler: o.Handler, acceptor: a, closed: make(chan struct{})}
	if s.name == "" {
		s.name = s.Addr()
	}
	s.now.Store(newEpisode(o.Behaviour))
	// Without the default date fasthttp starts no goroutine that outlives us.
	s.http = fasthttp.Server{
		Handler:                      s.handle,
		ReadBufferSize:               64 << 10, // heads that a proxy made longer must fit
		StreamRequestBody:            true,
		DisablePreParseMultipartForm: true,
		NoDefaultServerHeader:        true,
		NoDefaultDate:                true,
		NoDefaultContentType:         true,
		// The default one forgets that there is to be no date.
		ErrorHandler: func(ctx *fasthttp.RequestCtx, _ error) { ctx.SetStatusCode(fasthttp.StatusBadRequest) },
		Logger:       silent{},
	}
	s.url = "http://" + s.Addr()
	if o.TLS != nil {
		s.url = "https://" + s.Addr()
	}
	a.start(func(c net.Conn) {
		if o.TLS != nil {
			c = tls.Server(c, o.TLS)
		}
		// Clients that leave are none of a backend's concern.
		_ = s.http.ServeConn(c)
	})
	return s, nil
}

// Set changes the behaviour for all requests to come, and for those that hang.
func (s *Server) Set(b Behaviour) {
	close(s.now.Swap(newEpisode(b)).over)
}

// Behaviour is the one in force.
func (s *Server) Behaviour() Behaviour { return s.now.Load().Behaviour }

// URL is http(s)://host:port; Addr is host:port; Name is what X-Backend says.
func (s *Server) URL() string  { return s.url }
func (s *Server) Addr() string { return s.acceptor.ln.Addr().String() }
func (s *Server) Name() string { return s.name }

// Requests counts the requests received so far, without those to /health.
func (s *Server) Requests() uint64 { return s.requests.Load() }

// Failures counts those of them answered with a 5xx or a closed connection.
func (s *Server) Failures() uint64 { return s.failures.Load() }

// Accepted counts the connections accepted so far; Connections are open now.
func (s *Server) Accepted() uint64 { return s.acceptor.accepted.Load() }
func (s *Server) Connections() int { return s.acceptor.connections() }

// CloseConnections closes the open connections, whatever they are at, and goes on accepting.
func (s *Server) CloseConnections() { s.acceptor.closeConnections(false) }

// Close ends the server at once, requests in progress included, and returns
// when its goroutines have ended. Further calls wait for the same.
func (s *Server) Close() {
	s.closeOnce.Do(func() { close(s.closed) })
	s.acceptor.close()
}

func (s *Server) handle(ctx *fasthttp.RequestCtx) {
	body := requestBody{stream: ctx.RequestBodyStream()}
	defer body.drain() // unread bytes would be taken for the next request (fasthttp#2368)
	if string(ctx.Path()) == "/health" {
		s.health(ctx)
		return
	}
	s.requests.Add(1)
	if s.handler == nil {
		body.drain()
	}
	b, ok := s.pause()
	if !ok || b.CloseConn {
		s.failures.Add(1)
		ctx.Conn().Close()
		return
	}
	s.answer(ctx, &body, b)
}

func (s *Server) health(ctx *fasthttp.RequestCtx) {
	s.stamp(ctx)
	ctx.Response.Header.SetContentType("text/plain; charset=utf-8")
	if s.now.Load().Unhealthy {
		ctx.SetStatusCode(fasthttp.StatusServiceUnavailable)
		ctx.SetBodyString("unhealthy\n")
		return
	}
	ctx.SetBodyString("ok\n")
}

// pause waits as the behaviour says and returns the one to answer by. It
// reports false if the server was closed meanwhile.
func (s *Server) pause() (*episode, bool) {
	b := s.now.Load()
	for b.Hang {
		select {
		case <-b.over:
			b = s.now.Load()
		case <-s.closed:
			return b, false
		}
	}
	d := b.wait()
	if d <= 0 {
		return b, true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return b, true
	case <-s.closed:
		return b, false
	}
}

func (s *Server) answer(ctx *fasthttp.RequestCtx, body io.Reader, b *episode) {
	status := b.status()
	bad := status >= 500
	if bad {
		s.failures.Add(1)
	}
	s.stamp(ctx)
	ctx.Response.Header.SetContentType("text/plain; charset=utf-8")
	ctx.SetStatusCode(status)
	if s.handler != nil && !bad {
		s.handler(ctx, body)
		return
	}
	for name, value := range b.Header {
		ctx.Response.Header.Set(name, value)
	}
	if b.Body != nil {
		ctx.Response.SetBodyRaw(b.Body)
		return
	}
	ctx.Response.AppendBodyString(s.name)
	ctx.Response.AppendBodyString("\n")
}

func (s *Server) stamp(ctx *fasthttp.RequestCtx) {
	ctx.Response.Header.Set("X-Backend", s.name)
}

// requestBody ends once: fasthttp's stream of a chunked body, read again
// after its end, would wait for another chunk.
type requestBody struct {
	stream io.Reader // nil: none, or at its end
}

func (b *requestBody) Read(p []byte) (int, error) {
	if b.stream == nil {
		return 0, io.EOF
	}
	n, err := b.stream.Read(p)
	if err != nil {
		b.stream = nil
	}
	return n, err
}

func (b *requestBody) drain() {
	// An error here is the client's: ServeConn finds it too, and closes.
	_, _ = io.Copy(io.Discard, b)
}

type silent struct{}

func (silent) Printf(string, ...any) {}
