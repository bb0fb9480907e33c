package rollout

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sluice/config"
)

func TestABTestShowsResults(t *testing.T) {
	s := canaryShop(2500, 5000)
	s.Rollout.Strategy = "ab_test"
	s.Guard.Trip.Off, s.Guard.Breach = true, config.Criteria{}
	o := Options{StateDir: t.TempDir()}
	synctest.Test(t, func(t *testing.T) {
		today()
		results := func(b *bench) map[string]ArmResult {
			all := map[string]ArmResult{}
			for _, r := range b.Rollout("shop").Results {
				all[r.Version+" "+r.Metric] = r
				if r.Low > r.Value || r.Value > r.High || math.IsNaN(r.High) {
					t.Errorf("no interval: %+v", r)
				}
			}
			return all
		}
		life(t, o, one(s), func(b *bench) {
			b.start()
			b.serve(3*time.Minute, 400, map[string]float64{"v1": 0.02, "v2": 0.04})
		})
		life(t, o, one(s), func(b *bench) { // the figures outlive the process
			b.serve(3*time.Minute, 400, map[string]float64{"v1": 0.02, "v2": 0.04})
			all := results(b)
			one, two := all["v1 error_rate"], all["v2 error_rate"]
			if one.Requests < 40000 || one.Low > 0.02 || one.High < 0.02 || two.Low > 0.04 || two.High < 0.04 || one.High >= two.Low {
				t.Errorf("error rates are %+v and %+v", one, two)
			}
			for _, name := range []string{"v1 p50_latency", "v2 p99_latency"} {
				if r := all[name]; r.Low < 0.9 || r.High > 1.1 || r.Requests == 0 {
					t.Errorf("%s is %+v, want 1 ms", name, r)
				}
			}
			b.wantWeights(5000, 5000)
			if st := b.Rollout("shop"); st.Phase.Ended() || st.Waiting != "approval" {
				t.Errorf("it ended by itself: %+v", st)
			}
			b.verb(VerbPromote)
			b.until(PhasePromoted, 400, nil)
			before := results(b)["v2 requests"]
			b.serve(time.Minute, 400, nil)
			if after := results(b)["v2 requests"]; after != before {
				t.Errorf("results went on after the end: %+v, %+v", before, after)
			}
		})
	})
}

func TestPointMetricsMustHoldForAStageToPass(t *testing.T) {
	s := canaryShop(1000, 5000)
	s.Rollout.Success = config.Criteria{"cpu_utilization": {{Text: "< 70%", Op: "<", Value: 0.7}}}
	s.Guard.Metrics = []config.Metric{{Name: "orders", Evaluations: 2, Success: []config.Threshold{{Text: "> 0.9x stable", Op: ">", Ratio: 0.9}},
		Prometheus: config.Prometheus{Interval: 10 * time.Second}}}
	running(t, Options{StateDir: t.TempDir()}, one(s), func(b *bench) {
		cpu, orders := 0.9, 10.0
		said := false
		serve := func(d time.Duration) {
			for i := range int(d / time.Second) {
				if cpu > 0 {
					for range 10 {
						b.lab.version("shop", "v1").load.Observe([]byte("TEXT cpu_utilization=0.5"))
						b.lab.version("shop", "v2").load.Observe([]byte(fmt.Sprintf("TEXT cpu_utilization=%g", cpu)))
					}
				}
				if i%10 == 0 && orders > 0 {
					b.Measured(Measurement{Service: "shop", Version: "v1", Metric: "orders", At: time.Now(), Value: 100})
					b.Measured(Measurement{Service: "shop", Version: "v2", Metric: "orders", At: time.Now(), Value: orders})
				}
				b.splitSecond("shop", 400, nil)
				if p := b.Rollout("shop").Promotion; p != nil && strings.Contains(p.Summary, "not shown") {
					said = true
				}
			}
		}
		b.start()
		serve(2 * time.Minute)
		b.wantWeights(9000, 1000) // too busy, too few orders
		cpu = 0.6
		serve(2 * time.Minute)
		b.wantWeights(9000, 1000) // still too few orders
		other := s
		other.Timeouts.Connect = time.Second
		b.load(other) // a reload begins no count anew, and forgets no demand
		if st := b.Rollout("shop").Promotion; st == nil || st.Metric != "orders" {
			t.Errorf("after a reload: %+v", st)
		}
		orders = 95
		serve(30 * time.Second)
		b.wantWeights(5000, 5000)
		cpu, orders = 0, 0 // nothing is known any more
		serve(3 * time.Minute)
		b.wantWeights(5000, 5000)
		if st := b.wantPhase(PhaseRunning); st.Waiting != "evidence" {
			t.Errorf("waits for %q: %s", st.Waiting, st.Reason)
		}
		if !said {
			t.Error("the status never said what is missing")
		}
		cpu, orders = 0.6, 95
		serve(90 * time.Second)
		b.wantPhase(PhasePromoted)
	})
}

