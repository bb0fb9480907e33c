package rollout

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"sluice/analysis"
	"sluice/config"
)

var shopCommand = Command{Service: "shop", By: "api:test", Reason: "a test"}

func TestSetWeightsRefuses(t *testing.T) {
	b := newBench(t, Options{}, shop(9000, 1000))
	tests := []struct {
		name string
		cmd  Command
		in   map[string]int
		want error
		text string
	}{
		{"unknown service", Command{Service: "shoe"}, map[string]int{"v1": 10000}, ErrUnknown, `"shoe"`},
		{"unknown version", shopCommand, map[string]int{"v1": 9000, "v3": 1000}, ErrUnknown, `got version "v3", want one of v1, v2`},
		{"sum too small", shopCommand, map[string]int{"v1": 9000, "v2": 950}, ErrInvalid, "got a sum of 99.5, want 100"},
		{"nothing", shopCommand, nil, ErrInvalid, "got a sum of 0, want 100"},
		{"negative", shopCommand, map[string]int{"v1": 11000, "v2": -1000}, ErrInvalid, "want 0 to 100"},
		{"overflow", shopCommand, map[string]int{"v1": 1 << 62, "v2": 1<<62 + 10000}, ErrInvalid, "want 0 to 100"},
		{"stale", Command{Service: "shop", IfMatch: `"0123"`}, map[string]int{"v1": 10000}, ErrStale, "0123"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := b.SetWeights(tt.cmd, tt.in)
			if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("got %v, want %v with %q", err, tt.want, tt.text)
			}
			b.wantWeights(9000, 1000)
		})
	}
}

