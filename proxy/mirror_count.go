package proxy

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
)

// What became of a copy. Sent means that the target's answer came, whatever it said.
const (
	mirrorSent            = "sent"
	mirrorFailed          = "failed"
	mirrorTimedOut        = "timeout"
	mirrorDroppedInFlight = "dropped_in_flight"
	mirrorDroppedBytes    = "dropped_bytes"
	mirrorDroppedStopping = "dropped_stopping"
)

type mirrorKey struct {
	service, version string
	result           string
	skipped          bool // result is why: shown with skipped_ before it
}

// mirrorTally counts copies. Counting takes no lock once a key has been seen;
// keys come from the configuration and the code alone. By name, not by
// identity: a version that leaves and comes back counts on.
type mirrorTally struct {
	seen atomic.Pointer[map[mirrorKey]*atomic.Uint64] // replaced, never changed
	grow sync.Mutex
}

func (t *mirrorTally) add(key mirrorKey) { t.of(key).Add(1) }

// of is the count of key.
func (t *mirrorTally) of(key mirrorKey) *atomic.Uint64 {
	if seen := t.seen.Load(); seen != nil {
		if n := (*seen)[key]; n != nil {
			return n
		}
	}
	return t.first(key)
}

func (t *mirrorTally) first(key mirrorKey) *atomic.Uint64 {
	t.grow.Lock()
	defer t.grow.Unlock()
	next := map[mirrorKey]*atomic.Uint64{}
	if seen := t.seen.Load(); seen != nil {
		if n := (*seen)[key]; n != nil {
			return n
		}
		maps.Copy(next, *seen)
	}
	n := new(atomic.Uint64)
	next[key] = n
	t.seen.Store(&next)
	return n
}

// counts are sorted, for whoever compares them.
func (t *mirrorTally) counts() []MirrorCount {
	seen := t.seen.Load()
	if seen == nil {
		return nil
	}
	out := make([]MirrorCount, 0, len(*seen))
	for key, n := range *seen {
		result := key.result
		if key.skipped {
			result = "skipped_" + result
		}
		out = append(out, MirrorCount{Service: key.service, Version: key.version, Result: result, Count: n.Load()})
	}
	slices.SortFunc(out, func(a, b MirrorCount) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Version, b.Version), cmp.Compare(a.Result, b.Result))
	})
	return out
}
