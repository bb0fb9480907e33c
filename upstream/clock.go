package upstream

import (
	"math/rand/v2"
	"time"
)

var epoch = time.Now().Add(-time.Second)

// clock is the package's monotonic clock in nanoseconds. Never zero, so that
// zero can stand for "never".
func clock() int64 { return int64(time.Since(epoch)) }

// jitter returns d stretched or shrunk by up to share (0..1), so that what
// began together does not go on together.
func jitter(d time.Duration, share float64) time.Duration {
	return time.Duration(float64(d) * (1 + share*(2*rand.Float64()-1)))
}
