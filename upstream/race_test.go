package upstream

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// gatedServer is a TLS server whose handshakes each wait for a token; so a dial
// takes as long as a test wants. It answers each line with the same line.
type gatedServer struct {
	net.Listener
	gate     chan struct{}
	accepted atomic.Int64
	mu       sync.Mutex
	open     []net.Conn
	serving  sync.WaitGroup
}

func newGatedServer(t *testing.T) (*gatedServer, *Pool) {
	t.Helper()
	dir := t.TempDir()
	certFile, keyFile := newAuthority(t, dir, "ca").issue(t, dir, "server", nil, net.IPv4(127, 0, 0, 1))
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &gatedServer{Listener: ln, gate: make(chan struct{}, 1)}
	s.serving.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			s.accepted.Add(1)
			s.mu.Lock()
			s.open = append(s.open, c)
			s.mu.Unlock()
			s.serving.Go(func() { s.serve(tls.Server(c, &tls.Config{Certificates: []tls.Certificate{cert}})) })
		}
	})
	p := newPool(t, Options{Endpoints: []Address{addressOf(ln.Addr().String(), "https")}, TLS: &tls.Config{InsecureSkipVerify: true}}, nil)
	t.Cleanup(func() {
		p.Retire(nil)
		ln.Close()
		s.letAll()
		s.breakAll()
		s.serving.Wait()
	})
	return s, p
}

func (s *gatedServer) serve(c *tls.Conn) {
	defer c.Close()
	<-s.gate
	r := bufio.NewReader(c)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		if _, err := c.Write([]byte(line)); err != nil {
			return
		}
	}
}

// letOne lets one handshake go on, letAll all of them from now on.
func (s *gatedServer) letOne() { s.gate <- struct{}{} }

func (s *gatedServer) letAll() {
	defer func() { _ = recover() }() // all were let already
	close(s.gate)
}

func (s *gatedServer) breakAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.open {
		c.Close()
	}
}

type lent struct {
	conn *Conn
	err  error
}

// racing asks for a connection apart.
func racing(ctx context.Context, p *Pool) chan lent {
	got := make(chan lent, 1)
	go func() {
		c, err := p.Conn(ctx, p.Endpoints()[0], false)
		got <- lent{c, err}
	}()
	return got
}

func (s *gatedServer) dials(t *testing.T, n int64) {
	t.Helper()
	eventually(t, "dials", func() bool { return s.accepted.Load() == n })
}

// first makes one connection, and leaves a second request dialling.
func (s *gatedServer) first(t *testing.T, ctx context.Context, p *Pool) (*Conn, chan lent) {
	t.Helper()
	s.letOne()
	c := conn(t, p, p.Endpoints()[0], false)
	second := racing(ctx, p)
	s.dials(t, 2)
	return c, second
}

func openPlaces(p *Pool) int {
	open, _ := p.Connections()
	return open
}

func TestWhoDialsTakesAConnectionGivenBack(t *testing.T) {
	s, p := newGatedServer(t)
	e := p.Endpoints()[0]
	ended := make(chan struct{})
	c, second := s.first(t, detached{context.Background(), context.Background(), ended}, p)
	say(t, c, "a")
	c.Release()
	got := <-second
	if got.err != nil || !got.conn.Reused {
		t.Fatalf("got %+v, want the connection given back", got)
	}
	say(t, got.conn, "b")
	// The dial goes on, and its connection is kept: the next two need no other.
	s.letOne()
	<-ended
	third := conn(t, p, e, false)
	if !third.Reused {
		t.Error("what may have died while idle must look like it")
	}
	say(t, third, "c")
	third.Release()
	got.conn.Release()
	if n, open := s.accepted.Load(), openPlaces(p); n != 2 || open != 2 || e.idle.len() != 2 || e.racers.n.Load() != 0 {
		t.Errorf("%d dials, %d open, %d idle, %d racing", n, open, e.idle.len(), e.racers.n.Load())
	}
}

