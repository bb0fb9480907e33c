package upstream

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// readerSize is what a read takes at most, and holds all but unusual heads; see
// Conn.Grow for these.
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
	Reused bool // has carried an exchange before, or been idle
	Last   bool // set by the caller: the connection serves no further exchange, Release closes it
	// ReadArmed is for the caller to note when the read deadline fires, by its own
	// clock, so that the next exchange need not set one anew; 0: unknown.
	ReadArmed int64

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
	l.readArmed = c.ReadArmed
	if c.Reader.Size() == readerSize {
		c.Reader.Reset(nil)
		readers.Put(c.Reader)
	}
	c.Reader, c.Conn = nil, nil
	switch {
	case !clean:
		l.abort()
	case l.own != nil && l.endpoint.retired.Load():
		l.end() // the client may never ask for this endpoint's pool again
	case l.own != nil:
		l.own.put(l)
	default:
		l.giveBack()
	}
}

// Discard closes the connection and frees its place. Safe to call twice, and from another
// goroutine in order to interrupt a read or write. After Release it does nothing until
// the connection has served a few others (see handles), and then would break off a
// stranger's exchange: so not in a defer that a Release precedes, whose goroutine may have slept meanwhile.
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

// Grow gives the connection a Reader of the given size, with what the present one
// holds, for an answer's head that does not fit. It lasts for this exchange.
func (c *Conn) Grow(size int) {
	held := make([]byte, c.Reader.Buffered())
	_, _ = io.ReadFull(c.Reader, held) // from the buffer: no error
	larger := bufio.NewReaderSize(io.MultiReader(bytes.NewReader(held), c.Conn), size)
	_, _ = larger.Peek(len(held)) // from memory: no error
	c.Reader = larger
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
	tcp       *net.TCPConn
	nc        net.Conn // tcp, or TLS over it
	endpoint  *Endpoint
	peek      peek
	used      bool  // has carried an exchange, or been idle
	readArmed int64 // Conn.ReadArmed of the last exchange
	turn      uint32
	shard     uint32
	since     int64    // clock when it was released
	next      *link    // in the idle stack
	own       *Private // where a client's own connection goes between its requests; nil: it is shared
	handle    [handles]Conn
}

// lend makes the Conn for one exchange.
func (l *link) lend() *Conn {
	c := &l.handle[l.turn%handles]
	l.turn++
	r := readers.Get().(*bufio.Reader)
	r.Reset(l.nc)
	c.Conn, c.Reader, c.Reused, c.Last, c.link = l.nc, r, l.used, false, l
	c.ReadArmed = l.readArmed
	c.held.Store(true)
	return c
}

// giveBack puts the link among the idle ones, and wakes who waits for one.
func (l *link) giveBack() {
	l.used = true
	l.since = clock()
	l.putBack()
}

// putBack is giveBack of a link that has not been used since it was idle.
func (l *link) putBack() {
	e := l.endpoint
	if !e.idle.push(l, &e.retired) {
		l.end()
		return
	}
	// After the push: a request that began to wait before it was seen here sees the push.
	if p := l.places(); p.waiting.Load() > 0 {
		p.serve()
	}
	if e.racers.n.Load() > 0 {
		e.racers.serve(e)
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

// fresh reports whether the connection can carry another exchange. It looks at
// the socket however short the connection idled: what a server sends after the end
// of an answer (a body to HEAD, a second answer) would be read as the answer to the
// next request, which may be somebody else's. The look costs about 0.3 µs.
func (l *link) fresh(now int64, idleTimeout time.Duration) bool {
	return now-l.since <= int64(idleTimeout) && l.peek.silent()
}
