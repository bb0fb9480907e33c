package proxy

import (
	"bufio"
	"context"
	"errors"
	"io"
	"time"

	"sluice/upstream"
)

// mirrorAnswerBytes is how much of an answer's body is read so that the
// connection can be used again; a longer one costs the connection.
const mirrorAnswerBytes = 64 << 10

// mirrorWorker is what one goroutine needs to read answers.
type mirrorWorker struct {
	mirrors *mirrors
	src     source
	head    answerHead
	body    body
}

// send sends one copy and reads the answer, which is thrown away or left to be compared.
func (w *mirrorWorker) send(run context.Context, c *mirrorCopy) (result string) {
	timeout := c.to.Timeout
	if timeout <= 0 {
		timeout = mirrorTimeout
	}
	ctx, cancel := context.WithTimeout(run, timeout)
	defer cancel()
	if c.suffer(ctx) {
		return mirrorInjected
	}
	e, err := c.to.Pool.Pick(nil)
	if err != nil {
		w.mirrors.report(c, "", err)
		c.unsent()
		return mirrorFailed
	}
	status, stale, err := w.attempt(ctx, c, e, false)
	if stale && repeatable(c.method()) {
		status, _, err = w.attempt(ctx, c, e, true)
	}
	return w.settle(run, ctx, c, e, status, err)
}

// settle tells endpoint and comparison what became of the copy. ctx is the
// copy's own, within run.
func (w *mirrorWorker) settle(run, ctx context.Context, c *mirrorCopy, e *upstream.Endpoint, status int, err error) (result string) {
	switch {
	case err == nil:
		e.Done(status >= 500)
		c.answered()
		return mirrorSent
	case run.Err() != nil:
		e.Abandon()
		c.lost(compareStopping)
		return mirrorDroppedStopping
	case errors.Is(err, upstream.ErrOverLimit) || upstream.Exhausted(err):
		e.Abandon()
		c.unsent()
	default:
		// What the endpoint does to a copy it would do to a request: its own health
		// may count it. The version's record does not.
		e.Done(true)
	}
	w.mirrors.report(c, e.Addr(), err)
	if ctx.Err() != nil {
		c.failed("timeout")
		return mirrorTimedOut
	}
	c.failed("no whole answer")
	return mirrorFailed
}

// attempt sends the copy over one connection. stale reports that a reused
// connection ended before a byte of an answer came.
func (w *mirrorWorker) attempt(ctx context.Context, c *mirrorCopy, e *upstream.Endpoint, fresh bool) (status int, stale bool, err error) {
	conn, err := c.to.Pool.Conn(ctx, e, fresh)
	if err != nil {
		return 0, false, err
	}
	reused := conn.Reused // once released, conn is somebody else's
	// The deadlines that the last exchange left are cleared; ctx stands for ours.
	if err := conn.SetDeadline(time.Time{}); err != nil {
		conn.Discard()
		return 0, reused, err
	}
	conn.ReadArmed = 0
	stop := context.AfterFunc(ctx, conn.Discard)
	status, whole, begun, err := w.exchange(c, conn)
	// If stop comes too late, Discard runs or will: the connection must not be given back.
	if stop() && err == nil && whole {
		conn.Release()
	} else {
		conn.Discard()
	}
	return status, reused && !begun && err != nil && ctx.Err() == nil, err
}

// exchange reports whether an answer had begun, and whether it was read whole
// and the connection may carry another.
func (w *mirrorWorker) exchange(c *mirrorCopy, conn *upstream.Conn) (status int, whole, begun bool, err error) {
	if _, err := conn.Write(c.message); err != nil {
		return 0, false, false, err
	}
	if _, err := conn.Reader.Peek(1); err != nil {
		return 0, false, false, err
	}
	status, whole, err = w.read(c, conn.Reader)
	return status, whole, true, err
}

// read reads interim answers and the final one, up to mirrorAnswerBytes of its body.
func (w *mirrorWorker) read(c *mirrorCopy, br *bufio.Reader) (status int, whole bool, err error) {
	isHead := string(c.method()) == "HEAD"
	w.src = source{br: br} // no phases: what ends the copy's time discards the connection
	for range maxInterim + 1 {
		head, err := w.src.headEnd()
		if err != nil {
			return 0, false, err
		}
		if r := parseAnswer(head, &w.head); r != nil {
			return 0, false, r
		}
		if w.head.status == 101 {
			c.keepHead(&w.head)
			return 101, false, nil
		}
		w.src.skip(len(head))
		if !w.head.interim() {
			c.keepHead(&w.head)
			whole, err := w.consume(c, w.head.framing(isHead), w.head.contentLength)
			return w.head.status, whole && w.head.reusable(), err
		}
	}
	return 0, false, errInterim
}

// errInterim says that a target sends 1xx answers without end.
var errInterim = errors.New("too many interim answers")

// consume reads a body up to mirrorAnswerBytes and reports whether it ended
// there, and not with the connection.
func (w *mirrorWorker) consume(c *mirrorCopy, kind framing, length int64) (whole bool, err error) {
	w.body.start(&w.src, kind, length)
	for w.body.total <= mirrorAnswerBytes {
		p, err := w.body.next()
		if err == io.EOF {
			return kind != closeBody, nil
		} else if err != nil {
			return false, err
		}
		c.keepBody(p)
	}
	return false, nil
}

// report logs a failure, one a minute: the counts tell the rest.
func (m *mirrors) report(c *mirrorCopy, endpoint string, err error) {
	now := time.Now().Unix()
	last := m.reportedAt.Load()
	if now-last < 60 || !m.reportedAt.CompareAndSwap(last, now) {
		return
	}
	m.logger.Warn("mirrored copy failed", "service", c.service, "version", c.to.Version.Name, "endpoint", endpoint, "error", err)
}
