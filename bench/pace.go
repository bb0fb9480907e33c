package bench

import (
	"context"
	"time"
)

// napBelow is the wait that a precise sleep is worth a thread for.
const napBelow = 3 * time.Millisecond

// pace sends on due the moments when requests are to be sent, each when it has
// come, until ctx ends. It then returns how many moments had come, whether there
// was a taker for them or not, and closes due.
//
// One goroutine paces all connections: a precise sleep takes a thread.
func pace(ctx context.Context, begin time.Time, rate float64, due chan<- time.Time) uint64 {
	defer close(due)
	moment := func(n uint64) time.Time {
		return begin.Add(time.Duration(float64(n) / rate * float64(time.Second)))
	}
	end, limited := ctx.Deadline()
	for n := uint64(0); ; n++ {
		at := moment(n)
		if limited && !at.Before(end) {
			return n
		}
		if await(ctx, at) {
			select {
			case due <- at:
				continue
			case <-ctx.Done():
			}
		}
		if now := time.Now(); !limited || now.Before(end) {
			end = now
		}
		for moment(n).Before(end) { // came while nobody took any
			n++
		}
		return n
	}
}

// await returns when the moment has come, or false when ctx ended before it.
func await(ctx context.Context, at time.Time) bool {
	for wait := time.Until(at); wait > 0; wait = time.Until(at) {
		if wait <= napBelow {
			nap(wait)
			continue
		}
		select {
		case <-time.After(wait - napBelow + time.Millisecond):
		case <-ctx.Done():
			return false
		}
	}
	return ctx.Err() == nil
}
