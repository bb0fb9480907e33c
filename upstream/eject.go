package upstream

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"
)

// An endpoint's ejection is one word: zero while in service, else the clock
// reading when the ejection ends, its lowest bit set while a probing request is
// under way. One word, because a probe claimed for an ejection that has just
// ended must not outlive it.
const probing = 1

const (
	ejectAfter   = 5 // failures in a row
	ejectStep    = 5 * time.Second
	ejectLongest = 5 * time.Minute
	// An endpoint that held out this long, and as long as it was ejected, is
	// treated as one that never failed.
	ejectForgets = 30 * time.Second
)

// ErrTooManyOut is why Expel leaves an endpoint in service.
var ErrTooManyOut = errors.New("more than half of the endpoints would be ejected")

// ejections is what an endpoint's next ejection depends on.
type ejections struct {
	rounds   int   // in a row
	length   int64 // of the last, nanoseconds
	restored int64 // clock
}

// failure takes in one failed request.
func (e *Endpoint) failure(now int64) {
	e.penalty.add(now)
	switch w := e.ejection.Load(); {
	case w == 0:
		if n := e.streak.Add(1); n >= ejectAfter {
			e.eject(now, fmt.Sprintf("%d failures in a row", n))
		}
	case now >= w:
		e.extend(w, now)
	}
}

// eject takes the endpoint out of service, unless half of the version's
// endpoints would then be out. If another ejection is being decided, the next
// failure asks again: a request never waits here.
func (e *Endpoint) eject(now int64, why string) {
	v := e.target.version
	if !v.ejecting.TryLock() {
		return
	}
	reason, ok, _ := e.tryOut(now, why)
	v.ejecting.Unlock()
	if ok {
		v.report(e, reason)
	}
}

// Expel ejects the endpoint as failures in a row would: never so that more than half
// of the version's endpoints are out, for longer each time, until a probing request passes; and it is
// reported as such a Change. why stands in its reason. err says why the endpoint stays
// in service. Neither expelled nor an error: it was out already, or has left the version. Safe for
// concurrent use; it waits for no more than another ejection being decided.
func (e *Endpoint) Expel(why string) (expelled bool, err error) {
	v := e.target.version
	v.ejecting.Lock()
	reason, ok, err := e.tryOut(clock(), why)
	v.ejecting.Unlock()
	if ok {
		v.report(e, reason)
	}
	return ok, err
}

// tryOut begins an ejection if the cap allows it. The caller holds version.ejecting.
func (e *Endpoint) tryOut(now int64, why string) (reason string, ok bool, err error) {
	all := e.target.version.latest.Load().Endpoints()
	if e.Ejected() || !slices.Contains(all, e) {
		return "", false, nil
	}
	out := 0
	for _, other := range all {
		if other.Ejected() {
			out++
		}
	}
	if (out+1)*2 > len(all) {
		return "", false, fmt.Errorf("%s: %w: %d of %d are", e.addr, ErrTooManyOut, out, len(all))
	}
	reason, ok = e.out(0, now, why)
	return reason, ok, nil
}

// extend ejects again after a probing request failed.
func (e *Endpoint) extend(w, now int64) {
	v := e.target.version
	v.ejecting.Lock()
	reason, ok := e.out(w, now, "probing request failed")
	v.ejecting.Unlock()
	if ok {
		v.report(e, reason)
	}
}

// out begins an ejection if the word still is what it was. The caller holds
// version.ejecting.
func (e *Endpoint) out(w, now int64, why string) (reason string, ok bool) {
	next := e.past.next(now)
	if !e.ejection.CompareAndSwap(w, (now+next.length)&^probing) {
		return "", false
	}
	e.past = next
	shown := time.Duration(next.length).Round(10 * time.Millisecond)
	return fmt.Sprintf("%s: %s, ejected for %s", e.Addr(), why, shown), true
}

// next is the ejection that follows p, beginning now.
func (p ejections) next(now int64) ejections {
	if p.restored != 0 && now-p.restored > max(int64(ejectForgets), p.length) {
		p.rounds = 0
	}
	rounds := p.rounds + 1
	length := int64(min(time.Duration(rounds)*ejectStep, ejectLongest))
	return ejections{rounds: rounds, length: length - rand.Int64N(length/5)}
}

// success takes in one good answer of an ejected endpoint. What was sent before
// the ejection says nothing about now, so it counts only after its end.
func (e *Endpoint) success(now int64) {
	w := e.ejection.Load()
	if w == 0 || now < w&^probing || !e.ejection.CompareAndSwap(w, 0) {
		return
	}
	v := e.target.version
	v.ejecting.Lock()
	e.past.restored = now
	v.ejecting.Unlock()
	v.report(e, e.Addr()+": probing request passed, back in service")
}

// claimProbe reports whether the caller's request is the one that probes the
// endpoint after its ejection.
func (e *Endpoint) claimProbe(now int64) bool {
	w := e.ejection.Load()
	return w != 0 && w&probing == 0 && now >= w && !e.down.Load() && e.ejection.CompareAndSwap(w, w|probing)
}

// penalty makes failures weigh like requests still in flight, so that an
// endpoint does not attract traffic by failing fast: each counts as one more,
// halved every penaltyHalf. That scales with load, and needs no tuning to it.
// The word holds milliseconds (upper 40 bits) and sixteenths of a request.
type penalty struct{ word atomic.Uint64 }

const (
	penaltyBits = 24
	penaltyMask = 1<<penaltyBits - 1
	penaltyUnit = 16
	penaltyLeft = penaltyUnit / 4 // less is nothing
	penaltyHalf = 2000            // ms
)

func (p *penalty) add(now int64) {
	ms := uint64(now) / uint64(time.Millisecond)
	for {
		old := p.word.Load()
		v := min(decayed(old, ms)+penaltyUnit, penaltyMask)
		if p.word.CompareAndSwap(old, ms<<penaltyBits|v) {
			return
		}
	}
}

// at is the penalty in sixteenths of a request. One that has faded is wiped, so
// that it costs no further readings of the clock.
func (p *penalty) at(now int64) int64 {
	old := p.word.Load()
	v := decayed(old, uint64(now)/uint64(time.Millisecond))
	if v == 0 && old != 0 {
		p.word.CompareAndSwap(old, 0)
	}
	return int64(v)
}

// decayed halves every penaltyHalf, and in between falls along the chord.
func decayed(word, ms uint64) uint64 {
	v, then := word&penaltyMask, word>>penaltyBits
	if v == 0 || ms <= then {
		return v
	}
	halves, rest := (ms-then)/penaltyHalf, (ms-then)%penaltyHalf
	v >>= halves
	v -= v * rest / (2 * penaltyHalf)
	if v < penaltyLeft {
		return 0
	}
	return v
}
