package upstream

import (
	"sync"
	"sync/atomic"
)

// version is the living part of a version: every generation of its pool
// shares one, so that a reload forgets neither the connections that are open
// nor the endpoints that are ejected.
type version struct {
	service, name string
	places        places
	ejecting      sync.Mutex           // one ejection at a time, so that the cap holds
	latest        atomic.Pointer[Pool] // the newest generation: what the cap on ejections counts
	prober        atomic.Pointer[Prober]
	overdueLimit  overdueLimit
}

// report tells the prober's owner of a change of e.
func (v *version) report(e *Endpoint, reason string) { v.tell(v.change(e, reason)) }

// tell never blocks: if nobody has read the last thousand changes, this one is
// dropped and only Endpoint tells of it.
func (v *version) tell(c Change) {
	p := v.prober.Load()
	if p == nil {
		return
	}
	select {
	case p.changes <- c:
	default:
	}
}

func (v *version) change(e *Endpoint, reason string) Change {
	return Change{
		Service:  v.service,
		Version:  v.name,
		Endpoint: e.URL(),
		Healthy:  e.Healthy(),
		Ejected:  e.Ejected(),
		Reason:   reason,
		Last:     !v.latest.Load().Usable(),
	}
}
