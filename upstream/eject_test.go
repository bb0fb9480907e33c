package upstream

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"
)

func fail(e *Endpoint, times int) {
	for range times {
		e.inFlight.Add(1)
		e.Done(true)
	}
}

func TestEjectionAfterFailuresInARow(t *testing.T) {
	p := newPool(t, Options{Endpoints: literals(2)}, nil)
	_, changes := watched(t, p)
	e := p.Endpoints()[0]
	fail(e, 4)
	e.inFlight.Add(1)
	e.Done(false)
	fail(e, 4)
	if e.Ejected() {
		t.Fatal("ejected although a request passed in between")
	}
	before := clock()
	fail(e, 1)
	if !e.Ejected() {
		t.Fatal("not ejected after five failures in a row")
	}
	if d := time.Duration(e.ejection.Load() - before); d < 4*time.Second || d > 6*time.Second {
		t.Errorf("ejected for %s, want about 5s", d)
	}
	c := nextChange(t, changes)
	if !c.Ejected || !c.Healthy || c.Last || c.Endpoint != e.URL() || c.Service != "shop" || c.Version != "v1" ||
		!strings.Contains(c.Reason, "5 failures in a row") {
		t.Errorf("change %+v", c)
	}
}

func TestEjectionNeverTakesMoreThanHalf(t *testing.T) {
	for _, test := range []struct{ endpoints, want int }{{1, 0}, {2, 1}, {3, 1}, {4, 2}, {5, 2}} {
		p := newPool(t, Options{Endpoints: literals(test.endpoints)}, nil)
		out := 0
		for _, e := range p.Endpoints() {
			fail(e, 20)
			if e.Ejected() {
				out++
			}
		}
		if out != test.want {
			t.Errorf("%d of %d endpoints ejected, want %d", out, test.endpoints, test.want)
		}
	}
}

func TestEjectionCapHoldsUnderConcurrency(t *testing.T) {
	p := newPool(t, Options{Endpoints: literals(6)}, nil)
	var wg sync.WaitGroup
	for _, e := range p.Endpoints() {
		for range 4 {
			wg.Go(func() { fail(e, 200) })
		}
	}
	wg.Wait()
	out := 0
	for _, e := range p.Endpoints() {
		fail(e, 1) // one more decision without a rival
		if e.Ejected() {
			out++
		}
	}
	if out != 3 {
		t.Errorf("%d of 6 endpoints ejected, want 3", out)
	}
}

// ripe lets an ejection end now.
func ripe(e *Endpoint) { e.ejection.Store((clock() - 1) &^ probing) }

func TestHalfOpenLetsOneRequestThrough(t *testing.T) {
	p := newPool(t, Options{Endpoints: literals(2)}, nil)
	_, changes := watched(t, p)
	e := p.Endpoints()[0]
	fail(e, 5)
	nextChange(t, changes)
	for range 200 {
		if pick(t, p, nil) == e {
			t.Fatal("ejected endpoint picked")
		}
	}
	ripe(e)
	probes := 0
	for range 200 {
		if pick(t, p, nil) == e {
			probes++
		}
	}
	if probes != 1 {
		t.Fatalf("%d requests at once probed the endpoint, want 1", probes)
	}

	e.Done(true) // ejected anew, for longer
	if c := nextChange(t, changes); !c.Ejected || !strings.Contains(c.Reason, "probing request failed") {
		t.Errorf("change %+v", c)
	}
	if d := time.Duration(e.ejection.Load() - clock()); d < 7*time.Second || d > 10*time.Second {
		t.Errorf("ejected for %s the second time, want 8s to 10s", d)
	}

	ripe(e)
	if pick(t, p, nil) != e {
		t.Fatal("a ripe endpoint is to be probed by the next request")
	}
	e.Abandon() // says nothing, and leaves the probe to another
	if !e.Ejected() || pick(t, p, nil) != e {
		t.Fatal("an abandoned probe must leave the endpoint to be probed again")
	}
	e.Done(false)
	if e.Ejected() {
		t.Error("still ejected after a probing request passed")
	}
	if c := nextChange(t, changes); c.Ejected || !c.Healthy {
		t.Errorf("change %+v", c)
	}
}

func TestResultsFromBeforeTheEjectionDoNotEndIt(t *testing.T) {
	p := newPool(t, Options{Endpoints: literals(2)}, nil)
	e := p.Endpoints()[0]
	e.inFlight.Add(2)
	fail(e, 5)
	until := e.ejection.Load()
	e.Done(false)
	e.Done(true)
	if e.ejection.Load() != until {
		t.Error("requests sent before the ejection changed it")
	}
}

