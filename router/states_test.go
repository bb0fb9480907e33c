package router

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"sluice/config"
	"sluice/upstream"
)

// TestStates asks for every state of the version chosen, every kind of key and
// every state of stable who answers. v1 (20 %) is stable, v2 (50 %) is chosen, v3
// (30 %) is the best of the others.
func TestStates(t *testing.T) {
	kinds := []struct {
		name   string
		sticky *config.Sticky
		fields func(key string) []string
	}{
		{"random", nil, func(string) []string { return nil }},
		{"rule", nil, func(string) []string { return []string{"To", "v2"} }},
		{"header", &config.Sticky{Header: "Key"}, func(k string) []string { return []string{"Key", k} }},
		{"cookie", &config.Sticky{Cookie: "key"}, func(k string) []string { return []string{"Cookie", "key=" + k} }},
	}
	allStates := []config.State{config.Active, config.Draining, config.Off, config.Tripped, config.Quarantined}
	for _, kind := range kinds {
		for _, chosen := range allStates {
			for _, stable := range allStates {
				name := fmt.Sprintf("%s/%s/stable %s", kind.name, chosen, stable)
				t.Run(name, func(t *testing.T) {
					service := shop(2000, 5000, 3000)
					service.Sticky = kind.sticky
					service.Rules = []config.Rule{{Name: "r", To: "v2", Percent: 100, When: config.When{Headers: map[string]config.Match{"To": exactly("v2")}}}}
					l, s := live(t, service)
					r := requestFor(t, s, 1, kind.fields)
					setState(t, l, "v2", chosen)
					setState(t, l, "v1", stable)
					want := 2 // the best that is left
					switch {
					case chosen == config.Active, chosen == config.Draining && kind.name == "cookie":
						want = 1
					case stable == config.Active:
						want = 0
					}
					var c Choice
					s.Pick(r, &c)
					if c.Index != want || (c.Why == ByFallback) != (want != 1) {
						t.Errorf("got v%d by %v, want v%d", c.Index+1, c.Why, want+1)
					}
					if c.Version != s.Versions[c.Index] || c.Pool != s.Pools[c.Index] {
						t.Error("version, pool and index don't belong together")
					}
				})
			}
		}
	}
}

// requestFor finds a request that version i gets while all are active.
func requestFor(t *testing.T, s *Service, i int, fields func(string) []string) *Request {
	t.Helper()
	for n := range 1000 {
		r := get("a", "/", fields(cookieKey(n))...)
		r.Rand = mix(uint64(n), 99)
		var c Choice
		if s.Pick(r, &c); c.Index == i {
			return r
		}
	}
	t.Fatal("no request leads to the version")
	return nil
}

func TestNobodyUsableLeavesStable(t *testing.T) {
	l, s := live(t, shop(2000, 5000, 3000))
	for _, v := range s.Versions {
		setState(t, l, v.Name, config.Off)
	}
	for n := range uint64(100) {
		var c Choice
		s.Pick(&Request{Rand: mix(n, 5)}, &c)
		if c.Index != 0 {
			t.Fatalf("got v%d, want v1, which is stable", c.Index+1)
		}
	}
}

