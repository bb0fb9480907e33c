package analysis

import "time"

// Now is the monotonic clock of the hot path, in nanoseconds since the process
// started. Two of its readings make a latency.
func Now() int64 { return int64(time.Since(epoch)) }

var epoch = time.Now()
