package rollout

import (
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/analysis"
	"sluice/config"
)

func one(s config.Service) []config.Service { return []config.Service{s} }

func TestTripIsRecordedProbedAndRestored(t *testing.T) {
	running(t, Options{}, one(shop(9000, 1000)), func(b *bench) {
		b.lab.send("shop", "v1", 900, analysis.Success)
		if sent := b.lab.send("shop", "v2", 100, analysis.ServerError); sent != 9 {
			t.Errorf("cut after %d attempts, want 9", sent)
		}
		settle()
		d := b.Decisions("shop")
		if len(d) != 1 || d[0].Kind != "trip" || d[0].Action != "cut" || d[0].Version != "v2" {
			t.Fatalf("decisions are %+v, want one trip of v2", d)
		}
		if want := "v2 cut after 9 of 9 attempts failed (tolerated: 1 %)"; !strings.HasPrefix(d[0].Summary, want) {
			t.Errorf("summary is %q, want it to begin %q", d[0].Summary, want)
		}
		if d[0].Evidence["failures"] != uint64(9) {
			t.Errorf("evidence is %v", d[0].Evidence)
		}
		if n := b.Rollbacks()[RollbackKey{"shop", "v2", "trip"}]; n != 1 {
			t.Errorf("%d trips counted, want 1", n)
		}
		if len(b.lab.probes()) != 0 {
			t.Error("probed before the cooldown")
		}
		time.Sleep(5200 * time.Millisecond)
		if len(b.lab.probes()) != 1 {
			t.Fatalf("probed %v, want v2 once", b.lab.probes())
		}
		for range 10 {
			b.lab.probe("shop", "v2", analysis.Success)
		}
		settle()
		b.wantState("v2", config.Active)
		if d := b.Decisions("shop"); d[0].Kind != "restore" {
			t.Errorf("newest decision is %+v, want a restore", d[0])
		}
	})
}

func TestFailedProbeDoublesCooldown(t *testing.T) {
	running(t, Options{}, one(shop(9000, 1000)), func(b *bench) {
		b.lab.send("shop", "v2", 9, analysis.ConnectError)
		time.Sleep(5200 * time.Millisecond)
		b.lab.probe("shop", "v2", analysis.ServerError)
		time.Sleep(9 * time.Second)
		if len(b.lab.probes()) != 1 {
			t.Errorf("probed %d times within the doubled cooldown, want 1", len(b.lab.probes()))
		}
		time.Sleep(1200 * time.Millisecond)
		if len(b.lab.probes()) != 2 {
			t.Errorf("probed %d times after it, want 2", len(b.lab.probes()))
		}
	})
}

func TestVerdictQuarantines(t *testing.T) {
	s := shop(9000, 1000)
	s.Guard.Trip.Off = true
	running(t, Options{}, one(s), func(b *bench) {
		begin := time.Now()
		for range 60 {
			if b.lab.state("shop", "v2") == config.Quarantined {
				break
			}
			b.lab.send("shop", "v1", 900, analysis.Success)
			b.lab.send("shop", "v2", 50, analysis.Success)
			if b.lab.state("shop", "v2") == config.Active {
				v := b.lab.version("shop", "v2")
				for range 50 { // without the trip
					now := analysis.Now()
					v.split.Start(0, now)
					v.split.Record(0, now, now, analysis.ServerError)
				}
			}
			time.Sleep(time.Second)
		}
		b.wantState("v2", config.Quarantined)
		if took := time.Since(begin); took > 15*time.Second {
			t.Errorf("the verdict took %v", took)
		}
		d := b.Decisions("shop")[0]
		if d.Kind != "verdict" || d.Action != "quarantine" || d.Metric != "error_rate" {
			t.Errorf("decision is %+v", d)
		}
		if d.Evidence["failed"].(uint64) == 0 || d.Evidence["bound"] == nil {
			t.Errorf("evidence is %v", d.Evidence)
		}
		if b.Rollbacks()[RollbackKey{"shop", "v2", "error_rate"}] != 1 {
			t.Errorf("rollbacks are %v", b.Rollbacks())
		}
		b.wantWeights(9000, 1000) // states never edit weights
		time.Sleep(10 * time.Minute)
		b.wantState("v2", config.Quarantined)
		if v := b.Verdict("shop", "v2"); v.Standing != analysis.Breach {
			t.Errorf("the verdict shown is %v, want the breach that condemned", v.Standing)
		}
		if _, err := b.SetState(Command{Service: "shop", By: "test"}, "v2", config.Active); err != nil {
			t.Fatal(err)
		}
		b.wantState("v2", config.Active)
		if v := b.Verdict("shop", "v2"); v.Standing != analysis.Inconclusive {
			t.Errorf("after its release the evidence stands at %v", v.Standing)
		}
	})
}

