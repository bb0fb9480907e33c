package proxy

import (
	"io"
	"time"

	"sluice/analysis"
	"sluice/router"
)

const (
	// gatherBytes is the largest body that is held back until it is whole, so
	// that the request can be sent again.
	gatherBytes = 64 << 10
	// gatherTime is how long such a body may be waited for: what comes with the
	// head's packets, not what a slow client sends.
	gatherTime = 10 * time.Millisecond
)

// gather takes the body into memory if it is small and at hand, or if a mirror
// wants a copy of it. Otherwise what has been read is sent first, and the rest streamed.
func (x *exchange) gather(mirror *router.Mirror) error {
	if x.body.done {
		x.whole = true
		return nil
	}
	if x.expects {
		return nil
	}
	limit, patience := int64(gatherBytes), int64(gatherTime)
	if mirror != nil && mirror.MaxBody > 0 {
		limit, patience = mirror.MaxBody, int64(x.st.BodyTimeout)
	}
	if x.h.contentLength > limit {
		return nil
	}
	return x.fill(limit, patience, mirror != nil)
}

// fill reads up to limit bytes of the body, and waits for patience (ns) in all,
// or for each read if each is set.
func (x *exchange) fill(limit, patience int64, each bool) error {
	waited, from := false, x.now
	for {
		if !x.body.ready() && (each || !waited) {
			x.now = analysis.Now()
			x.c.src.begin(x.now, x.now+patience, answerTick, x)
			waited = true
		}
		p, err := x.body.next()
		switch {
		case err == nil:
			x.small = append(x.small, p...)
			if each && x.st.tooSlow(x.body.total, analysis.Now()-from) {
				return refuseSlowBody
			}
		case err == io.EOF:
			// With trailers the body must stay chunked to carry them.
			x.whole = len(x.body.trailers) == 0
			return x.checkBody()
		case err == errTimedOut && !each:
			return x.checkBody()
		case err == errTimedOut:
			return refuseSlowBody
		default:
			return err
		}
		if x.body.done && x.body.kind == fixedBody {
			x.whole = true
			return x.checkBody()
		}
		if int64(len(x.small)) >= limit {
			return x.checkBody()
		}
	}
}

func (x *exchange) checkBody() error {
	if m := x.svc.Policy.MaxBody; m > 0 && x.body.total > m {
		return refuseTooLarge
	}
	return nil
}
