package series

import (
	"fmt"
	"math"
	"testing"
	"time"

	"sluice/analysis"
)

// source serves versions whose recorders the test writes to.
type source struct {
	names []string
	arms  map[string][]analysis.Arm
	asked int
}

func newSource(services int) *source {
	s := &source{arms: map[string][]analysis.Arm{}}
	for i := range services {
		name := fmt.Sprintf("s%d", i)
		s.names = append(s.names, name)
		for j, v := range []string{"v1", "v2"} {
			s.arms[name] = append(s.arms[name], analysis.Arm{Service: name, Version: v, Stable: j == 0,
				WeightBP: 9000 - 8000*j, Split: new(analysis.Recorder), Ruled: new(analysis.Recorder)})
		}
	}
	return s
}

func (s *source) Services() []string { return s.names }

func (s *source) Arms(service string) []analysis.Arm {
	s.asked++
	return s.arms[service]
}

// serve lets n requests of a version be answered after took, of which some fail.
func (s *source) serve(service string, version, n, failed int, took time.Duration) {
	r := s.arms[service][version].Split
	for i := range n {
		o := analysis.Success
		if i < failed {
			o = analysis.ServerError
		}
		r.Start(0, 0)
		r.Record(0, 0, int64(took), o)
	}
}

var epoch = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

// run lets seconds pass, each with what during brings.
func run(k *Keeper, from time.Time, seconds int, during func(i int)) time.Time {
	for i := range seconds {
		during(i)
		k.sample(from.Unix() + int64(i))
	}
	return from.Add(time.Duration(seconds) * time.Second)
}

func TestEverySecondIsAPoint(t *testing.T) {
	src := newSource(1)
	k := New(Options{Source: src})
	now := run(k, epoch, 1, func(int) {}) // the first look only begins
	now = run(k, now, 10, func(i int) {
		src.serve("s0", 0, 90, 0, 20*time.Millisecond)
		src.serve("s0", 1, 10, i, 200*time.Millisecond)
	})
	v, ok := k.View("s0", 10*time.Second, now)
	if !ok || v.Step != 1 || !v.Start.Equal(epoch.Add(time.Second)) || len(v.Versions) != 2 {
		t.Fatalf("%+v, %v", v, ok)
	}
	for i := range 10 {
		a, b := v.Versions[0], v.Versions[1]
		if a.Requests[i] != 90 || a.Failed[i] != 0 || b.Requests[i] != 10 || b.Failed[i] != int64(i) {
			t.Errorf("second %d: %d/%d and %d/%d", i, a.Requests[i], a.Failed[i], b.Requests[i], b.Failed[i])
		}
		if a.Weight[i] != 90 || b.Weight[i] != 10 {
			t.Errorf("second %d: weights %g and %g", i, a.Weight[i], b.Weight[i])
		}
		if math.Abs(float64(a.P99[i])/20-1) > 0.03 || math.Abs(float64(b.P50[i])/200-1) > 0.03 {
			t.Errorf("second %d: p99 %g ms, want 20; p50 %g ms, want 200", i, a.P99[i], b.P50[i])
		}
	}
}

func TestCoarserStepsAddUp(t *testing.T) {
	src := newSource(1)
	k := New(Options{Source: src})
	run(k, epoch.Add(-time.Second), 1, func(int) {})
	now := run(k, epoch, 400, func(i int) { src.serve("s0", 0, 3, 1, time.Millisecond) })
	hour, _ := k.View("s0", time.Hour, now)
	six, _ := k.View("s0", 24*time.Hour, now)
	for _, tt := range []struct {
		view  View
		step  int
		steps int
		full  int64
	}{{hour, 10, 360, 30}, {six, 60, 360, 180}} {
		l := tt.view.Versions[0]
		if tt.view.Step != tt.step || len(l.Requests) != tt.steps {
			t.Fatalf("step %d s, %d of them", tt.view.Step, len(l.Requests))
		}
		sum := int64(0)
		for i, n := range l.Requests {
			at := tt.view.Start.Add(time.Duration(i*tt.step) * time.Second)
			if known := !at.Before(epoch.Add(-time.Second).Truncate(time.Duration(tt.step) * time.Second)); known != (n >= 0) && !at.Equal(epoch.Add(-time.Duration(tt.step)*time.Second)) {
				t.Errorf("%v: %d requests", at, n)
			}
			sum += max(n, 0)
			if whole := at.Add(time.Duration(tt.step) * time.Second); !at.Before(epoch) && !whole.After(now) && n != tt.full {
				t.Errorf("%v: %d requests, want %d", at, n, tt.full)
			}
		}
		if sum != 1200 {
			t.Errorf("step %d s: %d requests in all, want 1200", tt.step, sum)
		}
	}
}

func TestVersionsKeepTheirSeriesOverAReload(t *testing.T) {
	src := newSource(1)
	k := New(Options{Source: src})
	now := run(k, epoch, 3, func(int) { src.serve("s0", 0, 5, 0, time.Millisecond) })
	src.arms["s0"] = append(src.arms["s0"][:1:1], analysis.Arm{Service: "s0", Version: "v3", Split: new(analysis.Recorder), Ruled: new(analysis.Recorder)})
	now = run(k, now, 2, func(int) { src.serve("s0", 1, 7, 0, time.Millisecond) })
	v, _ := k.View("s0", 5*time.Second, now)
	if v.Versions[0].Version != "v1" || v.Versions[0].Requests[2] != 5 || v.Versions[1].Version != "v3" {
		t.Fatalf("%+v", v)
	}
	if got := v.Versions[1].Requests; got[0] != -1 || got[4] != 7 {
		t.Errorf("the new version: %v", got)
	}
}

