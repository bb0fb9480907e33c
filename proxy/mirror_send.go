package proxy

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"sluice/upstream"
)

// mirrorAnswerBytes is how much of an answer's body is read so that the
// connection can be used again; a longer one costs the connection.
const mirrorAnswerBytes = 64 << 10

// send sends one copy, reads the answer and throws it away.
func (m *mirrors) send(run context.Context, c *mirrorCopy) (result string) {
	timeout := c.to.Timeout
	if timeout <= 0 {
		timeout = mirrorTimeout
	}
	ctx, cancel := context.WithTimeout(run, timeout)
	defer cancel()
	e, err := c.to.Pool.Pick(nil)
	if err != nil {
		m.report(c, "", err)
		return mirrorFailed
	}
	status, stale, err := c.attempt(ctx, e, false)
	if stale && repeatable(c.method()) {
		status, _, err = c.attempt(ctx, e, true)
	}
	switch {
	case err == nil:
		e.Done(status >= 500)
		return mirrorSent
	case run.Err() != nil:
		e.Done(false)
		return mirrorDroppedStopping
	}
	// What the endpoint does to a copy it would do to a request: its own health
	// may count it. The version's record does not.
	e.Done(!errors.Is(err, upstream.ErrOverLimit))
	m.report(c, e.Addr(), err)
	if ctx.Err() != nil {
		return mirrorTimedOut
	}
	return mirrorFailed
}

// attempt sends the copy over one connection. stale reports that a reused
// connection ended before a byte of an answer came.
func (c *mirrorCopy) attempt(ctx context.Context, e *upstream.Endpoint, fresh bool) (status int, stale bool, err error) {
	conn, err := c.to.Pool.Conn(ctx, e, fresh)
	if err != nil {
		return 0, false, err
	}
	defer conn.Discard()
	// The deadlines that the last exchange left are cleared; ctx stands for ours.
	if err := conn.SetDeadline(time.Time{}); err != nil {
		return 0, conn.Reused, err
	}
	stop := context.AfterFunc(ctx, conn.Discard)
	status, whole, begun, err := c.exchange(conn)
	// If stop comes too late, Discard runs or will: the connection must not be given back.
	if stop() && err == nil && whole {
		conn.Release()
	}
	return status, conn.Reused && !begun && err != nil && ctx.Err() == nil, err
}

// exchange reports whether an answer had begun, and whether it was read whole
// and the connection may carry another.
func (c *mirrorCopy) exchange(conn *upstream.Conn) (status int, whole, begun bool, err error) {
	br := conn.Reader
	if _, err := conn.Write(c.message); err != nil {
		return 0, false, false, err
	}
	if _, err := br.Peek(1); err != nil {
		return 0, false, false, err
	}
	status, whole, err = readMirrorAnswer(br, string(c.method()))
	return status, whole, true, err
}

// readMirrorAnswer reads interim answers and the final one, up to
// mirrorAnswerBytes of its body.
func readMirrorAnswer(br *bufio.Reader, method string) (status int, whole bool, err error) {
	request := &http.Request{Method: method}
	for {
		answer, err := http.ReadResponse(br, request)
		if err != nil {
			return 0, false, err
		}
		if answer.StatusCode == http.StatusSwitchingProtocols {
			return answer.StatusCode, false, nil
		}
		if answer.StatusCode < 200 {
			continue
		}
		n, err := io.Copy(io.Discard, io.LimitReader(answer.Body, mirrorAnswerBytes+1))
		return answer.StatusCode, err == nil && n <= mirrorAnswerBytes && !answer.Close, err
	}
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
