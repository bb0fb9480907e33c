package proxy

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// clientGone looks whether a client has left, without reading from it. fasthttp
// has no such signal (#965), and without one a slow upstream works on for
// clients that have long given up. One that only ends its sending side and waits
// on can't be told from one that left: as elsewhere, it counts as gone, at the
// first look (after 100 ms).
type clientGone struct {
	raw  syscall.RawConn
	look func(fd uintptr)
	buf  [1]byte
	gone bool
	said bool // something is there to read
}

// prepare is put off until the first look, which few connections see.
func (g *clientGone) prepare(nc net.Conn, overTLS bool) {
	if sc, ok := nc.(syscall.Conn); ok {
		if raw, err := sc.SyscallConn(); err == nil {
			g.raw, g.look = raw, g.peek
		}
	}
	if overTLS {
		g.look = g.hangup
	}
}

// peek sees the end of the stream once all before it has been read. Bytes in
// front of it are a pipelined request: the client awaits its answers.
func (g *clientGone) peek(fd uintptr) {
	n, _, err := unix.Recvfrom(int(fd), g.buf[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
	g.gone = n == 0 && err == nil || err == unix.ECONNRESET
	g.said = n > 0 && err == nil
}

// hangup is for TLS, where the unread goodbye would hide the end from a peek.
func (g *clientGone) hangup(fd uintptr) {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
	n, err := unix.Poll(fds, 0)
	g.gone = err == nil && n > 0 && fds[0].Revents&(unix.POLLRDHUP|unix.POLLHUP|unix.POLLERR) != 0
}

// left reports whether the client has left: closed its side, or reset.
func (c *clientConn) left() bool {
	g := &c.gone
	if g.raw == nil {
		if g.prepare(c.accepted, c.peer.tls); g.raw == nil {
			return false
		}
	}
	g.gone, g.said = false, false
	return g.raw.Control(g.look) != nil || g.gone
}
