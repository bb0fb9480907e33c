package analysis

import (
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
)

// attempts feeds n attempts of which each fails with probability p; it returns how
// many it took to the alarm, 0 if there was none.
func attempts(rng *rand.Rand, trip *Trip, r *Recorder, n int, p, p0 float64) int {
	for i := 1; i <= n; i++ {
		if rng.Float64() >= p {
			record(r, 0, 0, 1, Success)
			continue
		}
		record(r, 0, 0, 1, ServerError)
		if trip.Failure(r, p0) {
			return i
		}
	}
	return 0
}

func TestTripAfterNineFailures(t *testing.T) {
	for _, tt := range []struct {
		name string
		p0   float64
		want int // 0: never
	}{
		{"1 %", 0.01, 9}, {"less than tolerated", 0, 9}, {"not a number", math.NaN(), 9},
		{"stable fails 2 %", 0.02, 9}, {"stable fails 20 %", 0.2, 16}, {"stable fails half", 0.5, 0}, {"stable is dead", 2, 0},
	} {
		var trip Trip
		var r Recorder
		rng := rand.New(rand.NewPCG(1, 1))
		attempts(rng, &trip, &r, 1000, 0, tt.p0) // good ones before don't matter
		if got := attempts(rng, &trip, &r, 200, 1, tt.p0); got != tt.want {
			t.Errorf("%s: tripped after %d, want %d", tt.name, got, tt.want)
		}
	}
}

// The figures of the design: median and 99th percentile of attempts to the cut.
func TestTripSpeed(t *testing.T) {
	for _, tt := range []struct {
		p                    float64
		runs                 int
		median, p99          int // as simulated for the design
		medianLeast, p99Most int
	}{
		{1, 100, 9, 9, 9, 9},
		{0.5, 10_000, 17, 32, 15, 34},
		{0.2, 2_000, 48, 97, 40, 115},
		{0.1, 2_000, 106, 228, 90, 260},
	} {
		rng := rand.New(rand.NewPCG(7, 9))
		var all []int
		for range tt.runs {
			var trip Trip
			var r Recorder
			all = append(all, attempts(rng, &trip, &r, 100_000, tt.p, 0.01))
		}
		slices.Sort(all)
		median, p99 := all[len(all)/2], all[len(all)*99/100]
		if all[0] == 0 || median < tt.medianLeast || median > tt.median*6/5 || p99 > tt.p99Most {
			t.Errorf("%g failing: median %d, p99 %d, want about %d and %d", tt.p, median, p99, tt.median, tt.p99)
		}
		t.Logf("%g failing: median %d, p99 %d", tt.p, median, p99)
	}
}

func TestNoFalseTripAtTheToleratedRate(t *testing.T) {
	var trip Trip
	var r Recorder
	rng := rand.New(rand.NewPCG(11, 12))
	if n := attempts(rng, &trip, &r, 3_000_000, 0.01, 0.01); n != 0 {
		t.Errorf("tripped after %d attempts at the tolerated rate; %+v", n, trip.Evidence())
	}
}

// The recorder's counts must come to what one attempt at a time would.
func TestScoreIsThatOfACUSUM(t *testing.T) {
	var trip Trip
	var r Recorder
	rng := rand.New(rand.NewPCG(13, 14))
	score, p0 := 0.0, 0.02
	up, down := math.Log(5), math.Log((1-p0)/(1-5*p0))
	for i := range 50_000 {
		if rng.Float64() >= 0.03 {
			record(&r, 0, 0, 1, Success)
			score = max(0, score-down)
			continue
		}
		record(&r, 0, 0, 1, Timeout)
		score += up
		alarm := trip.Failure(&r, p0)
		if got := trip.Evidence().Score; math.Abs(got-score) > 1e-9 || alarm != (score >= tripAlarm) {
			t.Fatalf("attempt %d: score %g, want %g, alarm %v", i, got, score, alarm)
		}
		if alarm {
			score = 0
			trip.Reset(&r)
		}
	}
}

func TestAlarmIsReportedOnceUntilReset(t *testing.T) {
	var trip Trip
	var r Recorder
	rng := rand.New(rand.NewPCG(1, 1))
	if n := attempts(rng, &trip, &r, 50, 1, 0.01); n != 9 {
		t.Fatalf("tripped after %d", n)
	}
	before := trip.Evidence()
	if before.Failures != 9 || before.Attempts != 9 || before.Score < before.Threshold || before.P0 != 0.01 || before.P1 != 0.05 {
		t.Errorf("evidence %+v", before)
	}
	if n := attempts(rng, &trip, &r, 500, 1, 0.01); n != 0 {
		t.Errorf("reported again after %d", n)
	}
	if after := trip.Evidence(); after != before {
		t.Errorf("evidence moved after the alarm: %+v", after)
	}
	trip.Reset(&r)
	if e := trip.Evidence(); e.Attempts != 0 || e.Score != 0 {
		t.Errorf("after Reset: %+v", e)
	}
	attempts(rng, &trip, &r, 10_000, 0, 0.01)
	if n := attempts(rng, &trip, &r, 50, 1, 0.01); n != 9 {
		t.Errorf("after Reset and many successes: tripped after %d, want 9", n)
	}
}

