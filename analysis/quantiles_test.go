package analysis

import (
	"testing"
	"time"
)

func TestQuantilesOfAWindow(t *testing.T) {
	var w Window
	var r Recorder
	const s = int64(time.Second)
	at := 1000 * s
	w.Observe(at, &r)
	record := func(n int, took time.Duration, o Outcome) {
		for range n {
			r.Start(0, at)
			r.Record(0, at, at+int64(took), o)
		}
	}
	if got, n := w.Quantiles(10*time.Second, 0.5); n != 0 || got[0] != 0 {
		t.Errorf("before any answer: got %v of %d", got, n)
	}
	record(90, 10*time.Millisecond, Success)
	record(10, time.Second, Success)
	record(50, 10*time.Second, ServerError)
	at += s
	w.Observe(at, &r)
	got, n := w.Quantiles(10*time.Second, 0.5, 0.9, 0.95)
	want := []time.Duration{10 * time.Millisecond, 10 * time.Millisecond, time.Second}
	for i := range want {
		if off := float64(got[i])/float64(want[i]) - 1; off < -0.023 || off > 0.023 {
			t.Errorf("got %v, want %v", got, want)
			break
		}
	}
	if n != 100 {
		t.Errorf("got %d answers, want 100 good ones", n)
	}
	at += 20 * s
	w.Observe(at, &r)
	if _, n := w.Quantiles(10*time.Second, 0.5); n != 0 {
		t.Errorf("20 s later: got %d answers, want none", n)
	}
}
