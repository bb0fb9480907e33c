package proxy

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Listener is one socket to serve. Address is host:port or unix:/path and
// identifies it: sockets whose address stays are not touched, their other
// settings are replaced.
type Listener struct {
	Address string
	TLS     *tls.Config // nil: plain text; built by Certificates
	Preview string      // a service: all requests go to its candidate; "": an ordinary listener

	// Senders are the networks of the balancers that connect here. Each connection must
	// come from one of them, or by a Unix socket, and begin with a PROXY protocol header, version 1
	// or 2, which names the client; any other is closed. Empty: none is expected.
	Senders []netip.Prefix
}

// socket is an open listener. It is what fasthttp accepts from.
type socket struct {
	net.Listener
	server  *Server
	address string // as configured
	tls     atomic.Pointer[tls.Config]
	preview atomic.Pointer[string]         // nil: ordinary
	senders atomic.Pointer[[]netip.Prefix] // nil: no PROXY protocol
	conns   atomic.Int64
	keeps   keeping
	closed  chan struct{}
	once    sync.Once
}

// Listen makes exactly these sockets the open ones: new ones are opened first
// (an error leaves all as it was), then those no longer listed are closed;
// their connections live on.
func (s *Server) Listen(listeners []Listener) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := make(map[string]*socket, len(s.sockets))
	for _, k := range s.sockets {
		old[k.address] = k
	}
	next, fresh, err := s.open(listeners, old)
	if err != nil {
		for _, k := range fresh {
			k.close()
		}
		return err
	}
	for i, l := range listeners {
		next[i].tls.Store(l.TLS)
		next[i].preview.Store(nil)
		if l.Preview != "" {
			next[i].preview.Store(&l.Preview)
		}
		next[i].senders.Store(nil)
		if len(l.Senders) > 0 {
			next[i].senders.Store(&l.Senders)
		}
		delete(old, l.Address)
	}
	s.sockets = next
	for _, k := range old {
		k.close()
	}
	if s.runs != nil {
		for _, k := range fresh {
			s.accept(k)
		}
	}
	return nil
}

func (s *Server) open(listeners []Listener, old map[string]*socket) (next, fresh []*socket, err error) {
	seen := make(map[string]bool, len(listeners))
	for _, l := range listeners {
		if seen[l.Address] {
			return nil, fresh, fmt.Errorf("listener %s is named twice", l.Address)
		}
		seen[l.Address] = true
		k := old[l.Address]
		if k == nil {
			ln, keeps, err := s.socketAt(l.Address)
			if err != nil {
				return nil, fresh, fmt.Errorf("listener %s: %w", l.Address, err)
			}
			k = &socket{Listener: ln, server: s, address: l.Address, keeps: keeps, closed: make(chan struct{})}
			fresh = append(fresh, k)
		}
		next = append(next, k)
	}
	return next, fresh, nil
}

// socketAt is a socket that is open already, or a new one. Package net gives the connections of one that
// is given to us their keep-alive, and can't be told not to.
func (s *Server) socketAt(address string) (net.Listener, keeping, error) {
	if s.inherit != nil {
		if ln, err := s.inherit(address); ln != nil || err != nil {
			return ln, keptByGo, err
		}
	}
	ln, err := openSocket(address)
	if err != nil {
		return nil, keptByGo, err
	}
	return ln, endow(ln), nil
}

func openSocket(address string) (net.Listener, error) {
	path, unix := strings.CutPrefix(address, "unix:")
	if !unix {
		return listenTCP(address)
	}
	ln, err := net.Listen("unix", path)
	if !errors.Is(err, syscall.EADDRINUSE) {
		return ln, err
	}
	// The file may be left over from a process that was killed: then nobody answers.
	if c, dialErr := net.DialTimeout("unix", path, time.Second); dialErr == nil {
		_ = c.Close() // it only asked whether somebody listens
		return nil, err
	} else if !errors.Is(dialErr, syscall.ECONNREFUSED) {
		return nil, err
	}
	if err := os.Remove(path); err != nil {
		return nil, err
	}
	return net.Listen("unix", path)
}

// Addresses are those actually listened on, in the order given to Listen: what
// port a listener on ":0" got.
func (s *Server) Addresses() []net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]net.Addr, len(s.sockets))
	for i, k := range s.sockets {
		out[i] = k.Addr()
	}
	return out
}

// Socket is an open listener as the system knows it, for a process that is to take it over.
type Socket struct {
	Address  string // as given to Listen
	Listener net.Listener
}

// Sockets are the open ones, in the order given to Listen. They are the server's: it goes on
// accepting from them, and closes them.
func (s *Server) Sockets() []Socket {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Socket, len(s.sockets))
	for i, k := range s.sockets {
		out[i] = Socket{Address: k.address, Listener: k.Listener}
	}
	return out
}

// accept starts serving k. s.mu is held.
func (s *Server) accept(k *socket) {
	s.accepting.Add(1)
	s.serving.Go(func() {
		defer s.accepting.Add(-1)
		if err := s.accepts.Serve(k); err != nil {
			s.logger.Error("listener ended", "listener", k.address, "error", err)
		}
	})
}

// Accept waits for the next connection. It retries what may pass (no file
// descriptors left, a connection aborted in the queue) for as long as it takes
// and gives io.EOF once the socket is closed, which is how fasthttp ends well.
func (k *socket) Accept() (net.Conn, error) {
	for pause := time.Duration(0); ; {
		nc, err := k.Listener.Accept()
		if err == nil {
			if c := k.server.admit(k, nc); c != nil {
				return c, nil
			}
			pause = 0
			continue
		}
		select {
		case <-k.closed:
			return nil, io.EOF
		default:
		}
		k.server.counts.acceptErrors.Add(1)
		if pause = min(max(2*pause, 5*time.Millisecond), time.Second); pause > 500*time.Millisecond {
			k.server.logger.Error("accept", "listener", k.address, "error", err)
		}
		select {
		case <-k.closed:
			return nil, io.EOF
		case <-time.After(pause):
		}
	}
}

func (k *socket) close() {
	k.once.Do(func() {
		close(k.closed)
		_ = k.Listener.Close() // nothing is left to do about it
	})
}

// Close ends Accept.
func (k *socket) Close() error { k.close(); return nil }

// admit wraps a new connection, or turns it away at the limit. TLS is shaken
// hands over later, on the connection's own goroutine: fasthttp must not see
// it, because it would serve connections whose handshake had failed.
func (s *Server) admit(k *socket, nc net.Conn) net.Conn {
	limit := s.settings.Load().MaxConnections
	c := newClientConn(s, k, nc)
	if s.conns.add(c, limit) {
		k.conns.Add(1)
		k.keepAlive(nc)
		return c
	}
	s.counts.refuse(refuseConnections)
	if k.tls.Load() == nil {
		const answer = "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 1\r\n" +
			"Proxy-Status: sluice; error=connection_limit_reached\r\nContent-Length: 0\r\n\r\n"
		// The socket's buffer is empty, so this does not block.
		_, _ = nc.Write([]byte(answer))
	}
	_ = nc.Close() // turned away; nobody to tell
	return nil
}