func TestSetStateRefuses(t *testing.T) {
	b := newBench(t, Options{}, shop(9000, 1000))
	tests := []struct {
		name    string
		version string
		state   config.State
		want    error
	}{
		{"tripped by hand", "v2", config.Tripped, ErrInvalid},
		{"quarantined by hand", "v2", config.Quarantined, ErrInvalid},
		{"no state", "v2", config.State(99), ErrInvalid},
		{"unknown version", "v3", config.Off, ErrUnknown},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := b.SetState(shopCommand, tt.version, tt.state); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
	if _, err := b.SetState(shopCommand, "v2", config.Off); err != nil {
		t.Fatal(err)
	}
	for _, state := range []config.State{config.Off, config.Draining} {
		if _, err := b.SetState(shopCommand, "v1", state); !errors.Is(err, ErrConflict) {
			t.Errorf("the last active version set to %v: got %v, want %v", state, err, ErrConflict)
		}
	}
	b.wantState("v1", config.Active)
}

func TestETagFollowsWeightsAndStates(t *testing.T) {
	b := newBench(t, Options{}, shop(9000, 1000))
	tag := b.ETag("shop")
	if tag == "" || tag[0] != '"' || b.ETag("shoe") != "" {
		t.Fatalf("tags are %s and %s", tag, b.ETag("shoe"))
	}
	cmd := shopCommand
	cmd.IfMatch = tag
	cmd.DryRun = true
	would, err := b.SetWeights(cmd, map[string]int{"v1": 5000, "v2": 5000})
	if err != nil || would.BP["v2"] != 5000 {
		t.Fatalf("dry run: %+v, %v", would, err)
	}
	b.wantWeights(9000, 1000)
	if would, err = b.SetState(cmd, "v2", config.Off); err != nil || would.States["v2"] != config.Off {
		t.Fatalf("dry run: %+v, %v", would, err)
	}
	b.wantState("v2", config.Active)
	if b.ETag("shop") != tag {
		t.Error("a dry run changed the tag")
	}
	cmd.DryRun = false
	got, err := b.SetWeights(cmd, map[string]int{"v1": 10000})
	if err != nil || got.BP["v2"] != 0 || got.By != "api:test" || got.Reason != "a test" || got.At.IsZero() {
		t.Fatalf("got %+v, %v", got, err)
	}
	b.wantWeights(10000, 0)
	if _, err := b.SetWeights(cmd, map[string]int{"v1": 9000, "v2": 1000}); !errors.Is(err, ErrStale) {
		t.Errorf("the old tag still opens: %v", err)
	}
	before := b.ETag("shop")
	b.lab.send("shop", "v2", 9, analysis.ServerError)
	if b.ETag("shop") == before {
		t.Error("a trip left the tag as it was")
	}
}

func TestIfMatchForms(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		want     bool
	}{
		{"none", "", true}, {"any", "*", true}, {"quoted", `"ab"`, true}, {"bare", "ab", true},
		{"list", `"xy", "ab"`, true}, {"weak", `W/"ab"`, false}, {"other", `"xy"`, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := matches(tt.in, `"ab"`); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestQuarantinedVersionMayWantWeight(t *testing.T) {
	b := newBench(t, Options{}, shop(9000, 1000))
	b.mu.Lock()
	b.step(b.services["shop"], input{at: time.Now(), what: judged, version: "v2", standing: analysis.Breach}, facts{})
	b.mu.Unlock()
	b.wantState("v2", config.Quarantined)
	if _, err := b.SetWeights(shopCommand, map[string]int{"v1": 5000, "v2": 5000}); err != nil {
		t.Fatal(err)
	}
	b.wantWeights(5000, 5000)
	b.wantState("v2", config.Quarantined)
	if _, err := b.SetState(shopCommand, "v2", config.Draining); !errors.Is(err, ErrConflict) {
		t.Errorf("drain of a quarantined version: got %v, want %v", err, ErrConflict)
	}
}

// unwritable makes a state directory in which nothing can be saved.
func unwritable(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "state")
	if err := os.MkdirAll(filepath.Join(dir, stateFile+".tmp"), 0o700); err != nil { // a directory where the file should be
		t.Fatal(err)
	}
	return dir
}

func TestUpwardChangesNeedTheDiskDownwardOnesDoNot(t *testing.T) {
	dir := unwritable(t)
	running(t, Options{StateDir: dir}, one(shop(9000, 1000)), func(b *bench) {
		if _, err := b.SetWeights(shopCommand, map[string]int{"v1": 8000, "v2": 2000}); err == nil || !strings.Contains(err.Error(), "could not be saved") {
			t.Errorf("raising v2: got %v, want that it could not be saved", err)
		}
		b.wantWeights(9000, 1000)
		if _, err := b.SetWeights(shopCommand, map[string]int{"v1": 9500, "v2": 500}); err != nil {
			t.Errorf("lowering v2: %v", err)
		}
		b.wantWeights(9500, 500)
		if _, err := b.SetState(shopCommand, "v2", config.Off); err != nil {
			t.Errorf("switching v2 off: %v", err)
		}
		if _, err := b.SetState(shopCommand, "v2", config.Active); err == nil {
			t.Error("v2 was switched on although that could not be saved")
		}
		b.wantState("v2", config.Off)
		settle()
		if b.StoreFailures() == 0 || len(b.events("store")) != 1 {
			t.Errorf("%d failures, events %+v, want one event", b.StoreFailures(), b.events("store"))
		}
		if err := os.Remove(filepath.Join(dir, stateFile+".tmp")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(saveRetry + time.Second)
		if e := b.events("store"); len(e) != 2 {
			t.Errorf("events are %+v, want that it is saved again", e)
		}
		if _, err := b.SetState(shopCommand, "v2", config.Active); err != nil {
			t.Error(err)
		}
	})
}

// TestAnsweredCommandsAreOnDisk: kill -9 after the answer must not bring traffic
// back to a version that a person took it from.
func TestAnsweredCommandsAreOnDisk(t *testing.T) {
	dir := t.TempDir()
	running(t, Options{StateDir: dir}, one(shop(9000, 1000)), func(b *bench) {
		saved := func() savedService {
			t.Helper()
			raw, err := os.ReadFile(filepath.Join(dir, stateFile))
			if err != nil {
				t.Fatal(err)
			}
			var state savedState
			if err := decode(raw, &state); err != nil {
				t.Fatal(err)
			}
			return state.Services["shop"]
		}
		for _, bp := range []int{3000, 500, 0} {
			if _, err := b.SetWeights(shopCommand, map[string]int{"v1": wholeBP - bp, "v2": bp}); err != nil {
				t.Fatal(err)
			}
			if got := saved().Weights["v2"]; got != bp {
				t.Errorf("after the answer the disk has %d for v2, want %d", got, bp)
			}
		}
		for _, state := range []config.State{config.Draining, config.Off, config.Active} {
			if _, err := b.SetState(shopCommand, "v2", state); err != nil {
				t.Fatal(err)
			}
			if got := saved().Versions["v2"].State; got != state {
				t.Errorf("after the answer the disk has v2 %v, want %v", got, state)
			}
		}
	})
}

// TestHangingDiskHoldsUpNoCut has a pipe in place of the file: whoever writes
// the state hangs until somebody reads.
func TestHangingDiskHoldsUpNoCut(t *testing.T) {
	dir := t.TempDir()
	b := newBench(t, Options{StateDir: dir}, shop(9000, 1000))
	if err := b.saver.flush(); err != nil {
		t.Fatal(err)
	}
	pipe := filepath.Join(dir, stateFile+".tmp")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	raised := make(chan error, 1)
	go func() {
		_, err := b.SetWeights(shopCommand, map[string]int{"v1": 5000, "v2": 5000})
		raised <- err
	}()
	eventually(t, "the raise is pending", func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.services["shop"].pending != nil
	})
	if sent := b.lab.send("shop", "v2", 9, analysis.ServerError); sent != 9 {
		t.Errorf("cut after %d", sent)
	}
	b.react(<-b.lab.cuts)
	if d := b.Decisions("shop"); len(d) != 1 {
		t.Errorf("decisions are %+v, want the trip", d)
	}
	if _, err := b.SetWeights(shopCommand, map[string]int{"v1": 10000}); err != nil {
		t.Errorf("coming down: %v", err)
	}
	b.wantWeights(10000, 0)
	r, err := os.OpenFile(pipe, os.O_RDWR, 0) // lets the writer go on; it fails at the sync
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := <-raised; !errors.Is(err, ErrConflict) {
		t.Errorf("the raise that was overtaken: got %v, want %v", err, ErrConflict)
	}
	b.wantWeights(10000, 0)
	b.Close()
}

func eventually(t *testing.T, what string, true func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	deadline := time.After(10 * time.Second)
	for !true() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not within 10s: %s", what)
		}
	}
}

func TestConcurrentCommandsLeaveOneTruth(t *testing.T) {
	running(t, Options{StateDir: t.TempDir()}, one(shop(9000, 1000)), func(b *bench) {
		done := make(chan error)
		for i := range 20 {
			go func() {
				_, err := b.SetWeights(shopCommand, map[string]int{"v1": 10000 - i*100, "v2": i * 100})
				done <- err
			}()
		}
		for range 20 {
			if err := <-done; err != nil && !errors.Is(err, ErrConflict) {
				t.Error(err)
			}
		}
		b.mu.Lock()
		live := b.services["shop"].live.BP
		b.mu.Unlock()
		w, _ := b.lab.Weights("shop")
		if !maps.Equal(live, w.BP) {
			t.Errorf("the controller holds %v, traffic gets %v", live, w.BP)
		}
	})
}
