package rollout

import (
	"time"

	"sluice/analysis"
	"sluice/config"
)

// facts are what an input stands on, for the record.
type facts struct {
	trip    analysis.TripEvidence
	verdict analysis.Verdict
	age     time.Duration // of requests that hang
	order   Command

	endpoints []map[string]any // of endpointOut and endpointStays: what each did
	stays     error            // of endpointStays: why
}

// carryOut does one action: the effect on traffic first, then the record. The
// caller saves after all of them.
func (c *Controller) carryOut(s *service, in input, a action, f facts) {
	w := s.version(a.version)
	other := s.live.Stable
	if other == a.version {
		other = a.to // of a switch back
	}
	c.effect(s, w, a)
	if a.do == doForget {
		if w != nil {
			w.forget(s)
		}
		return
	}
	if d, ok := decide(s, in, a, f); ok {
		if a.condemns() {
			d.Evidence["captured"] = c.capture(s, a.version, other)
		}
		id := c.decided.add(d)
		if s.canary() == a.version {
			s.course.keepDecision(id)
		}
	}
	if reason := rollbackReason(a, f); reason != "" {
		c.rollbacks[RollbackKey{Service: s.name, Version: a.version, Reason: reason}]++
	}
	if e, ok := tell(s, in, a, f); ok {
		c.journal.Add(e)
	}
}

// effect changes the traffic. States are plain stores: nothing can delay them.
func (c *Controller) effect(s *service, w *watched, a action) {
	switch a.do {
	case doRestore:
		if !a.inline || a.state != config.Active { // the data plane knows nothing of an order to drain in between
			c.setState(s, a)
		}
	case doCut:
		if !a.inline {
			c.setState(s, a)
		}
	case doState:
		if a.state != config.Tripped { // an order that waits for the end of a trip
			c.setState(s, a)
		}
	case doUndo, doQuarantine:
		c.setState(s, a)
	case doSwitchBack:
		next := s.allTo(a.to)
		next.By, next.Reason = "guard", a.version+" breached while "+a.to+" stood by"
		_ = c.force(s, next) // first: stable is not cut, it is no more
		c.setState(s, a)
	case doProbe:
		c.traffic.Probe(s.name, a.version)
	}
	if w == nil {
		return
	}
	switch a.do {
	case doProbe:
		w.probes, w.probedAt = w.requests(), time.Now()
	case doUndo:
		w.arm.Trip.Excuse(w.arm.Split)
	case doRestore:
		w.arm.Trip.Reset(w.arm.Split)
	}
}

func (c *Controller) setState(s *service, a action) {
	if err := c.traffic.SetState(s.name, a.version, a.state); err != nil {
		// The version left with a reload that is being adopted: there is nothing to cut.
		c.journal.Add(Event{Type: "alert", Service: s.name, Version: a.version,
			Message: "state could not be set: " + err.Error()})
	}
}

// condemns reports whether a takes a version's traffic, or says that it deserves no more.
func (a action) condemns() bool {
	switch a.do {
	case doCut, doQuarantine, doPause, doAlert, doSwitchBack:
		return true
	}
	return false
}

func rollbackReason(a action, f facts) string {
	switch a.do {
	case doCut:
		if a.cause == causeFailures {
			return "trip"
		}
		return a.cause
	case doSwitchBack:
		switch a.cause {
		case causeFailures:
			return "trip"
		case causeHang, causeHealth:
			return a.cause
		}
		fallthrough
	case doQuarantine:
		if f.verdict.Metric != "" {
			return f.verdict.Metric
		}
		return "error_rate"
	}
	return ""
}
