package backend

import (
	"bufio"
	"fmt"
	"net"
)

// Raw is a backend whose connections are served by a function, byte by byte:
// for answers that no well-behaved server gives.
type Raw struct{ acceptor *acceptor }

// StartRaw opens a free port of 127.0.0.1 and hands each accepted connection, with a
// reader over it, to serve on a goroutine of its own. The connection is closed
// when serve returns.
func StartRaw(serve func(conn net.Conn, br *bufio.Reader)) (*Raw, error) {
	a, err := listen("")
	if err != nil {
		return nil, fmt.Errorf("raw backend: %w", err)
	}
	a.start(func(c net.Conn) { serve(c, bufio.NewReader(c)) })
	return &Raw{acceptor: a}, nil
}

// URL is http://host:port, Addr is host:port.
func (r *Raw) URL() string  { return "http://" + r.Addr() }
func (r *Raw) Addr() string { return r.acceptor.ln.Addr().String() }

// Accepted counts the connections accepted so far; Connections are open now.
func (r *Raw) Accepted() uint64 { return r.acceptor.accepted.Load() }
func (r *Raw) Connections() int { return r.acceptor.connections() }

// Close closes the socket and every connection, and waits until each call of
// serve has returned.
func (r *Raw) Close() { r.acceptor.close() }
