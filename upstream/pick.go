package upstream

import "math/rand/v2"

// Pick chooses an endpoint: two random choices, the one with fewer requests in
// flight plus its penalty for recent failures; ejected and unhealthy endpoints
// only when less than half of all are left (panic). avoid (may be nil) is taken only if
// it is the last one. The caller must call Done or Abandon exactly once for each
// success of Pick. It neither locks nor allocates; only the first call on a pool
// of names that were never looked up waits for the lookup, up to the connect timeout.
func (p *Pool) Pick(avoid *Endpoint) (*Endpoint, error) {
	all := *p.inForce.Load()
	if len(all) == 0 {
		if all = p.firstLookup(); len(all) == 0 {
			return nil, ErrNoEndpoint
		}
	}
	e := choose(all, avoid)
	e.inFlight.Add(1)
	return e, nil
}

func choose(all []*Endpoint, avoid *Endpoint) *Endpoint {
	if len(all) == 1 {
		return all[0]
	}
	r := rand.Uint64()
	n := uint64(len(all))
	i := r >> 32 * n >> 32
	j := r & (1<<32 - 1) * (n - 1) >> 32
	if j >= i {
		j++
	}
	a, b := all[i], all[j]
	if a.inService() && b.inService() && a != avoid && b != avoid {
		return lighter(a, b)
	}
	return search(all, int(i), avoid)
}

// search looks at all endpoints, from start on, because some are out or to be avoided.
func search(all []*Endpoint, start int, avoid *Endpoint) *Endpoint {
	now := clock()
	var good, any [2]*Endpoint
	usable := 0
	for k := range all {
		e := all[(start+k)%len(all)]
		fit := e.inService()
		if fit {
			usable++
		}
		if e == avoid {
			continue
		}
		if e.claimProbe(now) {
			return e
		}
		keep(&any, e)
		if fit {
			keep(&good, e)
		}
	}
	switch {
	case usable*2 < len(all):
		return lighter(any[0], any[1])
	case good[0] == nil:
		return avoid // the last one that may be used
	}
	return lighter(good[0], good[1])
}

func keep(two *[2]*Endpoint, e *Endpoint) {
	switch {
	case two[0] == nil:
		two[0] = e
	case two[1] == nil:
		two[1] = e
	}
}

// lighter returns the endpoint with less on its hands; b may be nil.
func lighter(a, b *Endpoint) *Endpoint {
	if b == nil {
		return a
	}
	x, y := a.inFlight.Load()*penaltyUnit, b.inFlight.Load()*penaltyUnit
	if a.penalty.word.Load()|b.penalty.word.Load() != 0 {
		now := clock()
		x += a.penalty.at(now)
		y += b.penalty.at(now)
	}
	if y < x {
		return b
	}
	return a
}
