package series

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestFleetFoldsToThirtySteps(t *testing.T) {
	src := newSource(1)
	k := New(Options{Source: src})
	run(k, epoch.Add(-time.Second), 1, func(int) {})
	now := run(k, epoch, 7200, func(i int) { src.serve("s0", 0, 2, i%2, 20*time.Millisecond) })
	for _, tt := range []struct {
		span time.Duration
		step int
	}{{0, 10}, {5 * time.Minute, 10}, {time.Minute, 2}, {7 * time.Minute, 20}, {time.Hour, 120}, {6 * time.Hour, 720}, {24 * time.Hour, 720}} {
		f := k.Fleet(Query{Span: tt.span}, now.Add(time.Second))
		if f.Step != tt.step || len(f.Services) != 1 || len(f.Services[0].Versions) != 2 {
			t.Fatalf("%v: %+v", tt.span, f)
		}
		l := f.Services[0].Versions[0]
		if len(l.Requests) != fleetSteps || len(l.Failed) != fleetSteps || len(l.P50) != fleetSteps || len(l.P99) != fleetSteps || len(l.Weight) != fleetSteps {
			t.Fatalf("%v: %+v", tt.span, l)
		}
		for i, n := range l.Requests {
			at := f.Start.Add(time.Duration(i*f.Step) * time.Second)
			if at.Add(time.Duration(f.Step)*time.Second).After(now) || at.Before(epoch) {
				if n > 0 && at.Before(epoch.Add(-time.Duration(f.Step)*time.Second)) {
					t.Errorf("%v: %d requests at %v", tt.span, n, at)
				}
				continue
			}
			if n != int64(2*f.Step) || l.Failed[i] != int64(f.Step/2) || l.Weight[i] != 90 || l.P50[i] < 19 || l.P50[i] > 21 {
				t.Errorf("%v: %v: %d requests, %d failed, weight %g, p50 %g", tt.span, at, n, l.Failed[i], l.Weight[i], l.P50[i])
			}
		}
	}
}

// The oldest step is left out when part of it is no longer kept: it would look like a rise.
func TestFleetHasNoHalfSteps(t *testing.T) {
	src := newSource(1)
	k := New(Options{Source: src})
	run(k, epoch.Add(-time.Second), 1, func(int) {})
	now := run(k, epoch, 7*3600+400, func(int) { src.serve("s0", 0, 1, 0, time.Millisecond) })
	for i, n := range k.Fleet(Query{Span: 6 * time.Hour}, now).Services[0].Versions[0].Requests {
		if n != 720 && (i > 1 || n != -1) {
			t.Errorf("step %d: %d requests", i, n)
		}
	}
}

func TestFleetByName(t *testing.T) {
	src := newSource(6)
	k := New(Options{Source: src})
	now := run(k, epoch, 1, func(int) {})
	now = run(k, now, 2*idleLook, func(i int) {
		for _, name := range []string{"s4", "s0", "s2", "s5"} {
			src.serve(name, 0, 1, 0, time.Millisecond)
		}
	})
	for _, tt := range []struct {
		in         Query
		want, next string
	}{
		{Query{}, "s0 s2 s4 s5", ""},
		{Query{Limit: 4}, "s0 s2 s4 s5", ""},
		{Query{Limit: 3}, "s0 s2 s4", "s4"},
		{Query{Limit: 3, After: "s4"}, "s5", ""},
		{Query{After: "s1", Limit: 2}, "s2 s4", "s4"},
		{Query{Services: []string{"s5", "s1", "none", "s0"}}, "s0 s5", ""},
		{Query{After: "zzz"}, "", ""},
	} {
		f := k.Fleet(tt.in, now)
		var names []string
		for _, s := range f.Services {
			names = append(names, s.Service)
		}
		if got := strings.Join(names, " "); got != tt.want || f.Next != tt.next {
			t.Errorf("%+v: got %q and next %q, want %q and %q", tt.in, got, f.Next, tt.want, tt.next)
		}
	}
}

// A page that reads the answers must find lists everywhere.
func TestNothingIsAnEmptyList(t *testing.T) {
	src := newSource(1)
	k := New(Options{Source: src})
	now := run(k, epoch, 1, func(int) {})
	view, _ := k.View("s0", time.Minute, now)
	for _, v := range []any{view, k.Fleet(Query{}, now), k.Distributions("s0"), k.services["s0"].versions[0].brief(10, 0)} {
		if data, err := json.Marshal(v); err != nil || strings.Contains(string(data), "null") {
			t.Errorf("%s, %v", data, err)
		}
	}
}

func TestShort(t *testing.T) {
	for _, tt := range []struct{ in, want float32 }{{0, 0}, {-1, 0}, {21.3621, 21.4}, {0.0012345, 0.00123}, {64321, 64300}, {999.7, 1000}, {7, 7}} {
		if got := short(tt.in); got != tt.want {
			t.Errorf("short(%g) = %g, want %g", tt.in, got, tt.want)
		}
	}
}

func BenchmarkFleetOfThousand(b *testing.B) {
	src := newSource(defaultServices)
	k := New(Options{Source: src})
	at := epoch.Unix()
	k.sample(at)
	for i := range 2 * idleLook {
		for _, name := range src.names {
			src.serve(name, 0, 2, 0, time.Millisecond)
		}
		k.sample(at + int64(i))
	}
	now := epoch.Add(2 * idleLook * time.Second)
	names := slices.Clone(src.names)
	for _, bb := range []struct {
		name string
		q    Query
	}{{"all", Query{}}, {"page of 100", Query{Limit: 100}}, {"one", Query{Services: names[:1]}}} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if f := k.Fleet(bb.q, now); len(f.Services) == 0 {
					b.Fatal(fmt.Sprint(f))
				}
			}
		})
	}
}