func TestHangingVersionIsCut(t *testing.T) {
	running(t, Options{}, one(shop(5000, 5000)), func(b *bench) {
		b.lab.send("shop", "v1", 500, analysis.Success)
		b.lab.send("shop", "v2", 500, analysis.Success)
		time.Sleep(2 * time.Second)
		v2 := b.lab.version("shop", "v2")
		hung := time.Now()
		for range 40 { // 20 a second, none is answered
			if b.lab.state("shop", "v2") == config.Tripped {
				break
			}
			v2.split.Start(0, analysis.Now())
			b.lab.send("shop", "v1", 1, analysis.Success)
			time.Sleep(50 * time.Millisecond)
		}
		for b.lab.state("shop", "v2") != config.Tripped && time.Since(hung) < 30*time.Second {
			b.lab.send("shop", "v1", 1, analysis.Success)
			time.Sleep(50 * time.Millisecond)
		}
		b.wantState("v2", config.Tripped)
		if took := time.Since(hung); took > 4*time.Second {
			t.Errorf("cut after %v, want at most 4s", took)
		}
		d := b.Decisions("shop")[0]
		if d.Evidence["cause"] != causeHang || !strings.Contains(d.Summary, "hung for over 1s") {
			t.Errorf("decision is %+v", d)
		}
	})
}

// A client that waits for its answers can stall on a version that hangs, so that
// nothing at all ends any more. The version is found all the same, also if somebody
// looks at the figures all the time, or if the service had a pause before.
func TestStalledServiceIsNotIdle(t *testing.T) {
	for name, pause := range map[string]time.Duration{"at once": 0, "after a pause": 5 * time.Second} {
		t.Run(name, func(t *testing.T) {
			running(t, Options{}, one(shop(5000, 5000)), func(b *bench) {
				look := func() { b.Stats("shop", "v1"); b.Stats("shop", "v2") }
				b.lab.send("shop", "v1", 500, analysis.Success)
				b.lab.send("shop", "v2", 50, analysis.Success)
				look()
				time.Sleep(pause)
				v2, hung := b.lab.version("shop", "v2"), time.Now()
				for range 20 {
					v2.split.Start(0, analysis.Now())
				}
				for b.lab.state("shop", "v2") != config.Tripped && time.Since(hung) < 30*time.Second {
					look()
					time.Sleep(50 * time.Millisecond)
				}
				b.wantState("v2", config.Tripped)
				if took := time.Since(hung); took > 4*time.Second {
					t.Errorf("cut after %v, want at most 4s", took)
				}
			})
		})
	}
}

func TestSlowButAnsweringVersionIsNotHanging(t *testing.T) {
	running(t, Options{}, one(shop(5000, 5000)), func(b *bench) {
		v2 := b.lab.version("shop", "v2")
		var open []int64
		for range 600 { // every request of v2 takes three seconds, good answers all
			b.lab.send("shop", "v1", 1, analysis.Success)
			now := analysis.Now()
			v2.split.Start(0, now)
			open = append(open, now)
			if len(open) > 30 {
				v2.split.Record(0, open[0], now, analysis.Success)
				open = open[1:]
			}
			time.Sleep(100 * time.Millisecond)
			if len(open) > 30 && b.lab.state("shop", "v2") == config.Tripped {
				break
			}
		}
		for _, start := range open {
			v2.split.Record(0, start, analysis.Now(), analysis.Success)
		}
		time.Sleep(20 * time.Second)
		// At first nothing is known of v2, so it may trip once; its own latencies then excuse it.
		if n := b.Rollbacks()[RollbackKey{"shop", "v2", causeHang}]; n > 1 {
			t.Errorf("cut %d times for slowness", n)
		}
	})
}

func TestEnvironmentHoldsNothingAgainstTheVersion(t *testing.T) {
	running(t, Options{}, one(shop(5000, 5000)), func(b *bench) {
		for range 20 {
			for range 50 { // interleaved, as traffic is
				b.lab.send("shop", "v1", 1, analysis.ServerError)
				b.lab.send("shop", "v2", 1, analysis.ServerError)
			}
			settle()
			b.wantState("v2", config.Active)
			time.Sleep(time.Second)
		}
		if n := len(b.Rollbacks()); n != 0 {
			t.Errorf("rollbacks: %v", b.Rollbacks())
		}
		if e := b.events("alert"); len(e) == 0 {
			t.Error("nobody was told")
		} else if len(e) > 4 {
			t.Errorf("told %d times", len(e))
		}
	})
}

func TestTripWhileStableFailsIsGivenBack(t *testing.T) {
	running(t, Options{}, one(shop(5000, 5000)), func(b *bench) {
		b.lab.send("shop", "v1", 50, analysis.Timeout)
		v2 := b.lab.version("shop", "v2")
		b.lab.trips("shop", "v2", v2)
		settle()
		b.wantState("v2", config.Active)
		if d := b.Decisions("shop"); len(d) != 1 || d[0].Action != "restore" || !strings.Contains(d[0].Summary, "stable fails as much") {
			t.Errorf("decisions are %+v", d)
		}
	})
}