func TestAlarmIsReportedOnceUnderConcurrency(t *testing.T) {
	var trip Trip
	var r Recorder
	var alarms atomic.Int64
	var wg sync.WaitGroup
	for w := range uint32(8) {
		wg.Go(func() {
			for range 200 {
				record(&r, w, 0, 1, Reset)
				if trip.Failure(&r, trip.Baseline()) {
					alarms.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if alarms.Load() != 1 {
		t.Errorf("%d alarms, want 1", alarms.Load())
	}
}

// Traffic split by chance and traffic sent by rules are counted apart but trip together.
func TestTwoRecordersOneTrip(t *testing.T) {
	var trip Trip
	var split, ruled Recorder
	fail := func(r *Recorder) bool {
		record(r, 0, 0, 1, ServerError)
		return trip.Failure(r, 0.01)
	}
	for range 100_000 {
		record(&ruled, 0, 0, 1, Success)
	}
	for range 4 {
		if fail(&split) || fail(&ruled) {
			t.Fatal("tripped too early")
		}
	}
	for range 50 { // takes 2 off, whichever recorder sees it
		record(&ruled, 0, 0, 1, Success)
	}
	if fail(&split) {
		t.Error("the successes of the other recorder were not read")
	}
	if !fail(&split) || trip.Evidence().Attempts != 60 {
		t.Errorf("not tripped: %+v", trip.Evidence())
	}
}

func TestFaultOfBothArmsTripsNobody(t *testing.T) {
	for _, tt := range []struct {
		name           string
		share          int // every so many-th request is the canary's
		canary, stable float64
		trips          bool
	}{
		{"both dead, canary has a tenth", 10, 1, 1, false},
		{"both dead, half and half", 2, 1, 1, false},
		{"both fail half", 4, 0.5, 0.5, false},
		{"canary dead alone", 10, 1, 0.001, true},
		{"canary dead alone, half and half", 2, 1, 0.01, true},
		{"canary half dead, stable 2 %", 4, 0.5, 0.02, true},
	} {
		var trip Trip
		var canary, stable Recorder
		trip.Against(&stable)
		rng := rand.New(rand.NewPCG(21, 22))
		for range 2000 {
			record(&canary, 0, 0, 1, Success)
			record(&stable, 0, 0, 1, Success)
		}
		tripped := false
		for i := 0; i < 4000 && !tripped; i++ {
			if i%tt.share == 0 {
				tripped = attempts(rng, &trip, &canary, 1, tt.canary, 0.01) > 0
			} else {
				attempts(rng, new(Trip), &stable, 1, tt.stable, 1)
			}
		}
		if tripped != tt.trips {
			t.Errorf("%s: tripped %v, want %v; %+v", tt.name, tripped, tt.trips, trip.Evidence())
		}
	}
}

func TestCanaryTripsOnceStableHasRecovered(t *testing.T) {
	var trip Trip
	var canary, stable Recorder
	trip.Against(&stable)
	rng := rand.New(rand.NewPCG(1, 1))
	for range 500 {
		attempts(rng, new(Trip), &stable, 1, 1, 1)
		if attempts(rng, &trip, &canary, 1, 1, 0.01) > 0 {
			t.Fatal("tripped although stable is dead")
		}
	}
	n := 0
	for {
		n++
		record(&stable, 0, 0, 1, Success)
		if attempts(rng, &trip, &canary, 1, 1, 0.01) > 0 {
			break
		}
		if n > 40 {
			t.Fatal("not tripped 40 requests after stable recovered")
		}
	}
}

func TestTripIgnoresSuccessesBeforeItsFirstLook(t *testing.T) {
	var trip Trip
	var r Recorder
	rng := rand.New(rand.NewPCG(1, 1))
	for range 100 { // stable is dead: nothing to tell apart
		attempts(rng, &trip, &r, 1, 1, 0.9)
	}
	if n := attempts(rng, &trip, &r, 50, 1, 0.01); n != 9 {
		t.Errorf("after stable recovered: tripped after %d, want 9", n)
	}
}

func TestTripAllocatesNothing(t *testing.T) {
	var trip Trip
	var r, stable Recorder
	record(&stable, 0, 0, 1, Success)
	trip.Against(&stable)
	record(&r, 0, 0, 1, ServerError)
	if n := testing.AllocsPerRun(100, func() {
		for range 200 {
			record(&r, 0, 0, 1, Success)
		}
		record(&r, 0, 0, 1, ServerError)
		trip.Failure(&r, trip.Baseline())
	}); n != 0 {
		t.Errorf("a failure allocates %v times", n)
	}
}

func BenchmarkTripFailure(b *testing.B) {
	var trip Trip
	var r, stable Recorder
	record(&stable, 0, 0, 1, Success)
	record(&r, 0, 0, 1, Success)
	trip.Against(&stable)
	b.ReportAllocs()
	for b.Loop() {
		r.set.Load().shards[0].Load().byOutcome[Success].Add(100) // keeps the score down
		trip.Failure(&r, trip.Baseline())
	}
}
