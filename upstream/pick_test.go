package upstream

import (
	"errors"
	"math"
	"testing"
	"time"
)

func pick(t testing.TB, p *Pool, avoid *Endpoint) *Endpoint {
	t.Helper()
	e, err := p.Pick(avoid)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestPickWithoutEndpoints(t *testing.T) {
	p := newPool(t, Options{}, nil)
	if _, err := p.Pick(nil); !errors.Is(err, ErrNoEndpoint) {
		t.Fatalf("got %v, want ErrNoEndpoint", err)
	}
	if !p.Usable() {
		t.Error("a pool without endpoints and checks is not reported as failing its checks")
	}
}

func TestPickSpreadsEvenlyWhenIdle(t *testing.T) {
	const picks = 40_000
	p := newPool(t, Options{Endpoints: literals(4)}, nil)
	count := map[*Endpoint]int{}
	for range picks {
		e := pick(t, p, nil)
		e.Done(false)
		count[e]++
	}
	sigma := math.Sqrt(picks * 0.25 * 0.75)
	for e, n := range count {
		if math.Abs(float64(n)-picks/4) > 5*sigma {
			t.Errorf("%s was picked %d times of %d", e.URL(), n, picks)
		}
	}
}

func TestPickPrefersFewerInFlight(t *testing.T) {
	p := newPool(t, Options{Endpoints: literals(8)}, nil)
	for range 800 {
		pick(t, p, nil)
	}
	// Two choices keep the highest load within a few of the mean; one choice
	// would be off by about 30 (100 ± 3σ).
	for _, e := range p.Endpoints() {
		if n := e.InFlight(); n < 95 || n > 105 {
			t.Errorf("%s has %d in flight, want about 100", e.URL(), n)
		}
	}
}

func TestPickAvoids(t *testing.T) {
	p := newPool(t, Options{Endpoints: literals(3)}, nil)
	all := p.Endpoints()
	for range 500 {
		if e := pick(t, p, all[1]); e == all[1] {
			t.Fatal("avoided endpoint picked with two others at hand")
		}
	}
	all[0].down.Store(true)
	for range 100 {
		if e := pick(t, p, all[1]); e != all[2] {
			t.Fatalf("picked %s, want the only usable one that is not avoided", e.URL())
		}
	}
	lone := newPool(t, Options{Endpoints: literals(1)}, nil)
	if e := pick(t, lone, lone.Endpoints()[0]); e != lone.Endpoints()[0] {
		t.Error("the last endpoint must be taken even if avoided")
	}
}

func TestPickAvoidedIsTakenWhenTheOtherIsOut(t *testing.T) {
	p := newPool(t, Options{Endpoints: literals(2)}, nil)
	all := p.Endpoints()
	all[0].down.Store(true)
	for range 100 {
		if e := pick(t, p, all[1]); e != all[1] {
			t.Fatal("an unhealthy endpoint was picked although a usable one was left")
		}
	}
}

func TestPickSkipsWhatIsOutUntilPanic(t *testing.T) {
	for _, test := range []struct {
		name      string
		out, of   int
		wantsPick int // distinct endpoints that get traffic
	}{
		{"one of four out", 1, 4, 3},
		{"half out", 2, 4, 2},
		{"more than half out: panic", 3, 4, 4},
		{"all out: panic", 4, 4, 4},
		{"two of two out: panic", 2, 2, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newPool(t, Options{Endpoints: literals(test.of)}, nil)
			for i, e := range p.Endpoints()[:test.out] {
				if i%2 == 0 {
					e.down.Store(true)
				} else {
					e.ejection.Store((clock() + int64(time.Hour)) &^ probing)
				}
			}
			seen := map[*Endpoint]bool{}
			for range 2000 {
				seen[pick(t, p, nil)] = true
			}
			if len(seen) != test.wantsPick {
				t.Errorf("%d endpoints got traffic, want %d", len(seen), test.wantsPick)
			}
		})
	}
}

// A failing endpoint answers at once, so that nothing of it is ever in flight;
// the good ones always have work in hand. Ejection is kept out by other versions' endpoints.
func TestFastFailuresDoNotAttractTraffic(t *testing.T) {
	p := newPool(t, Options{Endpoints: literals(2)}, nil)
	bad, good := p.Endpoints()[0], p.Endpoints()[1]
	for range 3 {
		pick(t, p, bad) // in flight at good for the whole test
	}
	toBad := 0
	for range 1000 {
		e := pick(t, p, nil)
		if e == bad {
			toBad++
		}
		e.Done(e == bad)
		bad.streak.Store(0) // only the penalty is under test
	}
	// Each failure weighs as one request in flight: about as many as good has
	// in hand, and then hardly any. Without the penalty all 1000 go to bad.
	if toBad > 100 {
		t.Errorf("%d of 1000 requests went to the failing endpoint", toBad)
	}
	if good.InFlight() != 3 || bad.InFlight() != 0 {
		t.Errorf("in flight: good %d, bad %d, want 3 and 0", good.InFlight(), bad.InFlight())
	}
}

func TestPenaltyFades(t *testing.T) {
	var p penalty
	start := int64(time.Hour)
	for range 8 {
		p.add(start)
	}
	last := p.at(start)
	if last != 8*penaltyUnit {
		t.Fatalf("penalty %d, want %d", last, 8*penaltyUnit)
	}
	for after := time.Duration(0); after < 30*time.Second; after += 50 * time.Millisecond {
		v := p.at(start + int64(after))
		if v > last {
			t.Fatalf("penalty rose from %d to %d after %s", last, v, after)
		}
		if after == 2*time.Second && v != 4*penaltyUnit {
			t.Errorf("penalty %d after its half-life, want %d", v, 4*penaltyUnit)
		}
		last = v
	}
	if last != 0 || p.word.Load() != 0 {
		t.Errorf("penalty %d, word %d after 30s, want nothing left", last, p.word.Load())
	}
	for range 1 << 21 {
		p.add(start)
	}
	if v := p.at(start); v != penaltyMask {
		t.Errorf("penalty %d, want the cap %d", v, penaltyMask)
	}
}
