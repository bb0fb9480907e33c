package rollout

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
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
