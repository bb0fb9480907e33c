package proxy

import "sync/atomic"

// lineRing is a bounded queue of lines, many writers and one reader, without
// locks (Vyukov's bounded queue). Writers format into the slot that they
// reserved, so that a line is copied once, by the reader. A slot's seq is its
// position when it is free, and that + 1 when its line may be read.
type lineRing struct {
	slots []lineSlot
	mask  uint64
	_     [64]byte
	tail  atomic.Uint64 // next position to reserve
	_     [56]byte
	head  atomic.Uint64 // next position to read
	_     [56]byte
}

type lineSlot struct {
	seq  atomic.Uint64
	line []byte
}

// A slot keeps its buffer up to this size (bytes); a flood of long lines must
// not make the ring large for ever.
const lineSlotKeeps = 4 << 10

// newLineRing makes a ring of size slots, a power of two.
func newLineRing(size int) *lineRing {
	r := &lineRing{slots: make([]lineSlot, size), mask: uint64(size - 1)}
	for i := range r.slots {
		r.slots[i].seq.Store(uint64(i))
	}
	return r
}

// reserve returns a slot to fill and its position, or nil if the ring is full.
func (r *lineRing) reserve() (*lineSlot, uint64) {
	for {
		pos := r.tail.Load()
		s := &r.slots[pos&r.mask]
		switch seq := s.seq.Load(); {
		case seq == pos:
			if r.tail.CompareAndSwap(pos, pos+1) {
				return s, pos
			}
		case seq < pos:
			return nil, 0
		}
	}
}

// publish hands a reserved slot to the reader.
func (r *lineRing) publish(s *lineSlot, pos uint64) { s.seq.Store(pos + 1) }

// waiting is how many positions up to pos the reader has not yet read.
func (r *lineRing) waiting(pos uint64) uint64 { return pos - min(pos, r.head.Load()) }

// peek returns the next line's slot, or nil if there is none. Only for the reader.
func (r *lineRing) peek() *lineSlot {
	pos := r.head.Load()
	if s := &r.slots[pos&r.mask]; s.seq.Load() == pos+1 {
		return s
	}
	return nil
}

// free gives the slot that peek returned back to the writers.
func (r *lineRing) free(s *lineSlot) {
	if cap(s.line) > lineSlotKeeps {
		s.line = nil
	}
	pos := r.head.Load()
	r.head.Store(pos + 1)
	s.seq.Store(pos + uint64(len(r.slots)))
}
