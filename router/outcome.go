package router

import (
	"time"

	"sluice/analysis"
	"sluice/config"
)

// probesToRestore is how many good answers in a row bring a tripped version back.
const probesToRestore = 10

// probePatience is how long probing keeps to requests that can be sent twice. A
// service that has none, only POSTs say, must get its version back as well: one
// request at a time then bears the risk, once a cooldown.
const probePatience = 3 * time.Second

// Start counts a first attempt sent at start (analysis.Now). Every Start is
// followed by one Finish with the same choice, shard and start. Neither locks
// or allocates.
func (s *Service) Start(c *Choice, shard uint32, start int64) {
	if c.exempt {
		return
	}
	c.recorder().Start(shard, start)
	if s.shielded && c.Index == s.Stable() {
		c.Version.ShieldBudget.Count(start)
	}
}

// Finish counts its end. A failure is put to the trip, which may cut the
// version here: the next Pick does not choose it any more.
func (s *Service) Finish(c *Choice, shard uint32, start, end int64, o analysis.Outcome) {
	if c.exempt {
		return
	}
	rec := c.recorder()
	rec.Record(shard, start, end, o)
	if c.Why == ByPreview {
		c.Version.Previews[o].Add(1)
	}
	if o.Failed() {
		rec.FailedKey(c.user, end) // one user's failures are not many users'
	}
	if c.Why == ByProbe {
		s.endProbe(c, o)
	} else if o.Failed() {
		s.failed(c)
	}
}

// failed feeds the trip of a version that is judged, and cuts the version at the alarm. Stable is
// judged while another version stands by for it.
func (s *Service) failed(c *Choice) {
	v := c.Version
	if v.tripOff.Load() || c.Index == s.Stable() && !s.relieved(c.Index) {
		return
	}
	cur := v.standing.Load()
	if cur != nil && cur.state != config.Draining {
		return // already cut: these are the requests that were in flight
	}
	rec := c.recorder()
	if !v.Trip.Failure(rec, v.Trip.Baseline()) {
		return
	}
	if !s.covered(c.Index) {
		v.Trip.Reset(rec) // nobody could take over; the alarm must be able to sound again
		return
	}
	evidence := v.Trip.Evidence()
	if v.standing.CompareAndSwap(cur, newStanding(config.Tripped, cur)) {
		s.tell(v, analysis.Tripped, evidence)
	} else {
		v.Trip.Reset(rec)
	}
}

// covered reports whether somebody can take over for version i: stable, who stands by for
// stable, or else a version with a weight of its own. Any other that gets nothing is nobody's refuge:
// it may not even be deployed.
func (s *Service) covered(i int) bool {
	d := s.Split.now.Load()
	standby := s.standby(d.stable)
	for j, bp := range d.bp {
		if j != i && (j == d.stable || j == standby || bp > 0) && s.usable(j) {
			return true
		}
	}
	return false
}

// probeLease is how long a probe may hold its place: longer than any exchange
// lets the answer's head wait. It matters only if a choice was never finished.
func (p *Policy) probeLease() time.Duration {
	return time.Minute + p.ConnectTimeout + p.ResponseTimeout
}

// admits reports whether r may probe: one that stable can repeat, or any at all
// where none of these has brought the probing to its end for a while.
func (st *standing) admits(r *Request) bool {
	return r.Replayable || analysis.Now()-st.since >= int64(probePatience)
}

// takeProbe takes the only place for a probe, if it is free.
func (st *standing) takeProbe(c *Choice, lease time.Duration) bool {
	began := st.probe.Load()
	now := max(1, analysis.Now())
	if began != 0 && now-began < int64(lease) {
		return false
	}
	if !st.probe.CompareAndSwap(began, now) {
		return false
	}
	c.trial, c.began = st, now
	return true
}

// endProbe counts a probe's answer: ten good ones restore the version, a bad
// one ends the probing. What the client or the proxy ended says nothing.
func (s *Service) endProbe(c *Choice, o analysis.Outcome) {
	v, st := c.Version, c.trial
	if st == nil || v.standing.Load() != st {
		return // the state has changed since
	}
	switch {
	case o.Failed():
		if v.standing.CompareAndSwap(st, &standing{state: config.Tripped, back: st.back}) {
			s.tell(v, analysis.Retripped, v.Trip.Evidence())
		}
	case o == analysis.ClientGone || o == analysis.LocalRefusal:
		st.probe.CompareAndSwap(c.began, 0)
	case st.probe.CompareAndSwap(c.began, 0) && st.good.Add(1) >= probesToRestore:
		v.restore(s, st)
	}
}

// restore brings v back to the state before the trip.
func (v *Version) restore(s *Service, st *standing) {
	evidence := v.Trip.Evidence()
	v.Trip.Reset(&v.Split) // before traffic comes back: its first failures count anew
	if v.standing.CompareAndSwap(st, newStanding(st.back, nil)) {
		s.tell(v, analysis.Restored, evidence)
	}
}

// tell reports a cut; nobody waits for a reader.
func (s *Service) tell(v *Version, kind analysis.CutKind, e analysis.TripEvidence) {
	select {
	case s.cuts <- analysis.Cut{Service: v.Service, Version: v.Name, At: time.Now(), Kind: kind, Evidence: e}:
	default:
	}
}
