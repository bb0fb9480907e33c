package proxy

import (
	"time"

	"sluice/analysis"
	"sluice/upstream"
)

// lateSuccess is how long after the head an answer counts as good although its
// body has not ended: evidence must not wait for the end of a long stream. A body
// that breaks later is counted in Stats.BrokenBodies.
const lateSuccess = int64(1e9)

// attempts makes one attempt after another until one is delivered, or the
// proxy answers itself. It returns whether the client's connection lives on.
func (x *exchange) attempts() bool {
	x.try.service, x.try.number = x.svc, 1
	x.enter()
	defer x.conclude()
	if done, keep := x.suffer(); done {
		return keep
	}
	var avoid *upstream.Endpoint
	mayShield := x.choice.Shield
	for fresh := false; ; {
		x.tries++
		x.attempt(avoid, fresh)
		switch x.next(&mayShield) {
		case deliver:
			return x.relay()
		case retryFresh:
			x.try.drop()
			fresh = true
			continue
		case retrySame:
			avoid, fresh = x.again(), false
		case shield:
			avoid, fresh = nil, false
		case giveUp:
			return x.abandon()
		}
	}
}

// next decides, and records the attempt unless it is to be repeated as if it
// had not been. A shield's permit is taken here: without one it decides again.
func (x *exchange) next(mayShield *bool) step {
	t := &x.try
	a := attempt{
		number: t.number, outcome: t.outcome, status: t.status, unsent: t.unsent, stale: t.stale,
		replayable: x.req.Replayable, begun: x.begun, mayShield: *mayShield,
		attempts: x.svc.Policy.Attempts, on: &x.svc.Policy.RetryOn,
	}
	if t.outcome.Failed() && t.number < a.attempts {
		a.mayRetry = x.timeLeft() && budgetFree(x.choice.Version, x.svc.Policy.RetryBudget)
	}
	s := decide(&a)
	if s == retryFresh {
		return s
	}
	if s != deliver || t.outcome != analysis.Success {
		x.settle(t.outcome, x.now)
	}
	if s != shield {
		return s
	}
	*mayShield = false
	if x.timeLeft() && x.toStable() {
		return shield
	}
	a.mayShield = false
	return decide(&a)
}

func (x *exchange) timeLeft() bool {
	limit := x.withinWhole(0)
	return limit == 0 || x.now < limit
}

// again prepares another attempt at the same version, away from the endpoint that failed.
func (x *exchange) again() (avoid *upstream.Endpoint) {
	t := &x.try
	avoid = t.endpoint
	x.endAttempt()
	t.number++
	t.finished = false
	t.retrying = x.choice.Version
	t.retrying.Retrying.Add(1)
	return avoid
}

// toStable hands the request over to stable, if its budget allows.
func (x *exchange) toStable() bool {
	failed, now := x.choice.Version, analysis.Now()
	choice := x.choice
	if !x.svc.Alternative(&choice, now) {
		return false
	}
	x.endAttempt()
	x.leave()
	x.choice = choice
	x.enter()
	failed.Shielded.Add(1)
	x.try.number++
	x.try.finished = false
	return true
}

// settle records how an attempt ended, once: the first for judgement, others
// apart. at is when the answer's head, or the failure, was there.
func (x *exchange) settle(o analysis.Outcome, at int64) {
	t := &x.try
	if t.finished {
		return
	}
	t.finished = true
	t.outcome = o
	if t.number > 1 {
		x.choice.Version.Retries[o].Add(1)
		if x.preview && !o.Failed() && o <= analysis.ClientError {
			x.choice.Version.PreviewsSaved.Add(1)
		}
	} else {
		if !t.started {
			// Of a streamed request the clock starts with its last byte.
			sent := t.sentAt
			if sent == 0 || sent > at {
				sent = at
			}
			t.count(x, sent)
		}
		x.svc.Finish(&x.choice, x.c.shard, t.start, at, o)
		if t.endpoint != nil && x.choice.Compared() && o != analysis.ClientGone && o != analysis.LocalRefusal {
			t.endpoint.Judge(o.Failed())
		}
		if o.Failed() && x.injected == "" {
			x.choice.Version.Exemplars.Add(time.Now(), x.out.id, o)
		}
	}
	if t.retrying != nil {
		t.retrying.Retrying.Add(-1)
		t.retrying = nil
	}
}

// settleLate counts an answer as good whose body takes longer than a second.
func (x *exchange) settleLate(now int64) {
	if t := &x.try; t.headAt != 0 && now-t.headAt >= lateSuccess {
		x.settle(analysis.OutcomeOf(t.status), t.headAt)
	}
}

// drop closes the connection and keeps the endpoint.
func (t *try) drop() {
	if t.conn != nil {
		t.conn.Discard()
		t.conn = nil
	}
}

// endAttempt lets go of connection and endpoint. A small answer that is not
// wanted is skipped, so that its connection can be used again.
func (x *exchange) endAttempt() {
	t := &x.try
	if t.conn != nil && t.status != 0 && x.skipAnswer() {
		t.giveBack()
	}
	t.drop()
	t.leave(t.outcome)
}

// skipAnswer reports whether the connection stands behind the answer's end.
func (x *exchange) skipAnswer() bool {
	t := &x.try
	size := int64(0)
	switch x.ans.framing(x.h.isHead()) {
	case fixedBody:
		size = x.ans.contentLength
	case chunkedBody, closeBody:
		return false
	}
	if !x.ans.reusable() || x.up != nil || x.expects || int64(t.src.br.Buffered()) < int64(t.headLen)+size {
		return false
	}
	t.src.skip(t.headLen + int(size))
	return true
}

// abandon ends an exchange that has no upstream's answer to give.
func (x *exchange) abandon() bool {
	t := &x.try
	t.drop()
	x.endUpload()
	x.endAttempt()
	switch {
	case t.outcome == analysis.ClientGone || x.begun:
		x.c.sever()
		return false
	case x.refused != nil:
		return x.refuse(x.refused)
	}
	return x.answerLocal(t.local)
}

// enter and leave keep the count of requests in flight at the version chosen.
func (x *exchange) enter() { x.choice.Version.Active.Add(1) }

func (x *exchange) leave() { x.choice.Version.Active.Add(-1) }

// conclude leaves nothing behind, even after a panic: a request that never
// finished would look like one that hangs, and endpoints would seem busy.
func (x *exchange) conclude() {
	x.sendCopy()
	if x.pair != nil {
		x.unpair(compareNotStable)
	}
	x.settle(analysis.LocalRefusal, x.now)
	if x.try.conn != nil || x.try.endpoint != nil {
		x.try.drop()
		x.endUpload()
		x.endAttempt()
	}
	x.leave()
}
