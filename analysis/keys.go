package analysis

import "sync/atomic"

// keyCells bounds the memory of a keyFilter: 32 KiB.
const keyCells = 4096

// keyFilter tells whether a key has failed in this second already, so that one bad
// client that a sticky hash has pinned to a version does not speak for all. Wait-free. Two
// keys may meet in a cell and drive each other out; then a repeated failure counts
// as a fresh one, as it would without the filter.
type keyFilter struct {
	cells   [keyCells]atomic.Uint64 // second of the last failure and half of the key's hash
	repeats atomic.Uint64
}

// FailedKey adds to a failed attempt, recorded already, that its client has the given
// key (a hash of it, 0 for none). end is as given to Record. It is wait-free and
// allocates once a recorder.
func (r *Recorder) FailedKey(key uint64, end int64) {
	if key == 0 {
		return
	}
	f := r.keys.Load()
	if f == nil {
		r.keys.CompareAndSwap(nil, new(keyFilter))
		f = r.keys.Load()
	}
	mark := uint64(uint32(second(end)+1))<<32 | key>>32
	if f.cells[key%keyCells].Swap(mark) == mark {
		f.repeats.Add(1)
	}
}

// repeats are failures of keys that had failed in the same second, since the start.
func (r *Recorder) repeats() uint64 {
	if f := r.keys.Load(); f != nil {
		return f.repeats.Load()
	}
	return 0
}
