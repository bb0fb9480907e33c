package admin

import (
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// Refused tokens an address may present: ten at once, then one a second. There
// is no growing lock-out, because a scraper with an old token behind the same
// address must not keep an operator from undoing something.
const (
	guessEvery     = time.Second
	freeGuesses    = 10
	throttleMemory = 4096 // addresses remembered
)

// throttle slows down guessing. Its memory is bounded: when it is full, the
// address whose debt ends first is forgotten. Safe for concurrent use.
type throttle struct {
	mu   sync.Mutex
	owed map[netip.Prefix]time.Time // when all refused tokens are paid off
}

func newThrottle() *throttle { return &throttle{owed: map[netip.Prefix]time.Time{}} }

// throttleKey is what refusals are counted by: an IPv4 address, or the /64 that
// one holder of IPv6 addresses has. ok is false on Unix sockets, whose callers
// are already told apart by the file's mode.
func throttleKey(r *http.Request) (key netip.Prefix, ok bool) {
	remote, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Prefix{}, false
	}
	addr := remote.Addr().Unmap()
	bits := 32
	if addr.Is6() {
		bits = 64
	}
	key, err = addr.WithZone("").Prefix(bits)
	return key, err == nil
}

// wait is how long no token of this address is looked at; 0: go on.
func (t *throttle) wait(key netip.Prefix) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.left(key)
}

func (t *throttle) left(key netip.Prefix) time.Duration {
	owed, known := t.owed[key]
	if !known {
		return 0
	}
	return max(0, time.Until(owed)-(freeGuesses-1)*guessEvery)
}

// failed counts one refused token.
func (t *throttle) failed(key netip.Prefix) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.count(key)
}

// take is wait and failed in one: it counts, and reports true, unless this address has to wait.
func (t *throttle) take(key netip.Prefix) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.left(key) > 0 {
		return false
	}
	t.count(key)
	return true
}

func (t *throttle) count(key netip.Prefix) {
	now := time.Now()
	owed, known := t.owed[key]
	if !known && len(t.owed) >= throttleMemory {
		t.forget(now)
	}
	if owed.Before(now) {
		owed = now
	}
	t.owed[key] = owed.Add(guessEvery)
}

// forget drops what is paid off and, if nothing is, what soonest will be.
func (t *throttle) forget(now time.Time) {
	var soonest netip.Prefix
	var at time.Time
	for key, owed := range t.owed {
		if owed.Before(now) {
			delete(t.owed, key)
		} else if at.IsZero() || owed.Before(at) {
			soonest, at = key, owed
		}
	}
	if len(t.owed) >= throttleMemory {
		delete(t.owed, soonest)
	}
}
