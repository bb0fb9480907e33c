package router

import (
	"context"
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"sluice/analysis"
	"sluice/config"
)

// come sends n requests with the fields to the service.
func come(s *Service, n int, fields ...string) {
	for i := range n {
		r := get("a", "/", fields...)
		r.Rand = uint64(i) * 0x9e3779b97f4a7c15
		var c Choice
		s.Pick(r, &c)
		now := analysis.Now()
		s.Start(&c, 0, now)
		s.Finish(&c, 0, now, now, analysis.LocalRefusal) // refused ones are demand as well
	}
}

func scaled() config.Service {
	s := shop(9000, 1000)
	s.Rules = []config.Rule{{Name: "beta", To: "v2", Percent: 100, When: config.When{Headers: map[string]config.Match{"Beta": present(true)}}}}
	s.Versions[1].Endpoints = append(s.Versions[1].Endpoints,
		config.Endpoint{URL: "http://127.0.0.1:9008", Scheme: "http", Host: "127.0.0.1", Port: 9008},
		config.Endpoint{URL: "http://127.0.0.1:9009", Scheme: "http", Host: "127.0.0.1", Port: 9009})
	return s
}

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 1e-6*max(1, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func TestDemand(t *testing.T) {
	l, s := live(t, scaled())
	sc := NewScaling(l)
	second := int64(time.Second)
	for i := range int64(21) {
		sc.Observe(1 + i*second)
		come(s, 200)
		come(s, 30, "Beta", "1")
	}
	s.Versions[1].Active.Store(7)
	if ejected, err := l.Expel("shop", "v2", "127.0.0.1:9008", "test"); !ejected || err != nil {
		t.Fatal(ejected, err)
	}
	d := sc.Demands("shop")
	near(t, "service", d[0].Service, 200)
	near(t, "stable", d[0].PerSecond, 180)
	near(t, "canary", d[1].PerSecond, 20+30)
	near(t, "measured in all", d[0].Measured+d[1].Measured, 230)
	near(t, "own", d[1].Own, 30)
	near(t, "at the next stage", d[1].At(0.25), 50+30)
	near(t, "an endpoint", d[1].PerEndpoint(), 25)
	if got := fmt.Sprintf("%s %v %d %d/%d", d[1].Version, d[1].Share, d[1].InFlight, d[1].Ready, d[1].Endpoints); got != "v2 0.1 7 2/3" {
		t.Errorf("got %s", got)
	}

	// A shift is seen at once, and a cut gives the share to who stands in.
	setWeights(t, l, "v1", 5000, 5000)
	near(t, "after a shift", sc.Demands("shop")[1].PerSecond, 100+30)
	setState(t, l, "v2", config.Quarantined)
	d = sc.Demands("shop")
	near(t, "cut", d[1].PerSecond, 30)
	near(t, "stands in", d[0].PerSecond, 200)

	// Ten seconds without a request are no demand.
	for i := range int64(11) {
		sc.Observe(1 + (21+i)*second)
	}
	near(t, "idle", sc.Demands("shop")[0].Service, 0)
	if sc.Demands("blog") != nil {
		t.Error("an unknown service has demand")
	}
}

// The first second of a version counts, and what came before the first reading does not.
func TestDemandBegins(t *testing.T) {
	l, s := live(t, shop(fullBP))
	come(s, 1000)
	sc := NewScaling(l)
	if d := sc.Demands("shop")[0]; d.PerSecond != 0 {
		t.Errorf("before any reading: %+v", d)
	}
	sc.Observe(1)
	come(s, 50)
	sc.Observe(1 + 5e8)
	near(t, "half a second", sc.Demands("shop")[0].PerSecond, 100)

	l, s = live(t, shop(fullBP))
	sc = NewScaling(l)
	sc.Observe(1)
	come(s, 50)
	sc.Observe(1 + 1e9)
	near(t, "the first", sc.Demands("shop")[0].PerSecond, 50)
}

// It remembers nothing of what is idle or has left.
func TestScalingForgets(t *testing.T) {
	l := NewLive()
	l.Store(build(t, nil, many(1000)...))
	sc := NewScaling(l)
	sc.Observe(1)
	come(l.Load().Services()[3], 1)
	sc.Observe(2)
	if n := len(sc.seen); n != 1 {
		t.Errorf("%d versions remembered, want 1", n)
	}
	l.Store(build(t, l.Load(), shop(fullBP)))
	sc.Observe(3)
	if n := len(sc.seen); n != 0 {
		t.Errorf("%d versions remembered after they left", n)
	}
}

func TestScalingRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, s := live(t, shop(fullBP))
		sc := NewScaling(l)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- sc.Run(ctx) }()
		for range 15 {
			synctest.Wait()
			come(s, 10)
			time.Sleep(time.Second)
		}
		synctest.Wait()
		near(t, "a second", sc.Demands("shop")[0].PerSecond, 10)
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func BenchmarkScalingOfIdleServices(b *testing.B) {
	l := NewLive()
	l.Store(build(b, nil, many(10_000)...))
	sc := NewScaling(l)
	for b.Loop() {
		sc.Observe(1)
	}
}
