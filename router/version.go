package router

import (
	"sync/atomic"

	"sluice/analysis"
	"sluice/config"

	"github.com/cespare/xxhash/v2"
)

// Version is the living identity of one version of a service: it outlives
// tables, so that counts and state survive reloads. All of it is safe for
// concurrent use. The caller of Pick keeps Active, Retrying, Retries and Shielded.
type Version struct {
	Service, Name string
	Split, Ruled  analysis.Recorder // split by chance or sticky hash; sent by rules, and probes
	Trip          analysis.Trip     // on both
	Load          analysis.Utilization
	Exemplars     analysis.Exemplars // the proxy adds the X-Request-Id of first attempts that failed
	Active        atomic.Int64       // requests in flight
	Retrying      atomic.Int64       // retries in flight
	Retries       [analysis.Outcomes]atomic.Uint64
	Shielded      atomic.Uint64                    // failures that stable answered instead
	Previews      [analysis.Outcomes]atomic.Uint64 // first attempts of testers; they stand in Ruled as well
	PreviewsSaved atomic.Uint64                    // of Retries, those of previews that went well
	Injected      atomic.Uint64                    // requests and copies with an injected fault; they stand in no recorder
	ShieldBudget  Budget                           // what this version, as stable, takes over from others

	standing  atomic.Pointer[standing]  // nil: Active
	injection atomic.Pointer[injection] // nil: none
	tripOff   atomic.Bool
	seed      xxhash.Digest // has seen service and name
}

// standing is a state with what belongs to it. A change puts a new one in
// place, so a compare-and-swap never mistakes a later state for an earlier one.
type standing struct {
	state   config.State
	back    config.State // state to return to from Tripped: Active or Draining
	probing bool
	since   int64        // start of the probing (analysis.Now)
	probe   atomic.Int64 // start of the probe in flight (analysis.Now, never 0); 0: none
	good    atomic.Int64 // probes answered well so far
}

func newVersion(service, name string) *Version {
	v := &Version{Service: service, Name: name}
	v.seed.Reset()
	v.seed.WriteString(service)
	v.seed.WriteString("\x00")
	v.seed.WriteString(name)
	v.seed.WriteString("\x00")
	return v
}

// Spared counts failed first attempts of users that they did not see: another endpoint of the version, or
// stable, answered instead. Where `retries.on` names statuses below 500, retries of these count too.
func (v *Version) Spared() uint64 {
	n := v.Shielded.Load()
	for _, good := range []analysis.Outcome{analysis.Success, analysis.Redirect, analysis.ClientError} {
		n += v.Retries[good].Load()
	}
	return n - min(n, v.PreviewsSaved.Load())
}

// Previewed counts the first attempts of testers' previews.
func (v *Version) Previewed() analysis.Counts {
	var t analysis.Totals
	for o := range t.ByOutcome {
		t.ByOutcome[o] = v.Previews[o].Load()
	}
	return t.Counts()
}

// State is the version's state now.
func (v *Version) State() config.State { return v.standing.Load().stateOrActive() }

// Probing reports whether a tripped version is being tried again.
func (v *Version) Probing() bool {
	st := v.standing.Load()
	return st != nil && st.probing
}

// setState puts s in force. Coming back from where nothing was judged forgets
// the trip's evidence.
func (v *Version) setState(s config.State) {
	cur := v.standing.Load()
	if was := cur.stateOrActive(); was > config.Draining && s <= config.Draining {
		v.Trip.Reset(&v.Split)
	}
	v.standing.Store(newStanding(s, cur))
}

// newStanding is s after cur; nil for Active.
func newStanding(s config.State, cur *standing) *standing {
	switch {
	case s == config.Active:
		return nil
	case s != config.Tripped || cur == nil:
		return &standing{state: s}
	case cur.state == config.Tripped:
		return &standing{state: s, back: cur.back}
	case cur.state == config.Draining:
		return &standing{state: s, back: config.Draining}
	}
	return &standing{state: s}
}

func (st *standing) stateOrActive() config.State {
	if st == nil {
		return config.Active
	}
	return st.state
}

// restoreState puts s in force for a version that lives on over a change of
// the file: the file releases neither a trip nor a quarantine.
func (v *Version) restoreState(s config.State) {
	for {
		cur := v.standing.Load()
		was := cur.stateOrActive()
		if was == config.Quarantined || was == config.Tripped && s != config.Quarantined {
			return
		}
		if v.standing.CompareAndSwap(cur, newStanding(s, cur)) {
			return
		}
	}
}
