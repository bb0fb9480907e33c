package router

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"sluice/analysis"
	"sluice/config"
)

// traffic is what package rollout drives. It must not be imported here, so a
// change there has to be repeated.
type traffic interface {
	Services() []string
	Arms(service string) []analysis.Arm
	Weights(service string) (config.Weights, bool)
	SetWeights(service string, w config.Weights) error
	SetState(service, version string, s config.State) error
	Probe(service, version string)
	Cuts() <-chan analysis.Cut
	Endpoints(service, version string, to []analysis.EndpointCounts) []analysis.EndpointCounts
	Expel(service, version, endpoint, why string) (expelled bool, err error)
}

var _ traffic = (*Live)(nil)

func TestEmptyLive(t *testing.T) {
	l := NewLive()
	if l.Load() == nil || l.Load().Match(get("a", "/")) != nil || len(l.Services()) != 0 || l.Arms("shop") != nil {
		t.Error("want an empty table")
	}
	if _, ok := l.Weights("shop"); ok {
		t.Error("got weights of an unknown service")
	}
}

func TestLiveRefuses(t *testing.T) {
	l, _ := live(t, shop(9000, 1000))
	for _, tc := range []struct {
		name string
		err  error
		want string
	}{
		{"service", l.SetWeights("nope", config.Weights{}), `set weights: unknown service "nope"`},
		{"weights", l.SetWeights("shop", config.Weights{BP: map[string]int{"v1": 1}}), "set weights of shop: weights sum to 1 hundredths of a percent, want 10000"},
		{"state of a service", l.SetState("nope", "v1", config.Off), `set state: unknown service "nope"`},
		{"state of a version", l.SetState("shop", "v9", config.Off), `set state: service shop: unknown version "v9"`},
		{"no state", l.SetState("shop", "v1", 99), "set state of shop v1: 99 is no state"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.err == nil || tc.err.Error() != tc.want {
				t.Errorf("got %v, want %s", tc.err, tc.want)
			}
		})
	}
	expectBP(t, l, "v1", map[string]int{"v1": 9000, "v2": 1000})
}

func TestArms(t *testing.T) {
	l, s := live(t, shop(8000, 1000, 1000))
	setWeights(t, l, "v2", 7000, 3000, 0)
	setState(t, l, "v1", config.Quarantined)
	setState(t, l, "v3", config.Off)
	arms := l.Arms("shop")
	want := []analysis.Arm{
		{Service: "shop", Version: "v1", WeightBP: 7000, Cut: true},
		{Service: "shop", Version: "v2", WeightBP: 3000, Stable: true},
		{Service: "shop", Version: "v3"},
	}
	for i, v := range s.Versions {
		want[i].Split, want[i].Ruled, want[i].Trip, want[i].Load = &v.Split, &v.Ruled, &v.Trip, &v.Load
		want[i].Exemplars, want[i].Spared = &v.Exemplars, v
	}
	if !slices.Equal(arms, want) {
		t.Errorf("got %+v, want %+v", arms, want)
	}
}

func TestWhatIsReadIsACopy(t *testing.T) {
	l, s := live(t, shop(9000, 1000))
	w, _ := l.Weights("shop")
	w.BP["v1"], w.States["v1"] = 0, config.Off
	s.Split.Weights().BP["v1"] = 0
	l.Services()[0] = "other"
	expectBP(t, l, "v1", map[string]int{"v1": 9000, "v2": 1000})
	if l.Services()[0] != "shop" || s.Versions[0].State() != config.Active {
		t.Error("a change of the copy went through")
	}
}

