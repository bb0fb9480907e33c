package bench

import (
	"time"

	"golang.org/x/sys/unix"
)

// nap sleeps to some 50 µs: time.Sleep wakes an idle process up to 1 ms late,
// because the runtime waits in epoll, in milliseconds. It may wake early.
func nap(d time.Duration) {
	ts := unix.NsecToTimespec(int64(d))
	_ = unix.Nanosleep(&ts, nil) // a signal ends it early
}