func TestStableBreachIsToldNotCut(t *testing.T) {
	running(t, Options{}, one(shop(10000, 0)), func(b *bench) {
		for range 120 {
			b.lab.send("shop", "v1", 80, analysis.Success)
			b.lab.send("shop", "v1", 20, analysis.ServerError)
			time.Sleep(time.Second)
		}
		b.wantState("v1", config.Active)
		if e := b.events("alert"); len(e) != 1 || e[0].Version != "v1" {
			t.Errorf("alerts are %+v, want one on v1", e)
		}
	})
}

func TestLostNoticesAreFound(t *testing.T) {
	running(t, Options{}, one(shop(9000, 1000)), func(b *bench) {
		l := b.lab
		l.lossy = true
		l.send("shop", "v2", 9, analysis.Reset)
		time.Sleep(1200 * time.Millisecond)
		if d := b.Decisions("shop"); len(d) != 1 || d[0].Kind != "trip" {
			t.Fatalf("decisions are %+v, want the trip that was not told", d)
		}
		time.Sleep(5 * time.Second)
		for range 10 {
			l.probe("shop", "v2", analysis.Success)
		}
		time.Sleep(1200 * time.Millisecond)
		if d := b.Decisions("shop"); len(d) != 2 || d[0].Kind != "restore" {
			t.Errorf("decisions are %+v, want trip and restore", d)
		}
	})
}

func TestEndpointsDownTripAndComeBack(t *testing.T) {
	var down sync.Map
	s := shop(9000, 1000)
	s.Health = &config.Health{}
	usable := func(_, version string) bool {
		_, is := down.Load(version)
		return !is
	}
	running(t, Options{Usable: usable}, one(s), func(b *bench) {
		down.Store("v2", true) // no traffic at all: the checks alone tell
		time.Sleep(1200 * time.Millisecond)
		b.wantState("v2", config.Tripped)
		if b.Rollbacks()[RollbackKey{"shop", "v2", causeHealth}] != 1 {
			t.Errorf("rollbacks are %v", b.Rollbacks())
		}
		down.Delete("v2")
		time.Sleep(6 * time.Second)
		b.wantState("v2", config.Active)
		down.Store("v1", true)
		time.Sleep(2 * time.Second)
		b.wantState("v1", config.Active)
		if e := b.events("alert"); len(e) != 1 {
			t.Errorf("alerts are %+v, want one that stable is down", e)
		}
	})
}

func TestChecksRestoreWhereThereIsNothingToProbeWith(t *testing.T) {
	for _, tt := range []struct {
		name    string
		checked bool
		want    config.State
	}{{"with checks", true, config.Active}, {"without", false, config.Tripped}} {
		t.Run(tt.name, func(t *testing.T) {
			s := shop(9000, 1000)
			if tt.checked {
				s.Health = &config.Health{}
			}
			running(t, Options{Usable: func(string, string) bool { return true }}, one(s), func(b *bench) {
				b.lab.send("shop", "v2", 9, analysis.ServerError)
				time.Sleep(30 * time.Second)
				b.wantState("v2", tt.want)
			})
		})
	}
}

func TestStats(t *testing.T) {
	running(t, Options{}, one(shop(9000, 1000)), func(b *bench) {
		for range 15 {
			b.lab.send("shop", "v1", 95, analysis.Success)
			b.lab.send("shop", "v1", 5, analysis.ServerError)
			time.Sleep(time.Second)
		}
		st := b.Stats("shop", "v1")
		if st.Requests != 1500 || st.Failed != 75 {
			t.Errorf("totals are %d of %d, want 75 of 1500", st.Failed, st.Requests)
		}
		if st.ErrorRate < 0.04 || st.ErrorRate > 0.06 || st.RPS < 80 || st.RPS > 110 {
			t.Errorf("rate %v at %v/s, want 0.05 at 100/s", st.ErrorRate, st.RPS)
		}
		if st.P50 < 900*time.Microsecond || st.P99 > 1100*time.Microsecond {
			t.Errorf("p50 %v, p99 %v, want 1ms", st.P50, st.P99)
		}
		time.Sleep(2 * time.Minute)
		if st := b.Stats("shop", "v1"); st.RPS != 0 || st.ErrorRate != 0 || st.P99 != 0 || st.Requests != 1500 {
			t.Errorf("two minutes later: %+v, want totals alone", st)
		}
		if st := b.Stats("shop", "v9"); st != (VersionStats{}) {
			t.Errorf("unknown version: %+v", st)
		}
	})
}

func TestIdleServicesAreNotLookedAt(t *testing.T) {
	running(t, Options{}, one(shop(9000, 1000)), func(b *bench) {
		time.Sleep(time.Second)
		before := b.lab.armsRead()
		time.Sleep(time.Minute)
		if b.lab.armsRead() != before {
			t.Errorf("an idle service's arms were read %d times in a minute", b.lab.armsRead()-before)
		}
		b.lab.send("shop", "v1", 1, analysis.Success)
		time.Sleep((idleEvery + 1) * time.Second)
		if b.lab.armsRead() == before {
			t.Error("traffic was not noticed")
		}
	})
}
