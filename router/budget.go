package router

import (
	"sync/atomic"
	"time"
)

const (
	budgetCells  = 10   // seconds looked back at
	budgetShare  = 0.2  // permits per request counted
	budgetFloor  = 10.0 // permits per second that are always there
	cellCountMax = 1<<32 - 1
)

// Budget lets through a share (20 %) of what was counted in the last 10 s, and
// at least 10 a second over them. Neither method locks or allocates. Safe for
// concurrent use; the zero value is ready.
type Budget struct {
	counted, permitted [budgetCells]cell
}

// cell is one second: its number + 1 in the upper half, so that zero is no
// second at all, and a count in the lower.
type cell struct{ v atomic.Uint64 }

// Count counts one request. now is analysis.Now.
func (b *Budget) Count(now int64) {
	sec := second(now)
	c := &b.counted[sec%budgetCells]
	for {
		old := c.v.Load()
		if old>>32 == sec {
			c.v.Add(1) // one add, however many cores; a cell is reused after 10 s only
			return
		}
		if c.v.CompareAndSwap(old, sec<<32|1) {
			return
		}
	}
}

// Allow takes one permit, if there is one. now is analysis.Now. Callers within
// the same second never take more than there are.
func (b *Budget) Allow(now int64) bool {
	sec := second(now)
	c := &b.permitted[sec%budgetCells]
	limit := max(budgetShare*float64(sum(&b.counted, sec)), budgetFloor*budgetCells)
	for {
		old := c.v.Load()
		taken := sum(&b.permitted, sec)
		if float64(taken)+1 > limit {
			return false
		}
		next := sec<<32 | 1
		if old>>32 == sec {
			next = old + 1
		}
		if c.v.CompareAndSwap(old, next) {
			return true
		}
	}
}

func second(now int64) uint64 { return uint64(now/int64(time.Second)) + 1 }

// sum adds the cells that belong to the ten seconds up to sec.
func sum(cells *[budgetCells]cell, sec uint64) (n uint64) {
	for i := range cells {
		v := cells[i].v.Load()
		if at := v >> 32; at <= sec && at+budgetCells > sec {
			n += v & cellCountMax
		}
	}
	return n
}
