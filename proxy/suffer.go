package proxy

import (
	"bufio"
	"errors"
	"time"

	"sluice/analysis"
	"sluice/router"
)

// Injected answers bear this field, so that nobody takes an experiment for an outage.
const injectedField = "X-Sluice-Injected: "

func appendInjected(dst []byte, what string) []byte {
	if what == "" {
		return dst
	}
	return append(append(append(dst, injectedField...), what...), "\r\n"...)
}

// errReleased ends a wait whose reason is gone: the injection has ended, or the
// server drains and would be held up.
var errReleased = errors.New("the injection has ended")

// suffer does to the request what is injected at its version, before any connection
// to an upstream is taken. done says that the exchange is over with it, and keep
// that the client's connection lives on. An injected answer is final: neither
// tried again nor shielded, and not judged.
func (x *exchange) suffer() (done, keep bool) {
	f, hit := x.choice.Version.Fault(x.req.Rand, x.preview)
	if !hit || x.c.server.drain.Load() != nil {
		return false, false
	}
	x.svc.Exempt(&x.choice)
	return x.undergo(f)
}

// undergo is suffer's rare part: apart, so that only here f is on the heap.
func (x *exchange) undergo(f router.Fault) (done, keep bool) {
	if f.Delay > 0 {
		x.injected = "delay"
		if done, keep := x.held(&f, x.began+int64(f.Delay), false); done {
			return true, keep
		}
		if f.Over(x.now) {
			return false, false
		}
	}
	switch {
	case f.Abort != 0:
		x.injected = "abort"
		return true, x.answerInjected(localAnswer{status: f.Abort, errorType: "proxy_internal_response"})
	case f.Reset:
		x.injected = "reset"
		x.c.sever()
		return true, false
	case f.Blackhole:
		x.injected = "blackhole"
		limit := f.Until()
		if d := int64(x.svc.Policy.ResponseTimeout); d > 0 {
			limit = x.now + d
		}
		return x.held(&f, limit, true)
	}
	x.injected = "delay"
	return false, false
}

// held lets the request wait until limit. It is done if the client leaves, the server
// stops, or the whole exchange's time is up; and with the limit if nothing comes after it (final).
func (x *exchange) held(f *router.Fault, limit int64, final bool) (done, keep bool) {
	end := x.withinWhole(limit)
	err := x.pause(f, end)
	x.now = analysis.Now()
	switch {
	case err == errReleased:
		return false, false
	case err == errStopping:
		return true, x.answerInjected(answerStopping)
	case err != nil:
		x.try.outcome = analysis.ClientGone
		x.c.sever()
		return true, false
	case final || end < limit:
		return true, x.answerInjected(answerTimeout)
	}
	return false, false
}

func (x *exchange) answerInjected(a localAnswer) (keep bool) {
	a.injected = x.injected
	return x.answerLocal(a)
}

// hold watches over a request that waits.
type hold struct {
	server *Server
	fault  *router.Fault
}

// look ends the wait when its reason is gone.
func (h *hold) look(now int64) error {
	switch {
	case h.server.stopping.Load():
		return errStopping
	case h.server.drain.Load() != nil || h.fault.Over(now):
		return errReleased
	}
	return nil
}

// pause waits until end. Reading on from the client tells at once when it leaves; what
// it sends meanwhile stays in the buffer. nil: the time is up.
func (x *exchange) pause(f *router.Fault, end int64) error {
	h := &hold{server: x.c.server, fault: f}
	x.c.src.begin(analysis.Now(), end, answerTick, h)
	for {
		switch err := x.c.src.more(); {
		case err == nil:
		case err == errTimedOut:
			return nil
		case errors.Is(err, bufio.ErrBufferFull):
			return x.waitBlind(h, end)
		default:
			return err
		}
	}
}

// waitBlind is for a client that has sent more than the buffer holds.
func (x *exchange) waitBlind(h *hold, end int64) error {
	for {
		now := analysis.Now()
		if now >= end {
			return nil
		}
		if err := h.look(now); err != nil {
			return err
		}
		if x.c.left() {
			return errClientGone
		}
		select {
		case <-time.After(time.Duration(min(end-now, firstTick))):
		case <-x.c.ctx.Done():
			return errStopping
		}
	}
}
