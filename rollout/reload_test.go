package rollout

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/analysis"
	"sluice/config"
)

func quarantine(b *bench, version string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.step(b.services["shop"], input{at: time.Now(), what: judged, version: version, standing: analysis.Breach}, facts{})
}

func raise(b *bench, v1, v2 int) {
	b.t.Helper()
	if _, err := b.SetWeights(shopCommand, map[string]int{"v1": v1, "v2": v2}); err != nil {
		b.t.Fatal(err)
	}
}

func TestCanaryOfARolloutStartsAtZero(t *testing.T) {
	s := shop(9000, 1000)
	b := newBench(t, Options{}, s)
	b.wantWeights(9000, 1000)
	s.Rollout = &config.Rollout{Canary: "v2"}
	b = newBench(t, Options{}, s)
	b.wantWeights(10000, 0)
	if d := b.Declared("shop"); d.BP["v2"] != 1000 || d.Stable != "v1" {
		t.Errorf("declared is %+v", d)
	}
}

func TestLiveWeightsSurviveAReload(t *testing.T) {
	b := newBench(t, Options{}, shop(9000, 1000))
	raise(b, 6000, 4000)
	s := shop(9000, 1000)
	s.Timeouts.Connect = time.Second // anything but weights and stable
	cfg := configOf(s)
	if err := b.Reload(cfg, func(fresh map[string]config.Weights) error {
		if len(fresh) != 0 {
			t.Errorf("splits made anew: %v", fresh)
		}
		return b.lab.table(cfg)(fresh)
	}); err != nil {
		t.Fatal(err)
	}
	b.wantWeights(6000, 4000)
}

func TestFileWinsWhenItsUnitChanges(t *testing.T) {
	b := newBench(t, Options{}, shop(9000, 1000))
	raise(b, 6000, 4000)
	quarantine(b, "v2")
	b.load(shop(8000, 2000))
	b.wantWeights(8000, 2000)
	b.wantState("v2", config.Quarantined)
	told := b.events("weights")
	if last := told[len(told)-1]; last.By != "file" || !strings.Contains(last.Message, "v1=80 v2=20") {
		t.Errorf("event is %+v", last)
	}
	if e := b.events("alert"); len(e) != 1 || !strings.Contains(e[0].Message, "stays quarantined") {
		t.Errorf("alerts are %+v", e)
	}
}

// TestPromotionThatTheFileTakesBackIsTold: before, at each reload that changes nothing of it, and at the one that does.
func TestPromotionThatTheFileTakesBackIsTold(t *testing.T) {
	dir := t.TempDir()
	s := shop(10000, 0)
	running(t, Options{StateDir: dir}, one(s), func(b *bench) {
		b.mu.Lock()
		err := b.force(b.services["shop"], config.Weights{Stable: "v2", BP: map[string]int{"v1": 0, "v2": 10000}, By: "rollout"})
		b.mu.Unlock()
		if err != nil {
			t.Fatal(err)
		}
		b.load(s)
		if told := b.events("weights"); !strings.Contains(told[len(told)-1].Message, "v2 is stable now, and v1 in the file: adding") {
			t.Errorf("a reload tells %+v", told)
		}
	})
	wider := s
	wider.Versions = append(slices.Clone(s.Versions), config.Version{Name: "v3"})
	kept := wider
	kept.Stable = "v2"
	for _, c := range []struct {
		file config.Service
		want string
	}{
		{s, "v2 is stable now, and v1 in the file"},
		{wider, "which makes v1 stable in place of v2"},
		{kept, ""},
	} {
		told, err := Undone(dir, configOf(c.file))
		if got := told["shop"]; err != nil || c.want == "" && got != "" || !strings.Contains(got, c.want) || got != "" && !strings.Contains(got, "write stable: v2") {
			t.Errorf("got %q and %v, want %q", got, err, c.want)
		}
	}
	if told, err := Undone(t.TempDir(), configOf(s)); len(told) > 0 || err != nil {
		t.Errorf("without state: %v, %v", told, err)
	}
	b := newBench(t, Options{StateDir: dir}, wider)
	if e := b.events("alert"); len(e) != 1 || !strings.Contains(e[0].Message, "makes v1 stable in place of v2") {
		t.Errorf("alerts are %+v", e)
	}
}