func TestDialThatFailsWhileItRaces(t *testing.T) {
	s, p := newGatedServer(t)
	c, second := s.first(t, context.Background(), p)
	s.mu.Lock()
	s.open[1].Close()
	s.mu.Unlock()
	if got := <-second; got.err == nil {
		t.Errorf("got %+v, want the dial's error", got)
	}
	if open, n := openPlaces(p), p.Endpoints()[0].racers.n.Load(); open != 1 || n != 0 {
		t.Errorf("%d open, %d racing", open, n)
	}
	c.Discard()
}

// detached lives longer than the request.
type detached struct {
	context.Context
	run   context.Context
	ended chan struct{}
}

func (d detached) Detached() (context.Context, func()) { return d.run, func() { close(d.ended) } }

func TestDialOfARequestThatGaveUp(t *testing.T) {
	for name, kept := range map[string]bool{"ends with its context": false, "goes on under a detached one": true} {
		t.Run(name, func(t *testing.T) {
			s, p := newGatedServer(t)
			request, cancel := context.WithCancel(context.Background())
			ctx, ended := request, make(chan struct{})
			if kept {
				ctx = detached{request, context.Background(), ended}
			}
			c, second := s.first(t, ctx, p)
			cancel()
			if got := <-second; !errors.Is(got.err, context.Canceled) {
				t.Fatalf("got %+v, want canceled", got)
			}
			e := p.Endpoints()[0]
			if kept {
				s.letOne()
				<-ended
				if n := e.idle.len(); n != 1 {
					t.Errorf("%d connections are idle after the dial", n)
				}
			} else {
				if open := openPlaces(p); open != 1 {
					t.Errorf("%d places are taken after the dial was broken off", open)
				}
			}
			if n := e.racers.n.Load(); n != 0 {
				t.Errorf("%d racing", n)
			}
			c.Discard()
		})
	}
}

// A start with 1,000 clients does not open 1,000 connections: few dial at once, and
// the others live on what is given back.
func TestColdStart(t *testing.T) {
	const clients = 1000
	s, p := newGatedServer(t)
	p.dialStep = time.Hour // who is not among the first dials never, in this test
	e := p.Endpoints()[0]
	var served sync.WaitGroup
	for range clients {
		served.Go(func() {
			ctx := detached{context.Background(), context.Background(), make(chan struct{})}
			c, err := p.Conn(ctx, e, false)
			if err != nil {
				t.Error(err)
				return
			}
			say(t, c, "x")
			c.Release()
		})
	}
	eventually(t, "all race", func() bool { return e.racers.n.Load() == clients })
	s.dials(t, dialsAtOnce)
	s.letOne()
	served.Wait() // all of them over the only connection that there is
	if n := s.accepted.Load(); n != dialsAtOnce {
		t.Errorf("%d dials, want %d", n, dialsAtOnce)
	}
	s.letAll()
	eventually(t, "the others are idle", func() bool { return e.idle.len() == dialsAtOnce })
	if open, n := openPlaces(p), e.racers.n.Load(); open != dialsAtOnce || n != 0 {
		t.Errorf("%d open, %d racing", open, n)
	}
}

// Whoever wins: no connection is lost, none is lent twice, every place is accounted for.
func TestRacesLoseNothing(t *testing.T) {
	for _, limit := range []int{0, 8} {
		s := newLineServer(t, "127.0.0.1:0")
		p := retired(t, Options{Endpoints: []Address{s.address()}, MaxConnections: limit})
		e := p.Endpoints()[0]
		var clients sync.WaitGroup
		for n := range 50 {
			clients.Go(func() {
				for i := range 40 {
					ctx, cancel := context.WithCancel(context.Background())
					if i%7 == 3 {
						go cancel()
					}
					c, err := p.Conn(ctx, e, false)
					switch {
					case err != nil && !errors.Is(err, context.Canceled):
						t.Error(err)
					case err == nil:
						say(t, c, string(rune('a'+n%26)))
						if i%5 == 0 {
							c.Discard()
						} else {
							c.Release()
						}
					}
					cancel()
				}
			})
		}
		clients.Wait()
		eventually(t, "every place is an idle connection's", func() bool { return openPlaces(p) == e.idle.len() })
		if n := e.racers.n.Load() + e.racers.dialing.Load(); n != 0 {
			t.Errorf("%d still race or dial", n)
		}
	}
}