const expressionFile = `
services:
  - name: shop
    stable: v1
    versions:
      - {name: v1, weight: 100, endpoints: ["http://127.0.0.1:9001"]}
      - {name: v2, weight: 0, endpoints: ["http://127.0.0.1:9002"]}
    rollout:
      strategy: canary
      canary: v2
      stages:
        - {weight: 10, duration: 20s, success: {expression: "p99.canary < 2 * p99.stable && error_rate.canary < 0.01"}}
`

func TestExpressionsOfStagesSurviveARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		today()
		cfg, err := config.Parse("sluice.yaml", []byte(expressionFile), config.ParseOptions{})
		if err != nil {
			t.Fatal(err)
		}
		o := Options{StateDir: t.TempDir()}
		life(t, o, cfg.Services, func(b *bench) {
			b.start()
			b.serve(10*time.Second, 4000, nil)
		})
		life(t, o, cfg.Services, func(b *bench) {
			b.serve(20*time.Second, 4000, nil)
			b.wantPhase(PhaseRunning) // three windows in a row take longer
			b.until(PhasePromoted, 4000, nil)
		})
	})
}

// TestStageAtTheWholeRemembersStable: at 100 % stable answers nobody, and what it was like holds, also after a
// restart. A canary that is worse than that passes no more than before.
func TestStageAtTheWholeRemembersStable(t *testing.T) {
	text := strings.ReplaceAll(expressionFile, "{weight: 10, ", `{weight: 10, duration: 20s}
        - {weight: 100, `)
	for failing, want := range map[float64]Phase{0: PhasePromoted, 0.02: PhaseRunning} {
		synctest.Test(t, func(t *testing.T) {
			today()
			cfg, err := config.Parse("sluice.yaml", []byte(strings.ReplaceAll(text, "error_rate.canary < 0.01", "error_rate.canary < error_rate.stable + 0.01")), config.ParseOptions{})
			if err != nil {
				t.Fatal(err)
			}
			s := cfg.Services[0]
			s.Guard.Breach = nil
			s.Guard.Metrics = []config.Metric{{Name: "orders", Evaluations: 2, Success: []config.Threshold{{Text: "> 0.9x stable", Op: ">", Ratio: 0.9}},
				Prometheus: config.Prometheus{Interval: 10 * time.Second}}}
			serve := func(b *bench, d time.Duration, failing float64) {
				for range int(d / (10 * time.Second)) {
					orders := Measurement{Service: "shop", Version: "v1", Metric: "orders", At: time.Now(), Value: 100}
					if w, _ := b.lab.Weights("shop"); w.BP["v1"] == 0 {
						orders.Err = errors.New("no data")
					}
					b.Measured(orders)
					b.Measured(Measurement{Service: "shop", Version: "v2", Metric: "orders", At: time.Now(), Value: 95})
					b.serve(10*time.Second, 4000, map[string]float64{"v2": failing})
				}
			}
			o := Options{StateDir: t.TempDir()}
			life(t, o, one(s), func(b *bench) {
				b.start()
				for range 12 {
					serve(b, 10*time.Second, 0)
					if w, _ := b.lab.Weights("shop"); w.BP["v2"] == wholeBP {
						return
					}
				}
				t.Fatalf("not at 100 %%: %+v", b.Rollout("shop"))
			})
			life(t, o, one(s), func(b *bench) {
				serve(b, 2*time.Minute, failing)
				b.wantPhase(want)
			})
		})
	}
}

func TestShadowComparesAndPromotesNothing(t *testing.T) {
	s := canaryShop()
	s.Rollout.Strategy, s.Rollout.Duration, s.Rollout.MinRequests, s.Rollout.MaxDifference = "shadow", time.Minute, 100, 0.01
	for _, tt := range []struct {
		name   string
		differ float64
		proven bool
		want   Phase
	}{
		{"alike", 0.002, false, PhaseCompleted},
		{"a little other, for certain", 0.002, true, PhaseCompleted},
		{"other answers", 0.1, true, PhaseRolledBack},
		{"other answers, perhaps by chance", 0.1, false, PhaseRunning},
	} {
		t.Run(tt.name, func(t *testing.T) {
			begun, compared := 0, uint64(0)
			o := Options{Compare: func(string) { begun++; compared = 0 }, Difference: func(string) ShadowResult {
				compared += 5
				return ShadowResult{Mirrored: compared, Compared: compared, Excess: tt.differ, Reported: tt.proven}
			}}
			running(t, o, one(s), func(b *bench) {
				b.start()
				b.serve(30*time.Second, 400, nil)
				st := b.wantPhase(PhaseRunning)
				if st.Shadow == nil || st.Shadow.Compared == 0 {
					t.Errorf("half way: %+v", st)
				}
				b.wantWeights(10000, 0)
				b.serve(time.Minute, 400, nil)
				b.wantPhase(tt.want)
				b.wantWeights(10000, 0)
				if begun != 1 {
					t.Errorf("the comparison was begun %d times, want once", begun)
				}
			})
		})
	}
}

