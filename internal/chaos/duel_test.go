package main

import (
	"testing"
	"time"

	"sluice/internal/trial"
)

func TestDuel(t *testing.T) {
	type pair [2]time.Duration // beside, alone, in some unit
	for _, c := range []struct {
		name         string
		rounds       []pair
		broken, open int
	}{
		{"the same", []pair{{10, 10}, {11, 10}, {9, 10}, {10, 11}, {10, 9}}, 0, 0},
		{"two bad rounds of five", []pair{{10, 10}, {30, 10}, {9, 10}, {30, 11}, {10, 9}}, 0, 0},
		{"three bad rounds of five", []pair{{16, 10}, {30, 10}, {9, 10}, {30, 11}, {10, 9}}, 1, 0},
		{"a busy machine that looks good", []pair{{10, 10}, {11, 10}, {9, 90}, {30, 10}, {10, 9}}, 0, 1},
		{"a busy machine that looks bad", []pair{{20, 10}, {31, 10}, {9, 90}, {30, 10}, {10, 9}}, 0, 1},
		{"a busy machine, bad in every round", []pair{{20, 10}, {31, 10}, {200, 90}, {30, 10}, {90, 9}}, 1, 0},
		{"a busy machine, good in every round", []pair{{10, 10}, {11, 10}, {9, 90}, {12, 10}, {10, 9}}, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var d duel
			for _, r := range c.rounds {
				d.add(r[0]*time.Millisecond, r[1]*time.Millisecond)
			}
			var table trial.Table
			d.judge(&table, "p99")
			if broken, open := len(table.Broken()), len(table.Open()); broken != c.broken || open != c.open {
				t.Errorf("broken %d, undecided %d, want %d and %d", broken, open, c.broken, c.open)
			}
		})
	}
}
