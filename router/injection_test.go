package router

import (
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sluice/analysis"
	"sluice/config"
)

func aborts(percent float64) config.Injection {
	return config.Injection{Name: "broken", Percent: percent, Duration: time.Minute, Traffic: "all", Abort: 503}
}

func inject(t testing.TB, l *Live, version string, in config.Injection) {
	t.Helper()
	if err := l.Inject("shop", version, in, time.Time{}); err != nil {
		t.Fatal(err)
	}
}

func TestInjectionEndsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, s := live(t, shop(5000, 5000))
		inject(t, l, "v2", aborts(100))
		f, ok := s.Versions[1].Fault(1, false)
		if !ok || f.Abort != 503 || f.Over(analysis.Now()) {
			t.Fatalf("got %+v, %v", f, ok)
		}
		if _, ok := s.Versions[0].Fault(1, true); ok {
			t.Error("another version suffers")
		}
		time.Sleep(time.Minute - time.Nanosecond)
		if _, ok := s.Versions[1].Fault(1, false); !ok {
			t.Error("over before its time")
		}
		time.Sleep(time.Nanosecond)
		if _, ok := s.Versions[1].Fault(1, false); ok || !f.Over(analysis.Now()) {
			t.Error("not over in time")
		}
		if all := l.Injections(); len(all) != 0 {
			t.Errorf("still in force: %+v", all)
		}
		ended := l.EndedInjections()
		if len(ended) != 1 || ended[0].Name != "broken" || ended[0].Version != "v2" || ended[0].Service != "shop" || ended[0].Requests != 2 {
			t.Errorf("told of %+v", ended)
		}
		if again := l.EndedInjections(); again != nil {
			t.Errorf("told again of %+v", again)
		}
	})
}

func TestInjectionIsOneAVersionAndCanBeEnded(t *testing.T) {
	l, s := live(t, shop(5000, 5000))
	inject(t, l, "v2", aborts(100))
	if err := l.Inject("shop", "v2", aborts(50), time.Time{}); !errors.Is(err, ErrInjecting) {
		t.Errorf("a second one: %v", err)
	}
	f, _ := s.Versions[1].Fault(1, false)
	all := l.Injections()
	if len(all) != 1 || all[0].Requests != 1 || all[0].Until.Sub(all[0].Since) != time.Minute {
		t.Errorf("in force: %+v", all)
	}
	got, err := l.EndInjection("shop", "v2")
	if err != nil || got.Name != "broken" || !f.Over(analysis.Now()) {
		t.Errorf("ended: %+v, %v", got, err)
	}
	if _, ok := s.Versions[1].Fault(1, false); ok {
		t.Error("in force after its end")
	}
	if _, err := l.EndInjection("shop", "v2"); err == nil || l.EndedInjections() != nil {
		t.Error("it ended twice")
	}
	inject(t, l, "v2", aborts(50))
}

func TestInjectionTakesItsShareApartFromTheSplit(t *testing.T) {
	l, s := live(t, shop(5000, 5000))
	inject(t, l, "v2", aborts(10))
	rnd := rand.New(rand.NewPCG(1, 2))
	const n = 200_000
	hit, on := 0, 0
	for range n {
		r := get("a", "/")
		r.Rand = rnd.Uint64()
		var c Choice
		if s.Pick(r, &c); c.Index != 1 {
			continue
		}
		on++
		if _, ok := c.Version.Fault(r.Rand, false); ok {
			hit++
		}
	}
	want := 0.1 * float64(on)
	if sigma := math.Sqrt(want * 0.9); math.Abs(float64(hit)-want) > 4*sigma {
		t.Errorf("%d of %d suffer, want %.0f within %.0f", hit, on, want, 4*sigma)
	}
}

func TestInjectionIntoPreviewsSparesUsers(t *testing.T) {
	l, s := live(t, shop(5000, 5000))
	in := aborts(100)
	in.Traffic = "" // preview
	inject(t, l, "v2", in)
	if _, ok := s.Versions[1].Fault(1, false); ok {
		t.Error("a user suffers")
	}
	if _, ok := s.Versions[1].Fault(1, true); !ok {
		t.Error("a preview does not suffer")
	}
	if got := l.Injections()[0].Traffic; got != "preview" {
		t.Errorf("traffic is %q", got)
	}
}

func TestInjectedDelayLiesAroundItsMiddle(t *testing.T) {
	l, s := live(t, shop(5000, 5000))
	inject(t, l, "v2", config.Injection{Percent: 100, Traffic: "all", Duration: time.Minute, Delay: 100 * time.Millisecond, Jitter: 50 * time.Millisecond})
	least, most, sum := time.Hour, time.Duration(0), time.Duration(0)
	const n = 10_000
	for i := range n {
		f, _ := s.Versions[1].Fault(rand.New(rand.NewPCG(9, uint64(i))).Uint64(), false)
		least, most, sum = min(least, f.Delay), max(most, f.Delay), sum+f.Delay
	}
	if least < 50*time.Millisecond || least > 51*time.Millisecond || most > 150*time.Millisecond || most < 149*time.Millisecond {
		t.Errorf("delays from %s to %s, want 50 ms to 150 ms", least, most)
	}
	if mean := sum / n; mean < 98*time.Millisecond || mean > 102*time.Millisecond {
		t.Errorf("mean delay %s", mean)
	}
}

