package proxy

import (
	"net"
	"sync/atomic"
	"syscall"
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

// tunnel is two joined connections.
type tunnel struct {
	idle           int64        // how long nothing may move, ns; 0: for ever
	active         atomic.Int64 // when something last moved, by analysis.Now
	client, server *tunnelEnd
	pipes          *pipes
	sever          func() // breaks both connections; from any goroutine, more than once
}

// tunnelEnd is one of its connections.
type tunnelEnd struct {
	net.Conn
	bare   syscall.RawConn // of TCP without TLS; else nil
	socket any             // below TLS
}

// join copies both ways until both directions have ended, one has broken, or
// nothing has moved for TunnelTimeout. It returns the bytes sent to the client
// and to the upstream.
func (x *exchange) join() (down, up int64) {
	c, conn := x.c, x.try.conn
	t := &tunnel{
		idle:   int64(x.svc.Policy.TunnelTimeout),
		client: &tunnelEnd{Conn: c.Conn, bare: bareTCP(c.Conn), socket: c.accepted},
		server: &tunnelEnd{Conn: conn.Conn, bare: bareTCP(conn.Conn), socket: conn.Raw()},
		pipes:  &c.server.pipes,
		sever:  func() { conn.Discard(); c.sever() },
	}
	_ = t.client.SetDeadline(time.Time{}) // a closed connection shows at the copy
	_ = t.server.SetDeadline(time.Time{})
	w := watch(t)
	defer w.end()
	toServer, toClient := tunnelSide{from: t.client, to: t.server, tunnel: t}, tunnelSide{from: t.server, to: t.client, tunnel: t}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		toServer.run()
	}()
	toClient.run()
	<-ended
	return toClient.bytes, toServer.bytes
}

// bareTCP returns the socket of a TCP connection without TLS, else nil.
func bareTCP(nc net.Conn) syscall.RawConn {
	tcp, ok := nc.(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}
