package upstream

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"time"
)

// dial opens a connection, TLS handshake included, within timeout. The place is
// the caller's. c is whom the endpoint is told of, if it is told at all.
func (e *Endpoint) dial(ctx context.Context, timeout time.Duration, c Client) (*link, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	tcp, err := e.connect(ctx)
	if err != nil {
		return nil, err
	}
	if version := e.target.preamble; version != 0 {
		// It fits the buffer of a new socket, so that this does not block.
		if _, err := tcp.Write(AppendPreamble(nil, version, c)); err != nil {
			_ = tcp.Close()
			return nil, err
		}
	}
	l := &link{tcp: tcp, nc: tcp, endpoint: e}
	if cfg := e.target.tls; cfg != nil {
		secure := tls.Client(tcp, cfg)
		if err := secure.HandshakeContext(ctx); err != nil {
			_ = tcp.Close()
			return nil, fmt.Errorf("%w with %s: %w", ErrHandshake, tcp.RemoteAddr(), err)
		}
		l.nc = secure
	}
	l.peek.init(tcp)
	return l, nil
}

// connect dials the address, and if that fails the one of the other family,
// which gets half of the time. The one that answered is tried first from then on.
func (e *Endpoint) connect(ctx context.Context) (*net.TCPConn, error) {
	other := e.other.Load()
	if other == nil {
		return dialTCP(ctx, e.addr)
	}
	first, second, swapped := e.addr, *other, e.swapped.Load()
	if swapped {
		first, second = second, first
	}
	deadline, _ := ctx.Deadline()
	half, cancel := context.WithTimeout(ctx, time.Until(deadline)/2)
	defer cancel()
	tcp, err := dialTCP(half, first)
	if err == nil || ctx.Err() != nil {
		return tcp, err
	}
	tcp, err2 := dialTCP(ctx, second)
	if err2 != nil {
		return nil, fmt.Errorf("%w, and %w", err, err2)
	}
	e.swapped.Store(!swapped)
	return tcp, nil
}

// dialTCP connects with TCP_NODELAY, which is the net package's default.
func dialTCP(ctx context.Context, addr string) (*net.TCPConn, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	return c.(*net.TCPConn), nil
}