// TestShadowBeginsAnewWithItsComparison: what was compared dies with the process, so the time of the stage does as well.
func TestShadowBeginsAnewWithItsComparison(t *testing.T) {
	s := canaryShop()
	s.Rollout.Strategy, s.Rollout.Duration, s.Rollout.MinRequests = "shadow", time.Minute, 10
	compared := uint64(0)
	o := Options{Difference: func(string) ShadowResult { compared += 5; return ShadowResult{Compared: compared} }}
	running(t, o, one(s), func(b *bench) {
		b.start()
		b.serve(55*time.Second, 400, nil)
		b.wantPhase(PhaseRunning)
		compared = 0
		b.serve(55*time.Second, 400, nil)
		b.wantPhase(PhaseRunning)
		b.serve(10*time.Second, 400, nil)
		b.wantPhase(PhaseCompleted)
	})
}

func TestShadowLooksAtWhatIsMirrored(t *testing.T) {
	s := canaryShop()
	s.Rollout.Strategy, s.Mirror = "shadow", &config.Mirror{To: "v2", Percent: 10, Compare: true}
	s.Versions = append(s.Versions, config.Version{Name: "v3"})
	if _, err := compile(&s, "v3", "v1"); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), "mirrors to v2") {
		t.Errorf("got %v", err)
	}
	if _, err := compile(&s, "v2", "v1"); err != nil {
		t.Error(err)
	}
}

func TestEventHooksGetTheServicesEvents(t *testing.T) {
	s, quiet := canaryShop(500), canaryShop(500)
	s.Rollout.Hooks = []config.Hook{{Name: "events", On: PointEvent}}
	quiet.Name = "quiet"
	out := &world{}
	running(t, Options{Outside: out}, []config.Service{s, quiet}, func(b *bench) {
		b.start()
		if _, err := b.SetState(Command{Service: "quiet", By: "api:test"}, "v2", config.Off); err != nil {
			t.Fatal(err)
		}
		b.until(PhasePromoted, 400, nil)
		settle()
		var kinds []string
		for _, at := range out.called {
			if at.Point == PointEvent {
				if at.Service != "shop" || at.Event == nil || at.Canary != "v2" || !strings.HasPrefix(at.Key, "event/") {
					t.Errorf("an event came as %+v", at)
				}
				kinds = append(kinds, at.Event.Type)
			}
		}
		for _, want := range []string{"started", "stage", "weights", "promoted"} {
			if !slices.Contains(kinds, want) {
				t.Errorf("events were %q, want %s among them", kinds, want)
			}
		}
		if b.Unheard() != 0 {
			t.Errorf("%d events were lost", b.Unheard())
		}
	})
}

func TestEventHooksThatHangLoseEventsNotTime(t *testing.T) {
	s := canaryShop(500)
	s.Rollout.Hooks = []config.Hook{{Name: "events", On: PointEvent}}
	out := &world{call: func(ctx context.Context, at Situation) []HookResult {
		if at.Point == PointEvent {
			<-ctx.Done()
		}
		return nil
	}}
	running(t, Options{Outside: out}, one(s), func(b *bench) {
		for range 3 * eventsWaiting {
			b.Journal().Add(Event{Type: "endpoint", Service: "shop", Message: "flaps"})
			settle()
		}
		if n := b.Unheard(); n < eventsWaiting || n > 2*eventsWaiting {
			t.Errorf("%d events were lost", n)
		}
		b.start()
		b.until(PhasePromoted, 400, nil)
	})
}

// TestSharedBudget: several canaries share what may go wrong.
func TestSharedBudget(t *testing.T) {
	s := canaryShop(500)
	s.Versions[0].WeightBP = 9000
	s.Versions = append(s.Versions, config.Version{Name: "v3", WeightBP: 1000})
	running(t, Options{}, one(s), func(b *bench) {
		b.start()
		b.mu.Lock()
		defer b.mu.Unlock()
		shop := b.services["shop"]
		if o := shop.judgeOptions("v2"); o.Alpha != rolloutAlpha || o.Canaries != 2 || o.Horizon < leastHorizon {
			t.Errorf("the canary's judge has %+v", o)
		}
		if o := shop.judgeOptions("v3"); o.Alpha != 0 {
			t.Errorf("the other's judge has %+v", o)
		}
	})
}
