package analysis

import (
	"testing"
	"time"
)

func TestInFlightOlder(t *testing.T) {
	var r Recorder
	start := 100 * sec
	for i := range int64(3) {
		r.Start(uint32(i), start+i*sec)
	}
	for _, tt := range []struct {
		name string
		now  int64
		age  time.Duration
		want uint64
	}{
		{"age too small", start + 10*sec, 999 * time.Millisecond, 0},
		{"age too great", start + 10*sec, 61 * time.Second, 0},
		{"all young", start + 2*sec, 3 * time.Second, 0},
		{"the first second is not over yet", start + 2*sec + 1, 2 * time.Second, 0},
		{"one", start + 3*sec, 2 * time.Second, 1},
		{"two", start + 4*sec, 2 * time.Second, 2},
		{"all", start + 30*sec, 2 * time.Second, 3},
		{"all, a minute later", start + 62*sec, 10 * time.Second, 3},
	} {
		if got := r.InFlightOlder(tt.now, tt.age); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
	r.Record(9, start, start+20*sec, Timeout) // another shard than it started in
	if got := r.InFlightOlder(start+30*sec, 2*time.Second); got != 2 {
		t.Errorf("after one ended: %d, want 2", got)
	}
	record(&r, 0, start+64*sec, 5, Success) // the same cell of the ring
	if got := r.InFlightOlder(start+30*sec, 2*time.Second); got != 2 {
		t.Errorf("after the ring came round: %d, want 2", got)
	}
}
