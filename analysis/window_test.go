package analysis

import (
	"testing"
	"time"
)

func TestWindowShowsTheLastSeconds(t *testing.T) {
	var r, ruled Recorder
	var w Window
	record(&r, 0, 0, 1, ServerError) // before the window began
	at := 1000 * sec
	if w.Observe(at, &r, &ruled) {
		t.Error("the first look must see nothing")
	}
	if got := w.Last(time.Minute); got != (Seen{}) {
		t.Errorf("just begun: %+v", got)
	}
	for s := range int64(20) { // 10 requests a second, one fails, five of them by rule
		for i := range int64(5) {
			record(&r, 0, at, 20*int64(time.Millisecond), Success)
			o := Success
			if i == 0 {
				o = ServerError
			}
			record(&ruled, 0, at, 300*int64(time.Millisecond), o)
		}
		if !w.Observe(at+(s+1)*sec, &r, &ruled) {
			t.Fatal("requests not seen")
		}
	}
	for _, tt := range []struct {
		name         string
		d            time.Duration
		span         time.Duration
		requests, ko uint64
	}{
		{"a second", time.Second, time.Second, 10, 1},
		{"ten", 10 * time.Second, 10 * time.Second, 100, 10},
		{"more than there is", time.Hour, 20 * time.Second, 200, 20},
		{"nothing asked for", 0, time.Second, 10, 1},
	} {
		got := w.Last(tt.d)
		if got.Span != tt.span || got.Requests != tt.requests || got.Failed != tt.ko || got.PerSecond != 10 {
			t.Errorf("%s: %+v", tt.name, got)
		}
		if !near(got.P50, 20*time.Millisecond) || !near(got.P99, 300*time.Millisecond) {
			t.Errorf("%s: p50 %v, p99 %v", tt.name, got.P50, got.P99)
		}
	}
}

func near(got, want time.Duration) bool {
	return got > want*97/100 && got < want*103/100
}

func TestWindowForgets(t *testing.T) {
	var r Recorder
	var w Window
	at := int64(5000)
	w.Observe(at*sec, &r)
	record(&r, 0, 0, sec, Success)
	w.Observe((at+1)*sec, &r)
	for s := int64(2); s <= 2*countSlots; s++ {
		if w.Observe((at+s)*sec, &r) {
			t.Fatalf("second %d: nothing happened, yet something was seen", s)
		}
		got := w.Last(5 * time.Minute)
		want := uint64(1)
		if s > 300 {
			want = 0
		}
		if got.Requests != want || (got.P50 > 0) != (s < 300) && s != 300 && s/latencySpan != 300/latencySpan {
			t.Fatalf("second %d: %+v", s, got)
		}
	}
	record(&r, 0, 0, sec/10, Success)
	w.Observe((at+2*countSlots+1)*sec, &r)
	got := w.Last(time.Minute)
	if got.Requests != 1 || !near(got.P50, 100*time.Millisecond) || !near(got.P99, 100*time.Millisecond) {
		t.Errorf("after a long silence: %+v", got)
	}
}

// What comes in the very second in which a window began is known as well.
func TestWindowKnowsTheLatenciesOfItsFirstSecond(t *testing.T) {
	for began := int64(1000); began < 1000+latencySpan; began++ {
		var r Recorder
		var w Window
		w.Observe(began*sec, &r)
		record(&r, 0, began*sec, sec/10, Success)
		w.Observe(began*sec+sec/2, &r)
		w.Observe((began+1)*sec, &r)
		if q, n := w.Quantiles(time.Minute, 0.99); n != 1 || !near(q[0], 100*time.Millisecond) {
			t.Errorf("began at second %d: p99 %v of %d answers, want 100ms of 1", began, q[0], n)
		}
	}
}

func TestIdleWindowIsSmall(t *testing.T) {
	var r Recorder
	var w Window
	now := int64(0)
	if n := testing.AllocsPerRun(2000, func() {
		now += sec
		w.Observe(now, &r)
		_ = w.Last(time.Minute)
	}); n != 0 {
		t.Errorf("an idle window allocates %v times", n)
	}
	if w.rings != nil {
		t.Error("an idle window has rings")
	}
}

func TestBusyWindowAllocatesNothing(t *testing.T) {
	var r Recorder
	var w Window
	now := int64(0)
	look := func() {
		now += sec
		record(&r, 0, now, 5, Success)
		w.Observe(now, &r)
	}
	for range latencySpan*latencySlots + 2 {
		look()
	}
	if n := testing.AllocsPerRun(1000, look); n != 0 {
		t.Errorf("a busy window allocates %v times", n)
	}
}
