package proxy

import (
	"syscall"

	"sluice/analysis"
)

// splice moves the rest of an answer with a length to the client inside the kernel, if
// both are plain TCP and nobody else wants to see it. Waits are those of a source and a
// sink. The body is not done afterwards if the rest, or some of it, has to be copied.
func (x *exchange) splice() error {
	from, to := x.splices()
	if from == nil {
		return nil
	}
	b, t := &x.answer, &x.try
	var s splicer
	s.init(&x.c.server.pipes, from, to)
	defer s.release()
	fill := func() error { return s.fill(b.left) }
	for b.left > 0 {
		if err := t.src.wait(fill); err == errCannotSplice {
			return nil
		} else if err != nil {
			return b.ended(err)
		}
		n := int64(s.held)
		b.left, b.total, x.bytes = b.left-n, b.total+n, x.bytes+n
		if b.left == 0 { // as in pump: who has read an answer finds it counted
			x.settle(analysis.OutcomeOf(t.status), t.headAt)
		}
		if x.drain(&s) != nil {
			x.bytes -= int64(s.held) // taken from the upstream alone
			return errNotTaken
		}
		x.beginWait()
	}
	b.done = true
	return nil
}

// drain writes what is in the pipe. Whenever the client takes something it has the write timeout anew.
func (x *exchange) drain(s *splicer) error {
	if !x.try.finished {
		x.c.late.begin(x)
		defer x.c.late.end()
	}
	for s.held > 0 {
		x.now = analysis.Now()
		if err := x.c.out.arm(x.now); err != nil {
			return err
		}
		if err := s.drain(); err != nil {
			return err
		}
	}
	return nil
}

// splices returns the sockets of upstream and client, or nil where splicing is not possible.
func (x *exchange) splices() (from, to syscall.RawConn) {
	if x.pair != nil || x.deliver.framing != fixedBody || x.c.Conn != x.c.accepted {
		return nil, nil
	}
	if from, to = bareTCP(x.try.conn.Conn), bareTCP(x.c.accepted); from == nil || to == nil {
		return nil, nil
	}
	return from, to
}
