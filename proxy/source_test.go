package proxy

import (
	"testing"
	"time"
)

// A wait is looked at often at first, and less and less often the longer it lasts.
func TestNapGrowsWithTheWait(t *testing.T) {
	ms := int64(time.Millisecond)
	for _, c := range []struct {
		name                     string
		last, tick, waited, want int64
	}{
		{"the second look", 100 * ms, answerTick, 100 * ms, 200 * ms},
		{"within the first seconds", 200 * ms, answerTick, 1500 * ms, 200 * ms},
		{"an eighth of the wait", 300 * ms, answerTick, 4000 * ms, 500 * ms},
		{"never a jump", 200 * ms, answerTick, 30_000 * ms, 400 * ms},
		{"the longest", 1000 * ms, answerTick, 60_000 * ms, 1000 * ms},
		{"nothing to look at", 1000 * ms, idleTick, 60_000 * ms, 2000 * ms},
	} {
		if got := nap(c.last, c.tick, c.waited); got != c.want {
			t.Errorf("%s: got %v, want %v", c.name, time.Duration(got), time.Duration(c.want))
		}
	}
}
