package proxy

import "sluice/analysis"

// giveBack returns the connection for reuse. The read deadline stays armed: the
// next exchange goes on with it.
func (t *try) giveBack() {
	t.out.disarm()
	t.conn.ReadArmed = t.src.armed
	t.conn.Release()
	t.conn = nil
}

// leave ends the use of the endpoint, if it has not ended. What the client or
// the proxy broke off says nothing about it.
func (t *try) leave(o analysis.Outcome) {
	e := t.endpoint
	t.endpoint = nil
	switch {
	case e == nil:
	case o == analysis.ClientGone || o == analysis.LocalRefusal:
		e.Abandon()
	default:
		e.Done(o.Failed())
	}
}
