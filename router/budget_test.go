package router

import (
	"sync"
	"testing"
	"time"
)

func TestBudget(t *testing.T) {
	const s = int64(time.Second)
	for _, tc := range []struct {
		name    string
		counted map[int64]int // at
		at      int64
		want    int
	}{
		{"nothing counted", nil, 0, 100},
		{"little counted", map[int64]int{3 * s: 200}, 3 * s, 100},
		{"a fifth", map[int64]int{3 * s: 1000}, 3 * s, 200},
		{"over several seconds", map[int64]int{3 * s: 1000, 5 * s: 1000}, 5*s + 1, 400},
		{"the last ten", map[int64]int{3 * s: 1000, 5 * s: 1000}, 14*s - 1, 200},
		{"the same cell again", map[int64]int{3 * s: 1000, 13 * s: 1500}, 13 * s, 300},
		{"long ago", map[int64]int{3 * s: 1000}, 1000 * s, 100},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var b Budget
			for _, at := range []int64{3 * s, 5 * s, 13 * s} {
				for range tc.counted[at] {
					b.Count(at)
				}
			}
			got := 0
			for b.Allow(tc.at) {
				got++
			}
			if got != tc.want {
				t.Errorf("got %d permits, want %d", got, tc.want)
			}
		})
	}
}

func TestBudgetComesBack(t *testing.T) {
	var b Budget
	for b.Allow(int64(time.Second)) {
	}
	if b.Allow(int64(10 * time.Second)) {
		t.Error("got a permit within ten seconds")
	}
	if !b.Allow(int64(11 * time.Second)) {
		t.Error("got no permit after ten seconds")
	}
}

func TestBudgetIsExactUnderConcurrency(t *testing.T) {
	var b Budget
	var wg sync.WaitGroup
	got := make([]int, 8)
	for range got {
		wg.Go(func() {
			for range 1000 {
				b.Count(1)
			}
		})
	}
	wg.Wait()
	for i := range got {
		wg.Go(func() {
			for b.Allow(1) {
				got[i]++
			}
		})
	}
	wg.Wait()
	total := 0
	for _, n := range got {
		total += n
	}
	if total != 1600 {
		t.Errorf("got %d permits of 8000 requests, want 1600", total)
	}
}
