package analysis

import (
	"math"
	"testing"
	"time"
)

// Whatever a burst of m seconds brings, split into blocks in whatever way, adds no
// more than ln bound to the logarithm of any alternative's evidence.
func TestBurstAddsNoMoreThanTheBound(t *testing.T) {
	const bound, m = 100.0, 4
	g := newBurstGuard(bound, m)
	for _, gaps := range [][]time.Duration{
		{0, time.Second, time.Second, time.Second},
		{0, 3 * time.Second},
		{0, 0, 0, 0, time.Second, 0, 2 * time.Second},
		{0, 500 * time.Millisecond, 500 * time.Millisecond, time.Second, time.Second},
		{0, time.Second, -time.Hour, time.Hour},
	} {
		var s spent
		at, sum := time.Unix(1e9, 0), 0.0
		for _, gap := range gaps {
			at = at.Add(gap)
			s.rest(g, at)
			sum += s.allow(g, 0, 50)
		}
		if limit := math.Log(bound) + 1e-9; gaps[len(gaps)-1] < time.Hour && sum > limit {
			t.Errorf("%v: %g added, want %g at most", gaps, sum, limit)
		} else if sum < g.room {
			t.Errorf("%v: %g added, want the room of %g at least", gaps, sum, g.room)
		}
	}
}

// Evidence for the version is never held up, and quiet seconds give the room back.
func TestQuietSecondsGiveTheRoomBack(t *testing.T) {
	g := newBurstGuard(100, 4)
	var s spent
	at := time.Unix(1e9, 0)
	s.rest(g, at)
	if got := s.allow(g, 3, -7); got != -7 {
		t.Errorf("%g of -7 allowed", got)
	}
	if got := s.allow(g, 3, 50); got != g.room {
		t.Errorf("%g allowed at once, want %g", got, g.room)
	}
	if got := s.allow(g, 3, 50); got != 0 {
		t.Errorf("%g allowed with the room taken", got)
	}
	s.rest(g, at.Add(time.Second))
	if got := s.allow(g, 3, 50); math.Abs(got-g.refill) > 1e-12 {
		t.Errorf("%g allowed after a second, want %g", got, g.refill)
	}
	s.rest(g, at.Add(time.Hour))
	if got := s.allow(g, 3, 50); got != g.room {
		t.Errorf("%g allowed after an hour, want %g", got, g.room)
	}
}
