package proxy

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"time"

	"sluice/analysis"
	"sluice/router"
	"sluice/upstream"
)

// try is the attempt that an exchange is at.
type try struct {
	number    int
	service   *router.Service
	endpoint  *upstream.Endpoint
	addr      string // of the endpoint asked last, for the access log
	conn      *upstream.Conn
	src       source
	out       sink
	start     int64 // when it was counted as started, or would have been
	sentAt    int64 // when the last byte of the request was sent; 0: not yet
	headAt    int64 // when the last byte of the answer's head was there
	headLen   int
	outcome   analysis.Outcome
	status    int
	unsent    bool // not one byte of the request went out
	stale     bool
	retrying  *router.Version // counted in its Retrying
	started   bool
	finished  bool
	exhausted bool // a fresh connection has been tried for a stale one
	overdue   bool // the endpoint has been told that this takes long
	local     localAnswer
}

// continueAfter is how long an upstream may leave a client waiting for 100
// (Continue) before the proxy says it: old servers ignore Expect.
const continueAfter = int64(time.Second)

// maxInterim bounds the 1xx answers to one request.
const maxInterim = 32

// attempt makes one attempt: up to the head of a final answer, or to a failure.
// fresh repeats it on a new connection to the same endpoint.
func (x *exchange) attempt(avoid *upstream.Endpoint, fresh bool) {
	t := &x.try
	t.outcome, t.status, t.unsent, t.stale = 0, 0, true, false
	t.sentAt, t.headAt, t.overdue = 0, 0, false
	if !fresh {
		e, err := x.choice.Pool.Pick(avoid)
		if err != nil {
			t.fail(analysis.LocalRefusal, x.noEndpoint())
			return
		}
		t.endpoint, t.addr = e, e.Addr()
	}
	t.exhausted = fresh
	wait := x.dialContext()
	defer x.dialed(wait)
	conn, err := x.connect(wait, fresh)
	if err != nil {
		x.connFailed(err)
		return
	}
	t.conn = conn
	t.out = sink{conn: conn, timeout: int64(x.st.WriteTimeout)}
	t.src = source{br: conn.Reader, conn: conn, armed: conn.ReadArmed}
	if !conn.Reused || t.number > 1 {
		x.now = analysis.Now()
	}
	sent := x.send()
	x.sendCopy()
	if sent {
		x.await()
	}
}

// connect takes a connection that others may have used, or the client's own where the
// endpoint is told of the client.
func (x *exchange) connect(ctx context.Context, fresh bool) (*upstream.Conn, error) {
	pool, e := x.choice.Pool, x.try.endpoint
	if pool.Shared() {
		return pool.Conn(ctx, e, fresh)
	}
	return pool.Private(ctx, e, fresh, &x.c.own, x.c.peer.ends)
}

func (x *exchange) noEndpoint() localAnswer {
	if x.preview {
		return answerNoPreview
	}
	return answerNoEndpoint
}

func (t *try) fail(o analysis.Outcome, a localAnswer) { t.outcome, t.local = o, a }

func (x *exchange) connFailed(err error) {
	t := &x.try
	x.now = analysis.Now()
	timeout, isNet := errors.AsType[net.Error](err)
	switch {
	case x.c.server.stopping.Load():
		t.fail(analysis.LocalRefusal, answerStopping)
	case errors.Is(err, upstream.ErrOverLimit):
		t.fail(analysis.LocalRefusal, answerOverLimit)
	case errors.Is(err, upstream.ErrNoEndpoint):
		t.fail(analysis.LocalRefusal, x.noEndpoint())
	case upstream.Exhausted(err):
		t.fail(analysis.LocalRefusal, answerExhausted)
	case errors.Is(err, context.DeadlineExceeded) || isNet && timeout.Timeout():
		t.fail(analysis.ConnectError, answerConnTimeout)
	default:
		t.fail(analysis.ConnectError, answerRefused)
	}
}

// send writes the request, or as much of it as is there; the rest is the
// upload's. It returns whether an answer may be waited for.
func (x *exchange) send() bool {
	t := &x.try
	message := x.message
	if !x.whole {
		message = x.firstPart()
	} else if t.number == 1 && !t.started {
		t.count(x, x.now)
	}
	if err := x.write(message); err != nil {
		t.stale = t.conn.Reused && !t.exhausted
		x.now = analysis.Now()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			t.stale, t.unsent = false, false
			t.fail(analysis.Timeout, answerTimeout)
		} else {
			t.fail(analysis.Reset, answerTerminated)
		}
		return false
	}
	t.unsent = false
	switch {
	case x.whole:
		t.sentAt = x.now
	case !x.expects:
		x.startUpload()
	}
	return true
}

// firstPart is the head, and what has been gathered of a body that is streamed.
func (x *exchange) firstPart() []byte {
	x.message = x.message[:x.headLen]
	switch {
	case len(x.small) == 0:
	case x.out.framing == chunkedBody:
		x.message = appendChunk(x.message, x.small)
	default:
		x.message = append(x.message, x.small...)
	}
	return x.message
}