func TestEjectionsGrowAndAreForgotten(t *testing.T) {
	var p ejections
	now := int64(time.Hour)
	for round := range 100 {
		p = p.next(now)
		full := min(time.Duration(round+1)*5*time.Second, 5*time.Minute)
		if got := time.Duration(p.length); got > full || got < full*4/5 {
			t.Fatalf("round %d: %s, want %s less up to a fifth", round, got, full)
		}
	}
	p.restored = now
	if soon := p.next(now + int64(time.Minute)); soon.rounds != 101 {
		t.Errorf("%d rounds after a short recovery, want 101", soon.rounds)
	}
	if late := p.next(now + int64(6*time.Minute)); late.rounds != 1 {
		t.Errorf("%d rounds after a long recovery, want 1", late.rounds)
	}
}

func TestExpelFollowsTheRulesOfEjection(t *testing.T) {
	p := newPool(t, Options{Endpoints: literals(4)}, nil)
	_, changes := watched(t, p)
	all := p.Endpoints()
	expel := func(e *Endpoint, want bool, wantErr error) {
		t.Helper()
		if got, err := e.Expel("bad where others are well"); got != want || !errors.Is(err, wantErr) {
			t.Fatalf("expelled %v, error %v, want %v, %v", got, err, want, wantErr)
		}
	}
	expel(all[0], true, nil)
	c := nextChange(t, changes)
	if !c.Ejected || !c.Healthy || c.Endpoint != all[0].URL() || !strings.Contains(c.Reason, "bad where others are well, ejected for ") {
		t.Errorf("change %+v", c)
	}
	expel(all[0], false, nil) // it is out already
	expel(all[1], true, nil)
	nextChange(t, changes)
	expel(all[2], false, ErrTooManyOut)
	if all[2].Ejected() {
		t.Error("more than half ejected")
	}

	ripe(all[0])
	expel(all[0], false, nil) // out until a probing request passes
	for pick(t, p, nil) != all[0] {
	}
	all[0].Done(false)
	if c := nextChange(t, changes); c.Ejected {
		t.Errorf("change %+v", c)
	}
	expel(all[0], true, nil) // soon again: for longer
	if d := time.Duration(all[0].ejection.Load() - clock()); d < 7*time.Second || d > 10*time.Second {
		t.Errorf("expelled for %s the second time, want 8s to 10s", d)
	}
}

func TestExpelLeavesTheLoneOneAndThoseThatLeft(t *testing.T) {
	lone := newPool(t, Options{Endpoints: literals(1)}, nil)
	e := lone.Endpoints()[0]
	if out, err := e.Expel("bad"); out || !errors.Is(err, ErrTooManyOut) || e.Ejected() {
		t.Errorf("expelled %v, error %v: the lone endpoint must stay", out, err)
	}
	three := newPool(t, Options{Endpoints: literals(3)}, nil)
	gone := three.Endpoints()[2]
	newPool(t, Options{Endpoints: literals(2)}, three)
	if out, err := gone.Expel("bad"); out || err != nil || gone.Ejected() {
		t.Errorf("expelled %v, error %v: the endpoint has left the version", out, err)
	}
}

func TestJudgedCountsWhatJudgeIsTold(t *testing.T) {
	p := newPool(t, Options{Endpoints: literals(2)}, nil)
	e := p.Endpoints()[0]
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 1000 {
				e.inFlight.Add(1)
				switch {
				case i%10 == 0:
					e.Judge(true)
					e.Done(true)
				case i%10 == 1:
					e.Abandon()
				case i%10 == 2: // a retry, say
					e.Done(true)
				default:
					e.Judge(false)
					e.Done(false)
				}
			}
		})
	}
	wg.Wait()
	if requests, failed := e.Judged(); requests != 3200 || failed != 400 {
		t.Errorf("%d judged, %d failed, want 3200 and 400", requests, failed)
	}
	if requests, failed := p.Endpoints()[1].Judged(); requests != 0 || failed != 0 {
		t.Errorf("counts of an endpoint that was never asked: %d, %d", requests, failed)
	}
}

func TestPickAndDoneAllocateNothing(t *testing.T) {
	p := newPool(t, Options{Endpoints: literals(3)}, nil)
	n := 0
	if got := testing.AllocsPerRun(1000, func() {
		e := pick(t, p, nil)
		n++
		e.Done(n%7 == 0 && !e.Ejected() && e.streak.Load() < ejectAfter-1)
	}); got != 0 {
		t.Errorf("%v allocations for Pick and Done", got)
	}
}

// Objects of a multiple of 64 bytes, and small enough to have a size class, begin at such a multiple.
func TestWhatRequestsWriteIsOneCacheLine(t *testing.T) {
	const line = 64
	var e Endpoint
	first, end := unsafe.Offsetof(e.inFlight), unsafe.Offsetof(e.overdue)+unsafe.Sizeof(e.overdue)
	if first%line != 0 || end-first > line || unsafe.Sizeof(e)-end < line || unsafe.Sizeof(e)%line != 0 {
		t.Errorf("written by requests: bytes %d to %d of %d, want one line of %d and one more after it", first, end, unsafe.Sizeof(e), line)
	}
}
