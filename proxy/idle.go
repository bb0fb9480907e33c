package proxy

import (
	"bufio"
	"errors"
	"time"
)

// restAfter is how long a request is waited for with a buffer in hand, ns. A connection
// that idles longer gives it back and waits for the socket alone, which takes two
// system calls more when it goes on: busy connections never pay them.
const restAfter = int64(time.Second)

// errResting ends a wait that is to go on without a buffer.
var errResting = errors.New("waiting without a buffer")

// await waits for the first byte of a request. It returns false when the
// connection is to be closed.
func (c *clientConn) await(now int64) bool {
	defer c.idleSince.Store(0)
	c.idleSince.Store(max(now, 1))
	if c.src.br.Buffered() == 0 && c.firstByte(now) != nil {
		return false
	}
	return c.skipEmptyLine(now)
}

// firstByte waits until something is buffered.
func (c *clientConn) firstByte(now int64) error {
	c.src.begin(now, now+c.patience(), idleTick, c)
	for {
		if err := c.src.more(); err != errResting {
			return err
		}
		if err := c.rest(); err != nil {
			return err
		}
	}
}

// rest waits until the socket has something to read, without a buffer. Under TLS that may be
// less than a record; but never is one held back that has come: what the last
// read found was not enough, or it would have returned.
func (c *clientConn) rest() error {
	readable, err := untilReadable(c.accepted)
	if err != nil {
		return err
	}
	c.dropReader()
	if err := c.src.wait(readable); err != nil {
		return err
	}
	c.takeReader()
	return nil
}

// takeReader gives the connection a buffer of the ordinary size.
func (c *clientConn) takeReader() {
	c.src.br = clientReaders.Get().(*bufio.Reader)
	c.src.br.Reset(c.Conn)
}

// dropReader takes the buffer away, in which nothing is left that will be read.
func (c *clientConn) dropReader() {
	br := c.src.br
	c.src.br, c.lead = nil, leadReader{}
	if br != nil && br.Size() == clientBuffer {
		br.Reset(nil)
		clientReaders.Put(br)
	}
}

// patience is how long a request may be waited for, ns.
func (c *clientConn) patience() int64 {
	if c.served == 0 {
		return int64(c.st.HeadTimeout)
	}
	return int64(c.st.KeepAliveTimeout)
}

// skipEmptyLine lets one empty line pass before a request (RFC 9112, 2.2). It
// returns false when nothing follows it.
func (c *clientConn) skipEmptyLine(now int64) bool {
	b := c.src.buffered()
	if len(b) < 2 || b[0] != '\r' || b[1] != '\n' {
		return true
	}
	c.src.skip(2)
	return len(b) > 2 || c.firstByte(now) == nil
}

// look ends the wait for a request when the server wants it (see Drain), or when it has
// become a long one.
func (c *clientConn) look(now int64) error {
	if c.server.stopping.Load() || c.server.closesIdle(c) {
		return errStopping
	}
	if since := c.idleSince.Load(); canRest && since != 0 && now-since >= restAfter && c.src.br != nil {
		return errResting
	}
	return nil
}

// wake makes a waiting read look around now. Safe from any goroutine.
func (c *clientConn) wake() { _ = c.accepted.SetReadDeadline(time.Unix(1, 0)) }