// write sends to the upstream. A small message on a connection that has
// nothing else in flight fits the socket's buffer: no deadline is set for it.
func (x *exchange) write(p []byte) error {
	t := &x.try
	if len(p) > 8<<10 {
		return t.out.write(p, x.now)
	}
	n, err := t.conn.Write(p)
	t.unsent = n == 0
	return err
}

// count tells the recorder that the first attempt has been sent.
func (t *try) count(x *exchange, at int64) {
	t.started, t.start = true, at
	t.service.Start(&x.choice, x.c.shard, at)
}

// await reads up to the head of the final answer.
func (x *exchange) await() {
	t := &x.try
	t.src.begin(x.now, x.answerLimit(), answerTick, x)
	for interim := 0; ; interim++ {
		b, err := t.answerHead()
		if err != nil {
			x.answerFailed(err, interim > 0)
			return
		}
		r := parseAnswer(b, &x.ans)
		if r != nil || interim > maxInterim || x.ans.status == 101 && !x.out.upgrade {
			x.now = analysis.Now()
			t.fail(analysis.BadResponse, answerBadResponse)
			return
		}
		if x.ans.interim() {
			x.passInterim()
			t.src.skip(len(b))
			continue
		}
		x.now = analysis.Now()
		t.headAt, t.headLen, t.status = x.now, len(b), x.ans.status
		t.outcome = analysis.OutcomeOf(t.status)
		t.endpoint.Answered(x.now)
		x.observeLoad()
		return
	}
}

// maxAnswerHead bounds the head of an upstream's answer, in bytes.
const maxAnswerHead = 64 << 10

// answerHead waits for the head of an answer; a large one gets a larger buffer.
func (t *try) answerHead() ([]byte, error) {
	b, err := t.src.headEnd()
	if err == bufio.ErrBufferFull && t.src.br.Size() < maxAnswerHead {
		t.conn.Grow(maxAnswerHead)
		t.src.br = t.conn.Reader
		b, err = t.src.headEnd()
	}
	return b, err
}

// answerLimit is when the wait for a head ends: never while the request is
// still being sent, but for the whole exchange's limit.
func (x *exchange) answerLimit() int64 {
	limit := int64(0)
	if d := int64(x.svc.Policy.ResponseTimeout); d > 0 && x.try.sentAt != 0 {
		limit = x.try.sentAt + d
	}
	return x.withinWhole(limit)
}

func (x *exchange) withinWhole(limit int64) int64 {
	if d := int64(x.svc.Policy.WholeTimeout); d > 0 && (limit == 0 || x.began+d < limit) {
		return x.began + d
	}
	return limit
}

// answerFailed classifies why no head came.
func (x *exchange) answerFailed(err error, interim bool) {
	t := &x.try
	x.now = analysis.Now()
	silent := t.src.br.Buffered() == 0 && !interim
	if u := x.up; u != nil && u.failed() && x.uploadFailed(u) {
		return
	}
	switch {
	case err == errTimedOut:
		t.fail(analysis.Timeout, answerTimeout)
	case err == errClientGone:
		t.fail(analysis.ClientGone, localAnswer{})
	case err == errStopping:
		t.fail(analysis.LocalRefusal, answerStopping)
	case errors.Is(err, io.EOF) || isGone(err):
		t.stale = t.conn.Reused && silent && !t.exhausted
		t.fail(analysis.Reset, answerTerminated)
	default: // refused, or too large for the buffer
		if _, broken := errors.AsType[net.Error](err); broken {
			t.fail(analysis.Reset, answerTerminated)
			return
		}
		t.fail(analysis.BadResponse, answerBadResponse)
	}
}

// passInterim forwards a 1xx answer to a client that can read it.
func (x *exchange) passInterim() {
	if x.ans.status == 100 {
		if x.expects {
			x.sendContinue()
		}
		return
	}
	if x.h.minor == 1 && (x.ans.status == 102 || x.ans.status == 103) {
		x.wbuf = appendInterim(x.wbuf[:0], &x.ans)
		_ = x.c.out.write(x.wbuf, x.now) // a client that left shows at the final answer
	}
}

// sendContinue lets the client send its body.
func (x *exchange) sendContinue() {
	x.expects = false
	_ = x.c.out.write([]byte("HTTP/1.1 100 Continue\r\n\r\n"), x.now) // as above
	x.startUpload()
}

var errClientGone = errors.New("the client left")

// look is called at every tick while an exchange waits.
func (x *exchange) look(now int64) error {
	t := &x.try
	if x.c.server.stopping.Load() {
		return errStopping
	}
	if t.conn == nil {
		return nil // gathering the client's body
	}
	x.settleLate(now)
	x.tellOverdue(now)
	if u := x.up; u != nil {
		return x.lookUpload(u, now)
	}
	if x.expects && now-x.now >= continueAfter && t.headAt == 0 {
		x.sendContinue()
		return nil
	}
	if x.c.left() {
		return errClientGone
	}
	return nil
}

// log adds the last attempt to an access-log line.
func (t *try) log(e *logEntry) {
	e.Endpoint = t.addr
	e.Outcome = t.outcome.String()
	if t.headAt != 0 && t.sentAt != 0 {
		e.Upstream = time.Duration(max(0, t.headAt-t.sentAt))
	}
}