// Ten thousand idle services are looked at now and then, and hold no rings.
func TestIdleServicesCostNextToNothing(t *testing.T) {
	src := newSource(1000)
	k := New(Options{Source: src})
	now := run(k, epoch, 1, func(int) {})
	src.asked = 0
	run(k, now, idleLook, func(int) {})
	if src.asked != 1000 {
		t.Errorf("asked for arms %d times in %d s, want once a service", src.asked, idleLook)
	}
	for name, s := range k.services {
		for _, v := range s.versions {
			if v.series != nil {
				t.Fatalf("%s has series without traffic", name)
			}
		}
	}
}

func TestNoMoreServicesThanAllowed(t *testing.T) {
	src := newSource(5)
	k := New(Options{Source: src, Services: 2})
	now := run(k, epoch, 1, func(int) {})
	for i := range 5 {
		now = run(k, now, giveWay+idleLook, func(int) { src.serve(fmt.Sprintf("s%d", i), 0, 1, 0, time.Millisecond) })
	}
	kept := 0
	for i := range 5 {
		v, _ := k.View(fmt.Sprintf("s%d", i), time.Minute, now)
		if len(v.Versions[0].Requests) > 0 {
			kept++
		} else if i > 2 {
			t.Errorf("s%d, one of the latest, was let go", i)
		}
	}
	if kept != 2 {
		t.Errorf("%d services kept, want 2", kept)
	}
}

// Where more services than may be kept have traffic, those that are kept stay: series
// that come and go cost more than all the rest.
func TestBusyServicesKeepTheirPlaces(t *testing.T) {
	src := newSource(6)
	k := New(Options{Source: src, Services: 3})
	now := run(k, epoch, 1, func(int) {})
	all := func(int) {
		for i := range 6 {
			src.serve(fmt.Sprintf("s%d", i), 0, 1, 0, time.Millisecond)
		}
	}
	now = run(k, now, 1, all)
	first := map[string]*rings{}
	for name, s := range k.services {
		if s.active != 0 {
			first[name] = s.versions[0].series
		}
	}
	if len(first) != 3 {
		t.Fatalf("%d services kept, want 3", len(first))
	}
	now = run(k, now, 2*giveWay, all)
	for name, s := range k.services {
		if got := s.versions[0].series; got != first[name] {
			t.Errorf("%s: its series came or went", name)
		}
	}
	// A place that a quiet service leaves goes to another, which begins with what comes then.
	var busy, waiting string
	for name := range k.services {
		if first[name] == nil {
			waiting = name
		} else {
			busy = name
		}
	}
	now = run(k, now, giveWay+idleLook, func(int) {
		for name := range first {
			if name != busy {
				src.serve(name, 0, 1, 0, time.Millisecond)
			}
		}
		src.serve(waiting, 0, 2, 0, time.Millisecond)
	})
	if k.services[busy].active != 0 || k.services[waiting].active == 0 {
		t.Errorf("%s kept: %v, want %s in its place", busy, k.services[busy].active != 0, waiting)
	}
	v, _ := k.View(waiting, time.Minute, now)
	for _, n := range v.Versions[0].Requests {
		if n > 2 {
			t.Errorf("a second of %s holds %d requests, more than it had", waiting, n)
		}
	}
}

func TestQuietServicesAreLetGo(t *testing.T) {
	src := newSource(1)
	k := New(Options{Source: src})
	now := run(k, epoch, 2, func(int) { src.serve("s0", 0, 1, 0, time.Millisecond) })
	now = run(k, now, longest+1, func(int) {})
	if v, _ := k.View("s0", time.Hour, now); len(v.Versions[0].Requests) != 0 {
		t.Error("still kept six hours after its last request")
	}
	now = run(k, now, idleLook+1, func(int) { src.serve("s0", 0, 1, 0, time.Millisecond) })
	if v, _ := k.View("s0", time.Hour, now); len(v.Versions[0].Requests) == 0 {
		t.Error("not seen when traffic came back")
	}
}

func TestDistributionHoldsEveryAnswer(t *testing.T) {
	src := newSource(1)
	k := New(Options{Source: src})
	now := run(k, epoch, 1, func(int) {})
	run(k, now, 90, func(int) {
		src.serve("s0", 0, 2, 0, 10*time.Millisecond)
		src.serve("s0", 0, 1, 0, time.Second)
	})
	sum, slow := uint64(0), uint64(0)
	for _, b := range k.Distributions("s0")[0].Bounds {
		sum += b.Count
		if b.UpTo > 900 {
			slow += b.Count
		}
	}
	if sum != 270 || slow != 90 {
		t.Errorf("%d answers, %d of them slow; want 270 and 90", sum, slow)
	}
	if got := k.Distributions("none"); len(got) != 0 {
		t.Errorf("of an unknown service: %v", got)
	}
}

func BenchmarkSampleHundredBusyServices(b *testing.B) {
	src := newSource(100)
	k := New(Options{Source: src})
	at := epoch.Unix()
	k.sample(at)
	for b.Loop() {
		b.StopTimer()
		for i := range 100 {
			src.serve(fmt.Sprintf("s%d", i), 0, 2, 0, time.Millisecond)
			src.serve(fmt.Sprintf("s%d", i), 1, 2, 0, time.Millisecond)
		}
		at++
		b.StartTimer()
		k.sample(at)
	}
}
