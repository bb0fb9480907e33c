package rollout

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sluice/config"
	"sluice/store"
)

func TestStateDirectoryBelongsToOne(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "state")
	b := newBench(t, Options{StateDir: dir}, shop(9000, 1000))
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("directory: %v, %v, want 0700", info.Mode(), err)
	}
	if _, err := New(Options{Traffic: newLab(), StateDir: dir}); !errors.Is(err, errLocked) {
		t.Errorf("a second controller: got %v, want %v", err, errLocked)
	}
	if err := b.saver.flush(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(dir, stateFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("file: %v, want 0600", err)
	}
	b.Close()
	c, err := New(Options{Traffic: newLab(), StateDir: dir})
	if err != nil {
		t.Fatalf("after the end of the first: %v", err)
	}
	c.Close()
}

func TestDirectoryThatCannotBeMadeIsAnEvent(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	b := newBench(t, Options{StateDir: filepath.Join(file, "state")}, shop(9000, 1000))
	defer b.Close()
	b.wantWeights(9000, 1000)
	if len(b.events("store")) != 1 {
		t.Errorf("events are %+v", b.events("store"))
	}
}

func TestDecisionsAreBounded(t *testing.T) {
	var ds decisions
	for i := range 3 * decisionsPerService {
		ds.add(Decision{Service: "shop", Time: time.Unix(int64(i), 0)})
	}
	if n := len(ds.of("shop")); n != decisionsPerService {
		t.Errorf("%d kept of one service, want %d", n, decisionsPerService)
	}
	if d := ds.of("shop"); !d[0].Time.After(d[1].Time) || d[0].Time.Unix() != 3*decisionsPerService-1 {
		t.Errorf("newest is %v", d[0].Time)
	}
	for i := range 3 * decisionsInAll {
		ds.add(Decision{Service: string(rune('a' + i%26))})
	}
	if n := len(ds.list); n > decisionsInAll {
		t.Errorf("%d kept in all, want %d", n, decisionsInAll)
	}
}

// What was decided is not on record unless what it did is: after kill -9 the version would be back.
func TestNoDecisionIsSavedWithoutItsState(t *testing.T) {
	dir := t.TempDir()
	b := newBench(t, Options{StateDir: dir}, shop(9000, 1000))
	defer b.Close()
	if err := b.saver.flush(); err != nil {
		t.Fatal(err)
	}
	state := filepath.Join(dir, stateFile)
	if err := errors.Join(os.Remove(state), os.MkdirAll(filepath.Join(state, "in the way"), 0o700)); err != nil {
		t.Fatal(err)
	}
	b.mu.Lock()
	b.decided.add(Decision{Service: "shop", Version: "v2", Action: "quarantine"})
	b.mu.Unlock()
	saved := func() int {
		var ds savedDecisions
		if _, err := openDocuments(store.NewDir(dir)).read(decisionsFile, &ds); err != nil {
			t.Fatal(err)
		}
		return len(ds.Decisions)
	}
	if err := b.saver.flush(); err == nil || saved() != 0 {
		t.Errorf("without a state: %v, %d decisions on disk", err, saved())
	}
	if err := os.RemoveAll(state); err != nil {
		t.Fatal(err)
	}
	if err := b.saver.flush(); err != nil || saved() != 1 {
		t.Errorf("with a state: %v, %d decisions on disk", err, saved())
	}
}

func TestOwnerOverwritesWhatOthersWrote(t *testing.T) {
	dir := t.TempDir()
	st, err := openStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer st.free()
	write := func(what string) {
		t.Helper()
		if err := st.write(stateFile, savedState{Schema: schema, Services: map[string]savedService{what: {Stable: "v1"}}}); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		other := openDocuments(store.NewDir(dir)) // reading needs no lease
		var state savedState
		if found, err := other.read(stateFile, &state); !found || err != nil || state.Services[what].Stable != "v1" {
			t.Fatalf("%s: found %v, error %v: %+v", what, found, err, state)
		}
	}
	write("first")
	if err := os.WriteFile(filepath.Join(dir, stateFile), []byte("by hand"), 0o600); err != nil {
		t.Fatal(err)
	}
	write("over a text by hand")
	if err := os.Remove(filepath.Join(dir, stateFile)); err != nil {
		t.Fatal(err)
	}
	write("after a removal")
	if err := st.lease.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	write("after the lease was lost")
	if st.failures.Load() != 0 {
		t.Errorf("%d failures were counted", st.failures.Load())
	}
}

func TestWithoutTheLeaseNothingIsWritten(t *testing.T) {
	d := store.NewDir(t.TempDir())
	defer d.Close()
	first, second := openDocuments(d), openDocuments(d)
	if err := first.claim(); err != nil {
		t.Fatal(err)
	}
	if err := second.write(stateFile, savedState{Schema: schema}); !errors.Is(err, errLocked) || second.failures.Load() != 1 {
		t.Errorf("got error %v and %d failures, want %v and 1", err, second.failures.Load(), errLocked)
	}
	first.free()
	if err := second.write(stateFile, savedState{Schema: schema}); err != nil {
		t.Errorf("after the first let go: %v", err)
	}
}

func TestLeaseIsRenewedWhileRunning(t *testing.T) {
	running(t, Options{StateDir: t.TempDir()}, []config.Service{shop(9000, 1000)}, func(b *bench) {
		settle()
		before := b.saver.store.lease
		time.Sleep(10 * leaseTTL) // of the bubble
		settle()
		if now := b.saver.store.lease; now == nil || now.Token() != before.Token() {
			t.Errorf("the lease %v became %v", before, now)
		}
	})
}
