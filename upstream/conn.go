package upstream

import (
	"bufio"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// readerSize bounds an answer's head, and is what a read takes at most.
const readerSize = 16 << 10

// readers keeps buffers between exchanges: an idle connection holds none. A
// pool holds no state that anyone could observe, hence the package variable.
var readers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, readerSize) }}

// Conn is one connection to an endpoint with its read buffer, for one
// exchange. It belongs to one goroutine at a time, and to nobody after Release.
// Deadlines stay as the last exchange left them: each sets the ones it wants.
type Conn struct {
	net.Conn
	Reader *bufio.Reader
	Reused bool // has carried an exchange before
	Last   bool // set by the caller: the connection serves no further exchange, Release closes it

	link *link
	held atomic.Bool
}

// Release gives the connection back for reuse. The answer must have been read
// to its end; a connection with unread bytes is closed instead, and so is one
// marked as Last or whose endpoint has been retired. For an exchange that came to
// its end this is cheaper than Discard, which loses the buffer.
func (c *Conn) Release() {
	if !c.held.CompareAndSwap(true, false) {
		return
	}
	l := c.link
	clean := c.Reader.Buffered() == 0 && !c.Last
	c.Reader.Reset(nil)
	readers.Put(c.Reader)
	c.Reader, c.Conn = nil, nil
	if clean {
		l.giveBack()
	} else {
		l.abort()
	}
}

// Discard closes the connection and frees its place. Safe to call twice, after
// Release (even if the connection has found its next user meanwhile: a deferred
// Discard is fine, one kept for later is not, see handles), and from another
// goroutine in order to interrupt a read or write.
func (c *Conn) Discard() {
	// The buffer is left to the collector: an interrupted reader may still use it.
	if c.held.CompareAndSwap(true, false) {
		c.link.abort()
	}
}

// Close is Discard, so that the net.Conn within can't be closed past it.
func (c *Conn) Close() error {
	c.Discard()
	return nil
}

// Raw is the socket below TLS, for readiness checks. Only while the connection is held.
func (c *Conn) Raw() syscall.Conn { return c.link.tcp }

// handles is how many exchanges of one connection have a Conn of their own
// before the first is used anew. More than one, because a deferred Discard may
// run after Release while the connection already serves the next request.
const handles = 4

// link is an open connection, whoever uses it. Its place in version.places is
// freed exactly once, by abort or end.
type link struct {
	tcp      *net.TCPConn
	nc       net.Conn // tcp, or TLS over it
	endpoint *Endpoint
	peek     peek
	used     bool // has carried an exchange
	turn     uint32
	shard    uint32
	since    int64 // clock when it was released
	next     *link // in the idle stack
	handle   [handles]Conn
}

// lend makes the Conn for one exchange.
func (l *link) lend() *Conn {
	c := &l.handle[l.turn%handles]
	l.turn++
	r := readers.Get().(*bufio.Reader)
	r.Reset(l.nc)
	c.Conn, c.Reader, c.Reused, c.Last, c.link = l.nc, r, l.used, false, l
	c.held.Store(true)
	return c
}

// giveBack puts the link among the idle ones, and wakes who waits for one.
func (l *link) giveBack() {
	l.used = true
	l.since = clock()
	if !l.endpoint.idle.push(l, &l.endpoint.retired) {
		l.end()
		return
	}
	// After the push: a request that began to wait before it was seen here sees the push.
	if p := l.places(); p.waiting.Load() > 0 {
		p.serve()
	}
}

func (l *link) places() *places { return &l.endpoint.target.version.places }

// abort closes in the middle of an exchange. TLS says no goodbye: that could
// block for seconds on a peer that does not read.
func (l *link) abort() {
	_ = l.tcp.Close()
	l.places().free()
}

// end closes an idle connection.
func (l *link) end() {
	l.shut()
	l.places().free()
}

// shut closes an idle connection, whose place the caller keeps.
func (l *link) shut() { _ = l.nc.Close() }

// peekAfter is how long a connection must have idled to be worth a system call.
const peekAfter = int64(time.Second)

// fresh reports whether the connection can carry another exchange.
func (l *link) fresh(now int64, idleTimeout time.Duration) bool {
	idled := now - l.since
	return idled <= int64(idleTimeout) && (idled <= peekAfter || l.peek.silent())
}
