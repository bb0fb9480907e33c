package analysis

import (
	"testing"
	"time"
)

// What is listed is what was counted, span by span, however often one looks and however little comes.
func TestSpansKnowEachAnswer(t *testing.T) {
	for _, tt := range []struct {
		name  string
		every int64 // seconds between answers
		look  int64 // seconds between readings; 0: only at the end
	}{
		{"each second", 1, 0}, {"each second, looked at", 1, 1}, {"now and then", 7, 3}, {"seldom", 61, 0},
	} {
		var r Recorder
		var w Window
		var of []int64 // span of each answer
		w.Observe(0, &r)
		for now := int64(1); now < 2000; now++ {
			if now%tt.every == 0 {
				record(&r, 0, now*sec, int64(10+now%7)*int64(time.Millisecond), Success)
				of = append(of, now/latencySpan)
			}
			w.Observe(now*sec, &r)
			if tt.look > 0 && now%tt.look != 0 || tt.look == 0 && now%500 != 0 {
				continue
			}
			for _, d := range []int64{1, 10, 60, 300} {
				first, want := max(now-d+1, 0)/latencySpan, uint64(0)
				for i := len(of) - 1; i >= 0 && of[i] >= first; i-- {
					if of[i] > now/latencySpan-latencySlots {
						want++
					}
				}
				if _, n := w.Quantiles(time.Duration(d)*time.Second, 0.5); n != want && now > d {
					t.Fatalf("%s: second %d: %d answers in the last %d s, want %d", tt.name, now, n, d, want)
				}
			}
		}
	}
}

// A list that is hardly ever full again must not keep what looks new once the numbers of spans come round.
func TestSpansComeRound(t *testing.T) {
	var r Recorder
	var w Window
	w.Observe(0, &r)
	now := int64(1)
	for ; now < 300; now++ {
		for i := range int64(100) {
			record(&r, 0, now*sec, (1+i)*int64(time.Millisecond), Success)
		}
		w.Observe(now*sec, &r)
	}
	for ; now < 300+3*(1<<16)*latencySpan; now++ {
		if now%290 == 0 { // just often enough that the list is not let go
			record(&r, 0, now*sec, sec/10, Success)
		}
		w.Observe(now*sec, &r)
		if _, n := w.Quantiles(5*time.Minute, 0.5); now > 900 && n > 2 {
			t.Fatalf("second %d: %d answers in five minutes, want at most 2", now, n)
		}
	}
}

func TestBusyWindowIsSmall(t *testing.T) {
	var r Recorder
	var w Window
	for now := range int64(2000) { // a request a second, of a hundred latencies
		record(&r, 0, now*sec, (1+now%100)*int64(time.Millisecond), Success)
		w.Observe(now*sec, &r)
	}
	if n := cap(w.rings.latencies.list); n > 1000 {
		t.Errorf("the list has room for %d entries, want at most 1000 for 300 s", n)
	}
}
