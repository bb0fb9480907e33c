package proxy

import (
	"context"
	"math/rand/v2"
	"time"

	"sluice/analysis"
	"sluice/router"
)

// mirrorInjected: the copy met a fault that is injected at its target, and was not sent.
const mirrorInjected = "injected"

// suffer does to a copy what is injected at its target: copies are the traffic that
// an experiment may hurt without hurting anybody. It reports whether the copy's
// exchange is over with it. Copies that measure the noise are left alone.
func (c *mirrorCopy) suffer(ctx context.Context) bool {
	if c.pair != nil && c.side == sideRepeat {
		return false
	}
	f, hit := c.to.Version.Fault(rand.Uint64(), true)
	if !hit {
		return false
	}
	wait, final := f.Delay, f.Abort != 0 || f.Reset
	if f.Blackhole {
		end, _ := ctx.Deadline() // send has set one
		wait, final = time.Until(end), true
	}
	if late := holdCopy(ctx, &f, wait); ctx.Err() == nil && (!late || !final) {
		return false // it was only late, or the injection has ended meanwhile
	}
	c.lost(compareInjected)
	return true
}

// holdCopy waits for d. It reports false if ctx or the injection ended before.
func holdCopy(ctx context.Context, f *router.Fault, d time.Duration) bool {
	end := time.NewTimer(d)
	defer end.Stop()
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	for {
		select {
		case <-end.C:
			return true
		case <-ctx.Done():
			return false
		case <-look.C:
			if f.Over(analysis.Now()) {
				return false
			}
		}
	}
}
