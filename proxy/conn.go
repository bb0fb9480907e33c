package proxy

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"sluice/analysis"
	"sluice/upstream"
)

// clientBuffer is the read buffer of a client's connection, in bytes. A head
// that doesn't fit gets a larger one, up to Settings.MaxHeadBytes.
const clientBuffer = 4 << 10

// lingerBytes and lingerTime bound how much of what a client still sends is
// read and thrown away, so that it can read its answer before the connection ends.
const (
	lingerBytes = 256 << 10
	lingerTime  = 2 * time.Second
)

// clientConn is one client's connection. Its goroutine does everything inline:
// reads a head, talks to the upstream, relays the answer. Only sever, wake and
// idleSince are for others.
type clientConn struct {
	net.Conn // what was accepted; replaced by TLS over it before the first request
	server   *Server
	socket   *socket
	accepted net.Conn // below TLS
	shard    uint32
	peer     peer
	src      source
	out      sink
	gone     clientGone
	late     lateWrite
	lead     leadReader
	st       *Settings        // of the request being served
	ctx      context.Context  // of Run
	served   int              // requests so far
	own      upstream.Private // its connection to an endpoint that is told of it

	idleSince atomic.Int64 // analysis.Now when the wait for a request began; 0: one is being served
	tunnel    atomic.Bool
	severed   atomic.Bool
	closing   sync.Once
}

// leadReader reads what is in lead first, then from the connection. It lets a
// reader be replaced by a larger one in the middle of a head.
type leadReader struct {
	lead []byte
	conn net.Conn
}

func (l *leadReader) Read(p []byte) (int, error) {
	if len(l.lead) > 0 {
		n := copy(p, l.lead)
		l.lead = l.lead[n:]
		return n, nil
	}
	return l.conn.Read(p)
}

var clientReaders = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, clientBuffer) }}

func newClientConn(s *Server, k *socket, nc net.Conn) *clientConn {
	return &clientConn{Conn: nc, server: s, socket: k, accepted: nc}
}

// serveConn is called by fasthttp on a goroutine of its pool, which closes the
// connection afterwards.
func (s *Server) serveConn(nc net.Conn) error {
	c := nc.(*clientConn) // our sockets hand out nothing else
	defer c.end()
	defer func() {
		if p := recover(); p != nil {
			s.counts.panics.Add(1)
			s.logger.Error("panic", "client", c.peer.addr, "error", p, "stack", string(debug.Stack()))
			c.sever()
		}
	}()
	if c.open() {
		c.serve()
	}
	return nil
}

func (c *clientConn) end() {
	c.own.Close()
	_ = c.Close() // the connection is done with either way
	c.socket.conns.Add(-1)
	c.server.conns.remove(c)
}

// Close closes the connection, with TLS's goodbye where there is TLS, unless
// it was severed. Safe to call again.
func (c *clientConn) Close() error {
	var err error
	c.closing.Do(func() {
		if c.Conn != c.accepted && !c.severed.Load() {
			_ = c.Conn.SetDeadline(time.Now().Add(time.Second)) // the goodbye must not wait for a reader
			err = c.Conn.Close()
			return
		}
		err = c.accepted.Close()
	})
	return err
}

// sever breaks the connection so that the client can't take what it got for a
// whole answer. Safe from any goroutine.
func (c *clientConn) sever() {
	c.severed.Store(true)
	if tc, ok := c.accepted.(*net.TCPConn); ok {
		_ = tc.SetLinger(0) // best effort: a reset tells more than an end
	}
	_ = c.accepted.Close() // wakes reads and writes; the connection is lost either way
}

// open shakes hands and notes what there is to know of the peer.
func (c *clientConn) open() bool {
	c.st, c.ctx = c.server.settings.Load(), c.server.context()
	c.notePeer()
	if trusted := c.socket.senders.Load(); trusted != nil && !c.expectPreamble(*trusted) {
		return false
	}
	if cfg := c.socket.tls.Load(); cfg != nil {
		tc := tls.Server(c.accepted, cfg)
		ctx, cancel := context.WithTimeout(c.ctx, c.st.HeadTimeout)
		err := tc.HandshakeContext(ctx)
		cancel()
		if err != nil {
			c.server.counts.refuse(refuseHandshake)
			return false
		}
		c.Conn, c.peer.tls = tc, true
	}
	c.src = source{conn: c.Conn}
	c.takeReader()
	c.out = sink{conn: c.Conn}
	return true
}