func TestRefusedSwapChangesNothing(t *testing.T) {
	b := newBench(t, Options{}, shop(9000, 1000))
	refusal := errors.New("port taken")
	if err := b.Reload(configOf(shop(5000, 5000)), func(map[string]config.Weights) error { return refusal }); !errors.Is(err, refusal) {
		t.Fatalf("got %v", err)
	}
	b.wantWeights(9000, 1000)
	if d := b.Declared("shop"); d.BP["v2"] != 1000 {
		t.Errorf("declared is %+v, want the old", d)
	}
	b.load(shop(9000, 1000))
	b.wantWeights(9000, 1000)
}

func TestCutDuringTheSwapHolds(t *testing.T) {
	b := newBench(t, Options{}, shop(9000, 1000))
	cfg := configOf(shop(8000, 2000))
	if err := b.Reload(cfg, func(fresh map[string]config.Weights) error {
		quarantine(b, "v2") // the guard works while the table is built
		if err := b.lab.table(cfg)(fresh); err != nil {
			return err
		}
		return b.lab.SetState("shop", "v2", config.Active) // and the new table forgot it
	}); err != nil {
		t.Fatal(err)
	}
	b.wantState("v2", config.Quarantined)
	b.wantWeights(8000, 2000)
}

// TestCooldownEndsAfterAReload: a service without traffic that is tripped stays under watch.
func TestCooldownEndsAfterAReload(t *testing.T) {
	b := newBench(t, Options{}, shop(9000, 1000))
	b.lab.send("shop", "v2", 9, analysis.ServerError)
	b.react(<-b.lab.cuts)
	other := shop(9000, 1000)
	other.Name = "other"
	b.load(other, shop(9000, 1000))
	b.tick(time.Now())
	if got := b.lab.probes(); len(got) != 0 {
		t.Fatalf("probed %v within the cooldown", got)
	}
	b.tick(time.Now().Add(6 * time.Second))
	if got := b.lab.probes(); len(got) != 1 || got[0] != "v2" {
		t.Errorf("probed %v after the cooldown, want v2", got)
	}
}

