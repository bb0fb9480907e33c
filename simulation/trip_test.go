package simulation

import "testing"

// Leaving out successes that can't matter must change nothing, down to the evidence.
func TestTripIsThriftyWithoutConsequences(t *testing.T) {
	tripped := 0
	for _, name := range []string{"null_bad", "common", "hosts_3", "plus1", "bad_x5", "down", "p20_1"} {
		s, _ := Find(name)
		for run := range 3 {
			tr := newTraffic(&s, nil, 5, run)
			thrifty, thorough := newTrip(source(name, 5, run, 1)), newTrip(source(name, 5, run, 1))
			thorough.thorough = true
			for n := range 1800 {
				now := tr.second(n)
				a, b := thrifty.add(now), thorough.add(now)
				if a != b || a && thrifty.trip.Evidence() != thorough.trip.Evidence() {
					t.Fatalf("%s, run %d, second %d: %v %+v, want %v %+v", name, run, n,
						a, thrifty.trip.Evidence(), b, thorough.trip.Evidence())
				}
				if a {
					tripped++
					break
				}
			}
		}
	}
	if tripped < 6 {
		t.Errorf("%d runs tripped: this compares too little", tripped)
	}
}
