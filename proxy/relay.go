package proxy

import (
	"errors"
	"io"

	"sluice/analysis"
)

// writeBuffer is how much of an answer is gathered for one write, in bytes.
const writeBuffer = 32 << 10

// relay sends the answer at hand to the client. It returns whether the
// client's connection lives on.
func (x *exchange) relay() bool {
	t := &x.try
	if x.ans.status == 101 {
		return x.switchProtocols()
	}
	f := x.ans.framing(x.h.isHead())
	d := &x.deliver
	x.describe(f)
	if x.pair != nil {
		x.keepHead()
	}
	x.begun, x.status = true, x.ans.status
	x.wbuf = appendAnswer(x.wbuf[:0], &x.ans, d)
	reusable := x.ans.reusable() && f != closeBody
	t.src.skip(t.headLen)
	x.answer.start(&t.src, f, x.ans.contentLength)
	whole, gone := x.pump()
	if x.pair != nil {
		x.keepEnd(whole)
	}
	x.closeAttempt(whole, gone, reusable)
	if !whole {
		x.c.sever()
		return false
	}
	x.lingers = !d.keep && !x.drained()
	return d.keep
}

// drained reports whether nothing of what the client sent is unread, so that
// the connection can be closed without resetting its answer away.
func (x *exchange) drained() bool { return x.body.done && x.c.src.br.Buffered() == 0 }

// describe says how the answer goes out.
func (x *exchange) describe(f framing) {
	d := &x.deliver
	d.framing = deliveryFraming(f, x.h.minor)
	d.isHead, d.minor = x.h.isHead(), x.h.minor
	d.via, d.edit = x.st.Via, &x.svc.Policy.Response
	d.secure, d.injected = x.c.peer.tls, x.injected
	if x.choice.SetKey && x.svc.Policy.Sticky.Cookie != "" {
		d.cookie, d.cookieKey = x.svc.Policy.Sticky.Cookie, &x.choice.NewKey
	}
	d.keep = x.h.persistent() && d.framing != closeBody && x.requestDone() && x.c.server.keeps(x.now)
}

// pump moves the body on: what is there is written before more is waited for,
// so that events pass at once, and never is more than a buffer held. whole
// says that all of the answer went out; gone that the client would not have it.
func (x *exchange) pump() (whole, gone bool) {
	b, t := &x.answer, &x.try
	for !b.done {
		p, err := x.piece()
		if err == io.EOF {
			break
		} else if err == errNotTaken {
			return false, true
		} else if err != nil {
			_ = x.flush() // what came is the client's; the break is told by the reset after it
			return false, err == errClientGone || x.up != nil && x.up.state.Load() == clientFailed
		}
		if x.emit(p) != nil {
			return false, true
		}
	}
	if x.deliver.framing == chunkedBody {
		var f fieldSet
		trailers, r := checkedTrailers(b.trailers, &f)
		if r != nil {
			return false, false
		}
		x.wbuf = appendLastChunk(x.wbuf, trailers)
	}
	// The version has done its part, whatever the client does with the last
	// bytes; and who has read an answer finds it counted.
	x.settle(analysis.OutcomeOf(t.status), t.headAt)
	if x.flush() != nil {
		return false, true
	}
	return true, false
}

// errNotTaken says that the client would not have more of the answer.
var errNotTaken = errors.New("the client takes no more")

// spliceFrom is how much of an answer must be left for splicing to pay, in bytes.
const spliceFrom = 64 << 10

// piece returns the next piece of the body, after what came before has gone out.
// Of a long rest none may come this way; then io.EOF follows.
func (x *exchange) piece() ([]byte, error) {
	b := &x.answer
	if !b.ready() {
		if x.flush() != nil {
			return nil, errNotTaken
		}
		x.beginWait()
		if b.kind == fixedBody && b.left >= spliceFrom {
			if err := x.splice(); err != nil {
				return nil, err
			}
		}
	}
	return b.next()
}

// beginWait begins a wait for more of the body.
func (x *exchange) beginWait() {
	x.now = analysis.Now()
	x.settleLate(x.now)
	x.try.src.begin(x.now, x.idleLimit(), answerTick, x)
}

// idleLimit is when a silence in the answer's body becomes too long.
func (x *exchange) idleLimit() int64 {
	limit := int64(0)
	if d := int64(x.svc.Policy.IdleTimeout); d > 0 {
		limit = x.now + d
	}
	return x.withinWhole(limit)
}

// emit passes a piece of the body on, or keeps it for the next write.
func (x *exchange) emit(p []byte) error {
	x.bytes += int64(len(p))
	if x.pair != nil {
		x.keepBody(p)
	}
	if len(x.wbuf)+len(p) > writeBuffer {
		if err := x.flush(); err != nil {
			return err
		}
	}
	if x.deliver.framing == chunkedBody {
		x.wbuf = appendChunk(x.wbuf, p)
		return nil
	}
	if len(x.wbuf) == 0 && len(p) >= 4<<10 {
		return x.toClient(p)
	}
	x.wbuf = append(x.wbuf, p...)
	return nil
}

func (x *exchange) flush() error {
	if len(x.wbuf) == 0 {
		return nil
	}
	err := x.toClient(x.wbuf)
	x.wbuf = x.wbuf[:0]
	return err
}

// closeAttempt records the attempt and gives its connection back, or not.
func (x *exchange) closeAttempt(whole, gone, reusable bool) {
	t := &x.try
	o := analysis.OutcomeOf(t.status)
	switch {
	case gone:
		o = analysis.ClientGone
	case !whole:
		o = analysis.Reset
		if t.finished {
			x.c.server.counts.broken.Add(1)
			t.outcome = o // for the log
		}
	}
	x.c.late.stop()
	x.settle(o, t.headAt)
	sent := x.requestDone()
	x.endUpload()
	if whole && reusable && sent {
		if x.up != nil {
			x.up.out.disarm()
		}
		t.giveBack()
	}
	t.drop()
	t.leave(o)
}