// TestThousandSwaps sends requests while tables, weights and states change: no
// request sees two tables, and every request started is recorded once.
func TestThousandSwaps(t *testing.T) {
	generations := [][]config.Service{
		{shop(9000, 1000), routed("other", prefixed("/other"))},
		{routed("other", prefixed("/other")), shop(5000, 3000, 2000)},
	}
	l := NewLive()
	l.Store(build(t, nil, generations[0]...))
	var stop atomic.Bool
	var sent atomic.Uint64
	var wg sync.WaitGroup
	versions := make([]map[*Version]bool, 4)
	for g := range versions {
		versions[g] = map[*Version]bool{}
		wg.Go(func() {
			r := get("a", "/x", "User", "u")
			for n := uint64(0); !stop.Load(); n++ {
				r.Rand = mix(n, uint64(g))
				r.Path = []byte([]string{"/x", "/other"}[n%2])
				sent.Add(1)
				oneRequest(t, l, r, uint32(g), n, versions[g])
			}
		})
	}
	swap(t, l, generations)
	stop.Store(true)
	wg.Wait()
	all := map[*Version]bool{}
	for _, m := range versions {
		for v := range m {
			all[v] = true
		}
	}
	var started, ended uint64
	for v := range all {
		for _, rec := range []*analysis.Recorder{&v.Split, &v.Ruled} {
			totals := rec.Totals()
			started += totals.Started
			for _, n := range totals.ByOutcome {
				ended += n
			}
		}
	}
	if started != sent.Load() || ended != sent.Load() {
		t.Errorf("%d requests: %d started, %d recorded", sent.Load(), started, ended)
	}
}

// oneRequest goes the whole way on one table.
func oneRequest(t *testing.T, l *Live, r *Request, shard uint32, n uint64, seen map[*Version]bool) {
	table := l.Load()
	rt := table.Match(r)
	if rt == nil || table.Service(rt.Service.Name) != rt.Service {
		t.Errorf("%s: route %v is not of the table", r.Path, rt)
		return
	}
	s := rt.Service
	var c Choice
	s.Pick(r, &c)
	if c.Version == nil || s.Versions[c.Index] != c.Version || s.Pools[c.Index] != c.Pool || !slices.Contains(table.Pools(), c.Pool) {
		t.Error("the choice is not of the table")
		return
	}
	seen[c.Version] = true
	start := analysis.Now()
	s.Start(&c, shard, start)
	o := analysis.Success
	if n%10 == 0 {
		o = analysis.ServerError
	}
	s.Finish(&c, shard, start, analysis.Now(), o)
}

func swap(t *testing.T, l *Live, generations [][]config.Service) {
	states := []config.State{config.Active, config.Draining, config.Off, config.Tripped, config.Active}
	for n := range 1000 {
		table, err := Build(configOf(generations[n%2]...), l.Load(), nil)
		if err != nil {
			t.Error(err)
			return
		}
		before := l.Load()
		l.Store(table)
		for _, p := range before.Pools() {
			p.Retire(table.Pools())
		}
		if err := l.SetWeights("shop", config.Weights{BP: map[string]int{"v1": 10000 - n, "v2": n}}); err != nil {
			t.Error(err)
		}
		if err := l.SetState("shop", "v2", states[n%len(states)]); err != nil {
			t.Error(err)
		}
		l.Probe("shop", "v2")
		l.Arms("shop")
		table.Service("shop").Shares()
	}
}

// TestNoWeightIsLost: writers of weights and of tables at once.
func TestNoWeightIsLost(t *testing.T) {
	l, _ := live(t, shop(9000, 1000))
	turned := shop(9000, 1000)
	turned.Versions[0], turned.Versions[1] = turned.Versions[1], turned.Versions[0]
	orders := []config.Service{shop(9000, 1000), turned}
	var wg sync.WaitGroup
	ended := make(chan struct{})
	wg.Go(func() {
		defer close(ended)
		for n := range 500 {
			if err := l.SetWeights("shop", config.Weights{BP: map[string]int{"v1": n, "v2": fullBP - n}}); err != nil {
				t.Error(err)
			}
			w, _ := l.Weights("shop")
			if w.BP["v1"] != n {
				t.Errorf("weight of v1 is %d, was set to %d", w.BP["v1"], n)
				return
			}
		}
	})
	for n := 0; ; n++ {
		select {
		case <-ended:
			wg.Wait()
			return
		default:
		}
		table, err := Build(configOf(orders[n%2]), l.Load(), nil)
		if err != nil {
			t.Fatal(err)
		}
		l.Store(table)
	}
}
