package notify

import (
	"strconv"
	"testing"
	"time"
)

func TestFlood(t *testing.T) {
	start := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	at := func(s int) time.Time { return start.Add(time.Duration(s) * time.Second) }
	f := flood{quiet: time.Minute}
	n := Note{Service: "shop", Type: "trip", Version: "v2", Message: "cut"}

	if !f.passes(n, at(0)) {
		t.Fatal("the first is held back")
	}
	if f.passes(n, at(1)) || f.passes(n, at(59)) {
		t.Error("the same passes within a minute")
	}
	for _, other := range []Note{{Service: "shoe", Type: "trip", Version: "v2", Message: "cut"}, {Service: "shop", Type: "alert", Version: "v2", Message: "cut"},
		{Service: "shop", Type: "trip", Version: "v3", Message: "cut"}, {Service: "shop", Type: "trip", Version: "v2", Message: "cut again"}} {
		if !f.passes(other, at(2)) {
			t.Errorf("%+v is another, and held back", other)
		}
	}
	if sums, next := f.due(at(59), false); len(sums) != 0 || !next.Equal(at(60)) {
		t.Errorf("before its time: got %v, next at %v", sums, next)
	}
	sums, _ := f.due(at(60), false)
	if len(sums) != 1 || sums[0].repeats != 2 {
		t.Fatalf("got %+v, want one sum of 2", sums)
	}
	if f.passes(n, at(61)) {
		t.Error("a sum counts as told, and what repeats it passes")
	}
	if sums, _ := f.due(at(119), false); len(sums) != 0 {
		t.Errorf("got a second sum too early: %v", sums)
	}
	if sums, next := f.due(at(120), false); len(sums) != 1 || sums[0].repeats != 1 || !next.IsZero() {
		t.Errorf("got %v, next at %v", sums, next)
	}
	f.due(at(200), false)
	if len(f.recent) != 0 {
		t.Errorf("%d notes are remembered for ever", len(f.recent))
	}
	if !f.passes(n, at(200)) {
		t.Error("after a quiet minute it is held back")
	}
}

func TestFloodRemembersABoundedNumber(t *testing.T) {
	f, now := flood{quiet: time.Minute}, time.Now()
	for i := range 3 * mostKinds {
		if !f.passes(Note{Message: strconv.Itoa(i)}, now) {
			t.Fatal("a note that was never told is held back")
		}
	}
	if len(f.recent) > mostKinds {
		t.Errorf("%d are remembered", len(f.recent))
	}
	if !f.passes(Note{Message: "later"}, now.Add(time.Hour)) || len(f.recent) != 1 {
		t.Errorf("old ones are kept: %d", len(f.recent))
	}
}
