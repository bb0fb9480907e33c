package notify

import "time"

const (
	mostKinds  = 1024        // different notes that are remembered; further ones are not held back
	sweepEvery = time.Second // at most, while that many are: a sweep looks at all
)

// sameness is what makes two notes the same.
type sameness struct{ service, kind, version, message string }

// flood holds back what was told within quiet already, and sums it up afterwards. The caller
// reads the clock and locks.
type flood struct {
	quiet  time.Duration
	swept  time.Time
	recent map[sameness]*held
}

type held struct {
	told time.Time
	last Note // of those held back, with their count
}

// passes reports whether n is to be told now; otherwise it is counted.
func (f *flood) passes(n Note, now time.Time) bool {
	key := sameness{n.Service, n.Type, n.Version, n.Message}
	if h := f.recent[key]; h != nil && (h.last.repeats > 0 || now.Sub(h.told) < f.quiet) {
		n.repeats = h.last.repeats + 1
		h.last = n
		return false
	}
	if f.recent == nil {
		f.recent = map[sameness]*held{}
	}
	if len(f.recent) >= mostKinds && now.Sub(f.swept) >= sweepEvery {
		f.forget(now)
	}
	if len(f.recent) < mostKinds {
		f.recent[key] = &held{told: now}
	}
	return true
}

// forget drops what was told long ago and never repeated.
func (f *flood) forget(now time.Time) {
	f.swept = now
	for key, h := range f.recent {
		if h.last.repeats == 0 && now.Sub(h.told) >= f.quiet {
			delete(f.recent, key)
		}
	}
}

// due returns the sums whose time has come, or all of them, and when the next is due: the zero time
// if there is none. A sum counts as told: what repeats it is held back again.
func (f *flood) due(now time.Time, all bool) (sums []Note, next time.Time) {
	for _, h := range f.recent {
		if h.last.repeats == 0 {
			continue
		}
		at := h.told.Add(f.quiet)
		if all || !now.Before(at) {
			sums = append(sums, h.last)
			h.told, h.last = now, Note{}
		} else if next.IsZero() || at.Before(next) {
			next = at
		}
	}
	f.forget(now)
	return sums, next
}