// downPool is a pool whose only endpoint fails its active check.
func downPool(t *testing.T) *upstream.Pool {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := ln.Addr().(*net.TCPAddr).Port
	ln.Close() // nobody listens: the check is refused
	p, err := upstream.New(upstream.Options{
		Service: "shop", Version: "down",
		Endpoints: []upstream.Address{{URL: ln.Addr().String(), Scheme: "http", Host: "127.0.0.1", Port: port}},
		Health:    &upstream.Health{Interval: time.Hour, Timeout: 5 * time.Second, HealthyThreshold: 1, UnhealthyThreshold: 1, Checks: []upstream.Check{{Path: "/", Status: 200}}},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	changed := make(chan upstream.Change, 16)
	prober := upstream.NewProber(func(c upstream.Change) { changed <- c })
	prober.Watch([]*upstream.Pool{p})
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- prober.Run(ctx) }()
	for p.Usable() {
		select {
		case <-changed:
		case <-ctx.Done():
			t.Fatal("the pool is still usable")
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPoolWithoutUsableEndpoints(t *testing.T) {
	down := downPool(t)
	for _, tc := range []struct {
		name string
		down []int
		want []float64
	}{
		{"none", nil, []float64{0.2, 0.5, 0.3}},
		{"v2", []int{1}, []float64{0.7, 0, 0.3}},
		{"stable", []int{0}, []float64{0, 0.7, 0.3}},
		{"stable and v2", []int{0, 1}, []float64{0, 0, 1}},
		{"all", []int{0, 1, 2}, []float64{1, 0, 0}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, s := live(t, shop(2000, 5000, 3000))
			for _, i := range tc.down {
				s.Pools[i] = down
			}
			expectShares(t, s, tc.want)
		})
	}
}

// expectShares compares Shares with what is wanted and with what Pick does.
func expectShares(t *testing.T, s *Service, want []float64) {
	t.Helper()
	const picks = 20_000
	got := make([]float64, len(want))
	var c Choice
	for n := range uint64(picks) {
		s.Pick(&Request{Rand: mix(n, 12345)}, &c)
		got[c.Index] += 1. / picks
	}
	shares := s.Shares()
	for i := range want {
		if math.Abs(shares[i]-want[i]) > 1e-9 || math.Abs(got[i]-want[i]) > 0.02 {
			t.Errorf("shares %v, measured %.3f, want %v", shares, got, want)
			return
		}
	}
}

func TestShares(t *testing.T) {
	for _, tc := range []struct {
		name   string
		states [3]config.State
		want   []float64
	}{
		{"all active", [3]config.State{}, []float64{0.2, 0.5, 0.3}},
		{"v2 drains", [3]config.State{0, config.Draining, 0}, []float64{0.7, 0, 0.3}},
		{"v2 and v3 cut", [3]config.State{0, config.Tripped, config.Quarantined}, []float64{1, 0, 0}},
		{"stable off", [3]config.State{config.Off, 0, 0}, []float64{0, 0.7, 0.3}},
		{"stable off, v2 cut", [3]config.State{config.Off, config.Tripped, 0}, []float64{0, 0, 1}},
		{"all off", [3]config.State{config.Off, config.Off, config.Off}, []float64{1, 0, 0}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l, s := live(t, shop(2000, 5000, 3000))
			for i, st := range tc.states {
				setState(t, l, s.Versions[i].Name, st)
			}
			expectShares(t, s, tc.want)
		})
	}
}

// TestEqualWeightsFallBackInFileOrder: the best of equals is the first in the file.
func TestEqualWeightsFallBackInFileOrder(t *testing.T) {
	l, s := live(t, shop(10000, 0, 0))
	setState(t, l, "v1", config.Off)
	expectShares(t, s, []float64{0, 1, 0})
}

// TestNeverOnACutVersion: as long as any version may be used, a version that
// may not is chosen by nobody but the users whom it keeps.
func TestNeverOnACutVersion(t *testing.T) {
	rnd := rand.New(rand.NewPCG(11, 12))
	l, s := live(t, withSticky(shop(4000, 3000, 2000, 1000), config.Sticky{Cookie: "id"}))
	for n := range 20_000 {
		usable := 0
		for _, v := range s.Versions {
			st := config.State(rnd.IntN(5))
			setState(t, l, v.Name, st)
			if st == config.Active {
				usable++
			}
		}
		if n%100 == 0 {
			a, b := rnd.IntN(fullBP), rnd.IntN(fullBP)
			setWeights(t, l, s.Versions[rnd.IntN(4)].Name, min(a, b), max(a, b)-min(a, b), fullBP-max(a, b), 0)
		}
		r := get("a", "/")
		if n%2 == 0 {
			r = get("a", "/", "Cookie", "id="+cookieKey(n))
		}
		var c Choice
		s.Pick(r, &c)
		state := c.Version.State()
		kept := n%2 == 0 && state == config.Draining && c.Why == BySticky
		switch {
		case usable > 0 && state != config.Active && !kept:
			t.Fatalf("%v got v%d, which is %v, by %v", r.Fields, c.Index+1, state, c.Why)
		case usable == 0 && c.Index != s.Stable() && !kept:
			t.Fatalf("nobody may be used, got v%d by %v, want stable", c.Index+1, c.Why)
		case c.SetKey && (n%2 == 0 || c.NewKey == [22]byte{}):
			t.Fatalf("key %q set", c.NewKey)
		}
	}
}
