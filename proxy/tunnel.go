package proxy

import (
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"time"

	"sluice/analysis"
)

// switchProtocols passes a 101 on and joins the two connections. It happens
// only after the upstream's own 101: a client's word alone opens no tunnel.
func (x *exchange) switchProtocols() bool {
	c, t := x.c, &x.try
	x.deliver = delivery{upgrade: true, keep: true, minor: x.h.minor, via: x.st.Via, edit: &x.svc.Policy.Response}
	x.status, x.begun = 101, true
	x.wbuf = appendAnswer(x.wbuf[:0], &x.ans, &x.deliver)
	t.src.skip(t.headLen)
	x.settle(analysis.Success, t.headAt)
	// What either side sent after its head goes first.
	x.wbuf = append(x.wbuf, t.src.buffered()...)
	t.src.skip(t.src.br.Buffered())
	early := append([]byte(nil), c.src.buffered()...)
	c.src.skip(len(early))
	if c.out.write(x.wbuf, x.now) == nil && t.sendEarly(early, x.now) == nil {
		c.tunnel.Store(true)
		c.server.counts.tunnels.Add(1)
		x.bytes, x.body.total = x.join()
		c.server.counts.tunnels.Add(-1)
	}
	t.drop()
	t.endpoint.Done(false)
	t.endpoint = nil
	return false
}

func (t *try) sendEarly(p []byte, now int64) error {
	if len(p) == 0 {
		return nil
	}
	return t.out.write(p, now)
}

// tunnelSide is one direction of a tunnel.
type tunnelSide struct {
	to, from net.Conn
	socket   any // from, below TLS
	idle     time.Duration
	active   *atomic.Int64 // when either direction last moved, by analysis.Now
	bytes    int64
}

// join copies both ways until both directions have ended, one has broken, or
// nothing has moved for TunnelTimeout. It returns the bytes sent to the client
// and to the upstream.
func (x *exchange) join() (down, up int64) {
	client, server := x.c.Conn, x.try.conn.Conn
	var active atomic.Int64
	active.Store(analysis.Now())
	idle := x.svc.Policy.TunnelTimeout
	_ = client.SetDeadline(time.Time{}) // a closed connection shows at the copy
	_ = server.SetDeadline(time.Time{})
	toServer := tunnelSide{to: server, from: client, socket: x.c.accepted, idle: idle, active: &active}
	toClient := tunnelSide{to: client, from: server, socket: x.try.conn.Raw(), idle: idle, active: &active}
	ended := make(chan struct{})
	conn := x.try.conn
	go func() {
		defer close(ended)
		if toServer.run() != nil {
			conn.Discard()
			x.c.sever()
		}
	}()
	if toClient.run() != nil {
		conn.Discard()
		x.c.sever()
	}
	<-ended
	return toClient.bytes, toServer.bytes
}

// run copies until the end of from, which it passes on, or an error. Bare TCP
// on both sides is spliced by the kernel.
func (s *tunnelSide) run() error {
	for {
		if s.idle > 0 {
			if err := s.from.SetReadDeadline(time.Now().Add(s.idle)); err != nil {
				return err
			}
		}
		n, err := io.Copy(s.to, s.from)
		s.bytes += n
		now := analysis.Now()
		if n > 0 {
			s.active.Store(now)
		}
		switch {
		case err == nil:
			closeWrite(s.to)
			limitStall(s.socket, s.idle)
			return nil
		case !errors.Is(err, os.ErrDeadlineExceeded) || time.Duration(now-s.active.Load()) >= s.idle:
			return err
		}
	}
}
