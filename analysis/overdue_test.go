package analysis

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestHangingVersionTripsBeforeItsTimeout(t *testing.T) {
	var trip Trip
	var r Recorder
	now := Now() + 100*sec
	alarm := 0
	for s := range int64(8) { // three requests a second that never end
		for range 3 {
			r.Start(0, now+s*sec)
		}
		if trip.Hanging(&r, now+s*sec, 2*time.Second, 0.01) {
			alarm = int(s)
			break
		}
	}
	if alarm != 5 { // nine are over two seconds old (all their second is) at 5 s
		t.Errorf("alarm after %d s, want 5; %+v", alarm, trip.Evidence())
	}
	if e := trip.Evidence(); e.Failures != 9 {
		t.Errorf("%d counted, want 9 (each once)", e.Failures)
	}
}

func TestBothArmsHangingTripsNobody(t *testing.T) {
	var trip Trip
	var canary, stable Recorder
	trip.Against(&stable)
	now := Now() + 100*sec
	for s := range int64(20) {
		for range 3 {
			canary.Start(0, now+s*sec)
			stable.Start(0, now+s*sec)
		}
		if trip.Hanging(&canary, now+s*sec, 2*time.Second, 0.01) {
			t.Fatalf("tripped after %d s although stable hangs too", s)
		}
	}
}

// Of stable too little is known when requests hang. The alarm is only put off: more of
// stable decides, though nothing more comes of the version itself.
func TestHangingWaitsForStable(t *testing.T) {
	var trip Trip
	var canary, stable Recorder
	trip.Against(&stable)
	now := Now() + 100*sec
	record(&canary, 0, now, 1, ServerError)
	trip.Failure(&canary, 0.01)
	record(&stable, 0, now, 1, ServerError)
	for range 39 {
		record(&stable, 0, now, 1, Success)
	}
	for range 9 {
		canary.Start(0, now)
	}
	if trip.Hanging(&canary, now+3*sec, time.Second, 0.01) {
		t.Fatalf("alarm though stable may be as bad: %+v", trip.Evidence())
	}
	for range 500 {
		record(&stable, 0, now, 1, Success)
	}
	if !trip.Hanging(&canary, now+4*sec, time.Second, 0.01) {
		t.Errorf("no alarm though stable is well: %+v", trip.Evidence())
	}
}

// Stable hung as well. Requests of the version that hang on are evidence anew once stable is well again,
// but not before they have hung for as long as it takes once more.
func TestExcusedRequestsAreLookedAtAgain(t *testing.T) {
	var trip Trip
	var canary, stable Recorder
	trip.Against(&stable)
	now := Now() + 100*sec
	for range 20 {
		canary.Start(0, now)
		stable.Start(0, now)
	}
	if trip.Hanging(&canary, now+4*sec, 2*time.Second, 0.01) {
		t.Fatal("alarm though stable hangs too")
	}
	for range 20 {
		stable.Record(0, now, now+4*sec, Success)
	}
	if trip.Hanging(&canary, now+5*sec, 2*time.Second, 0.01) {
		t.Error("alarm a second after the excuse, want two")
	}
	if !trip.Hanging(&canary, now+6*sec, 2*time.Second, 0.01) {
		t.Errorf("no alarm two seconds after the excuse: %+v", trip.Evidence())
	}
	for range 20 { // counted twice, but each of them fails once
		canary.Record(0, now, now+30*sec, Timeout)
	}
	if e := trip.Evidence(); e.Failures != 20 {
		t.Errorf("%d failures in evidence, want 20", e.Failures)
	}
}

// What starts in the second of an excuse, after it, is as young as any other request: traffic that goes on well
// right after a fault that both arms shared must not be taken for requests that hang.
func TestExcuseTakesNoYoungRequestForAHangingOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Hour + 10*time.Millisecond - time.Duration(Now())) // early in a second
		var trip Trip
		var canary Recorder
		canary.Start(0, Now())
		trip.Excuse(&canary)
		time.Sleep(900 * time.Millisecond)
		began := Now()
		for range 20 {
			canary.Start(0, began)
		}
		time.Sleep(150 * time.Millisecond)
		if trip.Hanging(&canary, Now(), time.Second, 0.01) {
			t.Fatalf("alarm for requests that are 150 ms old: %+v", trip.Evidence())
		}
		time.Sleep(time.Second)
		if !trip.Hanging(&canary, Now(), time.Second, 0.01) {
			t.Errorf("no alarm though they hang for over a second: %+v", trip.Evidence())
		}
	})
}

func TestOverdueIsNotCountedAgainWhenItTimesOut(t *testing.T) {
	var trip Trip
	var r Recorder
	start := Now() - 5*sec
	for range 6 {
		r.Start(0, start)
	}
	if trip.Overdue(&r, 6, 0.01) {
		t.Fatal("six are not enough")
	}
	if trip.Overdue(&r, 0, 0.01) {
		t.Fatal("none is not enough")
	}
	for range 6 {
		r.Record(0, start, start+10*sec, Timeout)
		if trip.Failure(&r, 0.01) {
			t.Fatal("counted twice")
		}
	}
	if e := trip.Evidence(); e.Failures != 6 {
		t.Errorf("%d failures counted, want 6", e.Failures)
	}
	for i := range 3 {
		record(&r, 0, start+6*sec, 1, ServerError)
		if trip.Failure(&r, 0.01) != (i == 2) {
			t.Errorf("failure %d after: %+v", i, trip.Evidence())
		}
	}
}

func TestRequestsInFlightAtResetAreForgiven(t *testing.T) {
	var trip Trip
	var r Recorder
	start := Now()
	for range 20 {
		r.Start(0, start)
	}
	trip.Reset(&r)
	for range 20 {
		r.Record(0, start, start+sec, Timeout)
		if trip.Failure(&r, 0.01) {
			t.Fatal("what was in flight at Reset tripped again")
		}
	}
}