// TestFileWinsOverCommandsDuringTheSwap: what is in force, what is saved and what
// the file says must be one thing.
func TestFileWinsOverCommandsDuringTheSwap(t *testing.T) {
	b := newBench(t, Options{}, shop(9000, 1000))
	cfg := configOf(shop(8000, 2000))
	if err := b.Reload(cfg, func(fresh map[string]config.Weights) error {
		if err := b.lab.table(cfg)(fresh); err != nil {
			return err
		}
		_, err := b.SetWeights(shopCommand, map[string]int{"v1": 5000, "v2": 5000})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	b.wantWeights(8000, 2000)
	if got := b.services["shop"].live.BP["v2"]; got != 2000 {
		t.Errorf("the controller takes v2 for %d, want 2000", got)
	}
}

func TestVersionsComeAndGo(t *testing.T) {
	b := newBench(t, Options{}, shop(9000, 1000))
	quarantine(b, "v2")
	s := shop(9000, 0)
	s.Versions[1] = config.Version{Name: "v3", WeightBP: 1000}
	b.load(s)
	b.wantState("v3", config.Active)
	if b.Stats("shop", "v2") != (VersionStats{}) {
		t.Error("v2 is still known")
	}
	b.load(shop(9000, 1000))
	b.wantState("v2", config.Active) // what left the file is forgotten
}

func TestStableIsNeverLeftTripped(t *testing.T) {
	b := newBench(t, Options{}, shop(9000, 1000))
	b.lab.send("shop", "v2", 9, analysis.ServerError)
	b.react(<-b.lab.cuts)
	b.wantState("v2", config.Tripped)
	s := shop(9000, 1000)
	s.Stable = "v2"
	b.load(s)
	b.wantState("v2", config.Active)
}

func TestServiceIsNeverLeftWithoutAVersion(t *testing.T) {
	b := newBench(t, Options{}, shop(9000, 1000))
	if _, err := b.SetState(shopCommand, "v1", config.Off); err != nil {
		t.Fatal(err)
	}
	s := shop(10000, 0)
	s.Versions = s.Versions[:1] // v2, the active one, leaves the file
	b.load(s)
	b.wantState("v1", config.Active)
}

func TestEverythingSurvivesARestart(t *testing.T) {
	dir := t.TempDir()
	var before analysis.Verdict
	services := []config.Service{shop(9000, 1000)}
	running(t, Options{StateDir: dir}, services, func(b *bench) {
		for range 3 {
			b.lab.send("shop", "v1", 900, analysis.Success)
			b.lab.send("shop", "v2", 99, analysis.Success)
			b.lab.send("shop", "v2", 1, analysis.ServerError)
			time.Sleep(time.Second)
		}
		settle() // the block that ends at this very moment is weighed
		before = b.Verdict("shop", "v2")
		raise(b, 6000, 4000)
		b.lab.send("shop", "v2", 1000, analysis.ServerError)
		settle()
		b.wantState("v2", config.Tripped)
	})
	running(t, Options{StateDir: dir}, services, func(b *bench) {
		b.wantWeights(6000, 4000)
		b.wantState("v2", config.Tripped)
		if after := b.Verdict("shop", "v2"); after.Evidence < before.Evidence || after.Standing != before.Standing {
			t.Errorf("the evidence was %v and is %v", before, after)
		}
		if d := b.Decisions("shop"); len(d) != 1 || d[0].Kind != "trip" {
			t.Errorf("decisions are %+v, want the trip", d)
		}
		time.Sleep(5500 * time.Millisecond) // its cooldown begins anew
		if len(b.lab.probes()) != 1 {
			t.Errorf("probed %v, want v2 once", b.lab.probes())
		}
		quarantine(b, "v2")
	})
	services[0] = shop(5000, 5000) // and the file changes while nothing runs
	running(t, Options{StateDir: dir}, services, func(b *bench) {
		b.wantWeights(5000, 5000)
		b.wantState("v2", config.Quarantined)
	})
}

func TestCorruptStateIsKeptAside(t *testing.T) {
	tests := []struct{ name, in string }{
		{"no JSON", "{\"schema\":1,\"serv"},
		{"empty", ""},
		{"a later schema", `{"schema":99}`},
		{"an unknown state", `{"schema":1,"services":{"shop":{"versions":{"v2":{"state":"exploded"}}}}}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, stateFile), []byte(tt.in), 0o600); err != nil {
				t.Fatal(err)
			}
			s := shop(9000, 1000)
			s.Rollout = &config.Rollout{Canary: "v2"}
			b := newBench(t, Options{StateDir: dir}, s)
			defer b.Close()
			b.wantWeights(10000, 0)
			aside, _ := filepath.Glob(filepath.Join(dir, stateFile+".corrupt-*"))
			if len(aside) != 1 {
				t.Fatalf("kept aside: %v", aside)
			}
			if raw, _ := os.ReadFile(aside[0]); string(raw) != tt.in {
				t.Errorf("kept %q, want %q", raw, tt.in)
			}
			if e := b.events("alert"); len(e) != 1 {
				t.Errorf("alerts are %+v", e)
			}
		})
	}
}

func TestCriteriaOfTheFile(t *testing.T) {
	s := shop(9000, 1000)
	s.Guard.Breach = config.Criteria{
		"error_rate":   {{Op: ">", Value: 0.05}, {Op: ">", Ratio: 1.5}, {Op: "<", Value: 0.2}},
		"success_rate": {{Op: "<", Value: 0.95}},
		"p99_latency":  {{Op: ">", Duration: time.Second}, {Op: ">", Ratio: 2}},
	}
	var (
		five  = analysis.Criterion{Metric: analysis.ErrorRate, Limit: 0.05}
		ratio = analysis.Criterion{Metric: analysis.ErrorRate, Ratio: 1.5}
		good  = analysis.Criterion{Metric: analysis.SuccessRate, Limit: 0.95}
		slow  = analysis.Criterion{Metric: analysis.P99Latency, Latency: time.Second}
		twice = analysis.Criterion{Metric: analysis.P99Latency, Ratio: 2}
	)
	o := judgeOptions(&s, false)
	if want := []analysis.Criterion{five, ratio, good, slow, twice}; !slices.Equal(o.Breach, want) || o.MinEffect != 0.001 || o.Window != 0 {
		t.Errorf("options are %+v", o)
	}
	if o, want := judgeOptions(&s, true), []analysis.Criterion{five, good, slow}; !slices.Equal(o.Breach, want) {
		t.Errorf("for stable: %+v, want the absolute ones", o)
	}
	s.Guard.Breach = config.Criteria{"p99_latency": {{Op: ">", Duration: time.Second}}}
	s.Guard.Mode, s.Guard.Window, s.Guard.MinRequests = "window", time.Minute, 50
	s.Timeouts.Response = 3 * time.Second
	o = judgeOptions(&s, true)
	if want := []analysis.Criterion{slow, five}; !slices.Equal(o.Breach, want) || o.Window != time.Minute || o.MinRequests != 50 || o.HangAge != 1500*time.Millisecond {
		t.Errorf("for stable, by window: %+v", o)
	}
}
