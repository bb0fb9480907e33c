package proxy

import (
	"io"
	"runtime/debug"
	"sync/atomic"
	"time"

	"sluice/analysis"
	"sluice/upstream"
)

// upload carries a body that is not whole when its request starts. It runs on
// a goroutine of its own, so that an early answer reaches the client while it
// still sends, and both sides may stream at once. While it runs, the client's
// source, the exchange's body and writing to the upstream are its own;
// everything else is the exchange's.
type upload struct {
	x      *exchange
	conn   *upstream.Conn // the attempt's
	out    sink
	limit  int64 // bytes of content; 0: none
	buf    []byte
	waited int64 // for the client, ns
	ended  chan struct{}
	stop   atomic.Bool
	sentAt atomic.Int64 // when the last byte was sent
	state  atomic.Uint32
	err    error // why it failed; set before state
}

// States of an upload.
const (
	uploading uint32 = iota
	finishing        // the last bytes are being written
	uploaded
	clientFailed   // err is the client's fault, or the server's end
	upstreamFailed // the upstream takes no more; an early answer may still come
)

// afterBreak is how long an answer is waited for after an upstream stopped reading, ns.
const afterBreak = int64(2 * time.Second)

// uploadBuffer is how much is gathered before it is written on, in bytes.
const uploadBuffer = 16 << 10

func (x *exchange) startUpload() {
	if x.body.left > uploadBuffer && x.c.src.br.Size() < uploadBuffer {
		x.c.growReader(uploadBuffer) // a long body is read in fewer, larger pieces
	}
	x.up = &upload{
		x: x, conn: x.try.conn, limit: x.svc.Policy.MaxBody, ended: make(chan struct{}),
		out: sink{conn: x.try.conn, timeout: int64(x.st.WriteTimeout)},
	}
	go x.up.run()
}

func (u *upload) failed() bool { return u.state.Load() >= clientFailed }

func (u *upload) run() {
	defer close(u.ended)
	defer func() {
		if p := recover(); p != nil {
			u.x.c.server.counts.panics.Add(1)
			u.x.c.server.logger.Error("panic", "error", p, "stack", string(debug.Stack()))
			u.fail(clientFailed, errStopping)
		}
	}()
	if err := u.carry(); err != nil && !u.failed() {
		u.fail(clientFailed, err)
	}
}

func (u *upload) fail(state uint32, err error) {
	u.err = err
	u.state.Store(state)
	if state == clientFailed {
		u.conn.Discard() // wakes the exchange
	}
}

// carry moves the body on until its end.
func (u *upload) carry() error {
	b := &u.x.body
	for !b.done {
		if !b.ready() {
			if err := u.flush(); err != nil {
				return err
			}
		}
		p, err := u.next(b)
		if err == io.EOF {
			break
		} else if err != nil {
			return err
		}
		if u.limit > 0 && b.total > u.limit {
			return refuseTooLarge
		}
		if err := u.take(p); err != nil {
			return err
		}
	}
	return u.finish()
}

// next reads a piece and holds the client to its pace.
func (u *upload) next(b *body) ([]byte, error) {
	if b.ready() {
		return b.next()
	}
	c, st := u.x.c, u.x.st
	from := analysis.Now()
	c.src.begin(from, from+int64(st.BodyTimeout), answerTick, u)
	p, err := b.next()
	u.waited += analysis.Now() - from
	if err == errTimedOut {
		return nil, refuseSlowBody
	}
	if err == nil && st.tooSlow(b.total, u.waited) {
		return nil, refuseSlowBody
	}
	return p, err
}

// look ends the wait for the client when nobody wants its body any more.
func (u *upload) look(int64) error {
	if u.stop.Load() || u.x.c.server.stopping.Load() {
		return errStopping
	}
	return nil
}

func (u *upload) take(p []byte) error {
	if u.x.out.framing == chunkedBody {
		u.buf = appendChunk(u.buf, p)
	} else {
		u.buf = append(u.buf, p...)
	}
	if len(u.buf) >= uploadBuffer {
		return u.flush()
	}
	return nil
}

func (u *upload) flush() error {
	if len(u.buf) == 0 {
		return nil
	}
	if u.x.body.done {
		u.state.Store(finishing)
	}
	err := u.out.write(u.buf, analysis.Now())
	u.buf = u.buf[:0]
	if err != nil {
		u.fail(upstreamFailed, err)
	}
	return err
}

func (u *upload) finish() error {
	if u.x.out.framing == chunkedBody {
		var f fieldSet
		trailers, r := checkedTrailers(u.x.body.trailers, &f)
		if r != nil {
			return r
		}
		u.buf = appendLastChunk(u.buf, trailers)
	}
	if err := u.flush(); err != nil {
		return err
	}
	u.sentAt.Store(analysis.Now())
	u.state.Store(uploaded)
	return nil
}

// lookUpload is the exchange's look while an upload runs.
func (x *exchange) lookUpload(u *upload, now int64) error {
	t := &x.try
	switch u.state.Load() {
	case uploaded:
		x.noteSent(u)
		if t.headAt == 0 {
			t.src.limit = x.answerLimit()
		}
		if x.c.left() {
			return errClientGone
		}
	case upstreamFailed:
		if t.headAt == 0 && t.src.limit == 0 {
			t.src.limit = x.withinWhole(now + afterBreak)
		}
	case clientFailed:
		return errClientGone
	}
	return nil
}

// noteSent starts the clock of a streamed request once its last byte is out.
func (x *exchange) noteSent(u *upload) {
	t := &x.try
	if t.sentAt == 0 {
		t.sentAt = u.sentAt.Load()
		if t.number == 1 && !t.started {
			t.count(x, t.sentAt)
		}
	}
}

// uploadFailed settles an attempt that failed because of its upload. It
// returns false where that was the upstream's doing.
func (x *exchange) uploadFailed(u *upload) bool {
	if u.state.Load() != clientFailed {
		return false
	}
	if r, ok := u.err.(*refusal); ok {
		x.refused = r
		x.try.fail(analysis.LocalRefusal, forRefusal(r))
		return true
	}
	o := analysis.ClientGone
	if u.err == errStopping {
		o = analysis.LocalRefusal
	}
	x.try.fail(o, answerStopping)
	return true
}

// requestDone reports whether the whole request has been read and sent on. An
// upload at its very last write is given a moment: upstreams answer before it returns.
func (x *exchange) requestDone() bool {
	u := x.up
	if u == nil {
		return x.body.done && !x.expects
	}
	if u.state.Load() == finishing {
		moment := time.NewTimer(50 * time.Millisecond)
		defer moment.Stop()
		select {
		case <-u.ended:
		case <-moment.C:
		}
	}
	if u.state.Load() != uploaded {
		return false
	}
	<-u.ended
	x.noteSent(u)
	return true
}

// endUpload stops an upload and waits for its goroutine. The connection to the
// upstream is lost if the body was not whole.
func (x *exchange) endUpload() {
	u := x.up
	if u == nil {
		return
	}
	select {
	case <-u.ended:
	default:
		if x.try.conn != nil {
			x.try.conn.Discard()
		}
		u.stop.Store(true)
		x.c.wake()
		<-u.ended
	}
	x.c.src.armed = 0
}