func (c *clientConn) notePeer() {
	if a, ok := c.accepted.RemoteAddr().(*net.TCPAddr); ok {
		addr := a.AddrPort().Addr().Unmap()
		c.peer.addr = addr
		c.peer.text = addr.AppendTo(c.peer.space[:0])
		c.peer.ends.Source = netip.AddrPortFrom(addr, uint16(a.Port))
		c.shard = uint32(mix(uint64(a.Port)<<1 | 1))
	}
	if a, ok := c.accepted.LocalAddr().(*net.TCPAddr); ok {
		c.peer.called(netip.AddrPortFrom(a.AddrPort().Addr().Unmap(), uint16(a.Port)))
	} else {
		c.peer.local = []byte("localhost")
	}
}

// called notes the address that the client called. p.text is there already.
func (p *peer) called(at netip.AddrPort) {
	n := min(len(p.text), len(p.space))
	p.local = at.AppendTo(p.space[n:n])
	p.port = p.local[bytes.LastIndexByte(p.local, ':')+1:]
	p.ends.Destination = at
}

// serve carries one exchange after another until the connection ends.
func (c *clientConn) serve() {
	defer c.forget()
	now := analysis.Now()
	for {
		c.st = c.server.settings.Load()
		c.peer.trusted = len(c.st.TrustedProxies) > 0 && c.peer.addr.IsValid() && c.st.trusts(c.peer.addr)
		c.out.timeout = int64(c.st.WriteTimeout)
		if !c.await(now) {
			return
		}
		x := exchanges.Get().(*exchange)
		x.c, x.st, x.now = c, c.st, now
		keep := x.run()
		now = x.now
		x.release()
		if !keep {
			return
		}
		c.served++
	}
}

// forget gives the read buffer back, if it is still the ordinary one.
func (c *clientConn) forget() {
	if !c.tunnel.Load() {
		c.dropReader()
	}
}

// readHead reads a request's head into buf, which grows as it must.
func (c *clientConn) readHead(buf []byte) ([]byte, error) {
	b, whole := c.src.buffered(), false
	if n, ok := findHeadEnd(b, 0); n > 0 {
		b, whole = b[:n], true
	} else if !ok {
		return buf, refuseBareLF
	}
	if !whole {
		now := analysis.Now()
		c.src.begin(now, now+int64(c.st.HeadTimeout), idleTick, c)
		var err error
		if b, err = c.slowHead(); err != nil {
			return buf, err
		}
	}
	if len(b) > c.st.MaxHeadBytes {
		return buf, refuseSize
	}
	buf = append(buf[:0], b...)
	c.src.skip(len(b))
	return buf, nil
}

// slowHead waits for a head that did not come at once.
func (c *clientConn) slowHead() ([]byte, error) {
	for {
		b, err := c.src.headEnd()
		switch {
		case err == nil:
			return b, nil
		case errors.Is(err, bufio.ErrBufferFull):
			if c.src.br.Size() >= c.st.MaxHeadBytes {
				return nil, oversized(c.src.buffered())
			}
			c.growReader(c.st.MaxHeadBytes)
		case err == errTimedOut:
			return nil, refuseSlowHead
		default:
			return nil, err
		}
	}
}

// oversized tells a target that is too long from too many fields.
func oversized(b []byte) *refusal {
	for _, c := range b {
		if c == '\n' {
			return refuseSize
		}
	}
	return refuseLongTarget
}

// growReader moves what is buffered to a larger buffer, which stays until the connection rests.
func (c *clientConn) growReader(size int) {
	held := append([]byte(nil), c.src.buffered()...)
	c.lead = leadReader{lead: held, conn: c.Conn}
	old := c.src.br
	c.src.br = bufio.NewReaderSize(&c.lead, size)
	_, _ = c.src.br.Peek(len(held)) // from memory: no error
	if old.Size() == clientBuffer {
		old.Reset(nil)
		clientReaders.Put(old)
	}
}

// linger ends the sending side and reads on for a bounded while, so that the
// client can read its answer: closing with unread bytes would reset it away.
func (c *clientConn) linger() {
	if !closeWrite(c.Conn) {
		return
	}
	now := analysis.Now()
	c.src.begin(now, now+int64(lingerTime), answerTick, c)
	for left := lingerBytes; left > 0; {
		n := c.src.br.Buffered()
		if n == 0 {
			if c.src.more() != nil {
				return
			}
			continue
		}
		left -= n
		c.src.skip(n)
	}
}

// closeWrite ends the sending side of a connection, if it can.
func closeWrite(nc net.Conn) bool {
	half, ok := nc.(interface{ CloseWrite() error })
	return ok && half.CloseWrite() == nil
}

// isGone reports whether err is how a client's departure shows.
func isGone(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) ||
		errors.Is(err, syscall.EPIPE) || errors.Is(err, net.ErrClosed) || err == errShort
}