func TestInjectionIsRefused(t *testing.T) {
	l, s := live(t, shop(5000, 5000))
	for want, change := range map[string]func(*config.Injection){
		"percent":            func(in *config.Injection) { in.Percent = 0 },
		"got 101":            func(in *config.Injection) { in.Percent = 101 },
		"got NaN":            func(in *config.Injection) { in.Percent = math.NaN() },
		"would last 0s":      func(in *config.Injection) { in.Duration = 0 },
		"would last 1h0m0.0": func(in *config.Injection) { in.Duration = time.Hour + time.Millisecond },
		"traffic":            func(in *config.Injection) { in.Traffic = "users" },
		"abort: got 200":     func(in *config.Injection) { in.Abort = 200 },
		"at most one":        func(in *config.Injection) { in.Reset = true },
		"nothing to suffer":  func(in *config.Injection) { in.Abort = 0 },
		"delay -1s":          func(in *config.Injection) { in.Delay = -time.Second },
		"delay 1h0m0s":       func(in *config.Injection) { in.Delay, in.Jitter = time.Hour, 1 },
	} {
		in := aborts(100)
		change(&in)
		if err := l.Inject("shop", "v2", in, time.Time{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	for _, at := range [][2]string{{"shop", "v9"}, {"blog", "v1"}} {
		if err := l.Inject(at[0], at[1], aborts(100), time.Time{}); err == nil {
			t.Errorf("injected into %v", at)
		}
	}
	if err := l.Inject("shop", "v2", aborts(100), time.Now().Add(-time.Second)); err == nil {
		t.Error("injected into the past")
	}
	if _, ok := s.Versions[1].Fault(1, true); ok || len(l.Injections()) != 0 {
		t.Error("something of it is in force")
	}
}

// A reload keeps an injection, unless the file takes its version away.
func TestInjectionOverAReload(t *testing.T) {
	l, _ := live(t, shop(5000, 5000))
	inject(t, l, "v2", aborts(100))
	l.Store(build(t, l.Load(), shop(5000, 4000, 1000)))
	if _, ok := l.Load().Service("shop").Versions[1].Fault(1, false); !ok {
		t.Error("lost by a reload")
	}
	l.Store(build(t, l.Load(), shop(fullBP)))
	if ended := l.EndedInjections(); len(ended) != 1 {
		t.Errorf("told of %+v", ended)
	}
	l.Store(build(t, l.Load(), shop(5000, 5000)))
	if _, ok := l.Load().Service("shop").Versions[1].Fault(1, false); ok {
		t.Error("it came back with the version's name")
	}
}

// What suffers an injection neither counts, nor trips, nor restores, nor holds a probe's place.
func TestExemptRequestsAreNotJudged(t *testing.T) {
	l, s := live(t, shop(0, fullBP))
	v := s.Versions[1]
	for range 1000 {
		var c Choice
		s.Pick(get("a", "/"), &c)
		s.Exempt(&c)
		s.Start(&c, 0, 1)
		s.Finish(&c, 0, 1, 2, analysis.Timeout)
	}
	if v.State() != config.Active || v.Split.Totals() != (analysis.Totals{}) {
		t.Errorf("state %s, counted %+v", v.State(), v.Split.Totals())
	}
	setState(t, l, "v2", config.Tripped)
	l.Probe("shop", "v2")
	for range 2 * probesToRestore {
		var c Choice
		if s.Pick(get("a", "/"), &c); c.Why != ByProbe {
			t.Fatalf("got %v, want a probe", c.Why)
		}
		s.Exempt(&c)
		s.Start(&c, 0, 1)
		s.Finish(&c, 0, 1, 2, analysis.Success)
	}
	if v.State() != config.Tripped {
		t.Error("restored by requests that prove nothing")
	}
}

func TestNoInjectionAllocatesNothing(t *testing.T) {
	l, s := live(t, shop(5000, 5000))
	v := s.Versions[1]
	if n := testing.AllocsPerRun(100, func() { v.Fault(1, true) }); n != 0 {
		t.Errorf("%v allocations without an injection", n)
	}
	inject(t, l, "v2", aborts(50))
	if n := testing.AllocsPerRun(100, func() { v.Fault(1, true) }); n != 0 {
		t.Errorf("%v allocations with one", n)
	}
}

func BenchmarkFault(b *testing.B) {
	l, s := live(b, shop(5000, 5000))
	b.Run("none", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			s.Versions[1].Fault(uint64(i), false)
		}
	})
	inject(b, l, "v2", aborts(50))
	b.Run("half", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			s.Versions[1].Fault(uint64(i), false)
		}
	})
}
