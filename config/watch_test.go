package config

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// watched runs a Watcher on path until the test ends. The channel tells of
// each onChange with what the file held then.
func watched(t *testing.T, path string) (*Watcher, <-chan string) {
	t.Helper()
	changes := make(chan string, 16)
	w, err := NewWatcher(path, func() {
		data, _ := os.ReadFile(path)
		changes <- string(data)
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	run(t, w)
	return w, changes
}

func run(t *testing.T, w *Watcher) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
		goleak.VerifyNone(t, before)
	})
}

func expect(t *testing.T, changes <-chan string, want string) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		select {
		case got := <-changes:
			if got == want {
				return
			}
		case <-deadline:
			t.Fatalf("no change to %q was told", want)
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestWatchWriteAndRename(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sluice.yaml")
	write(t, path, "one")
	_, changes := watched(t, path)
	write(t, path, "two")
	expect(t, changes, "two")
	// As vim and most editors save: a new file, renamed over the old one.
	write(t, path+".swp", "three")
	must(t, os.Rename(path+".swp", path))
	expect(t, changes, "three")
	// And again: the watch must not hang on the old file.
	write(t, path, "four")
	expect(t, changes, "four")
}

func TestWatchDeleteAndRecreate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sluice.yaml")
	write(t, path, "one")
	_, changes := watched(t, path)
	must(t, os.Remove(path))
	write(t, path, "two")
	expect(t, changes, "two")
}

// A ConfigMap volume: sluice.yaml -> ..data/sluice.yaml, ..data -> a directory
// of a generation, and an update renames a new ..data over the old one.
func TestWatchSymlinkSwap(t *testing.T) {
	dir := t.TempDir()
	generation := func(name, text string) {
		must(t, os.Mkdir(filepath.Join(dir, name), 0o700))
		write(t, filepath.Join(dir, name, "sluice.yaml"), text)
		must(t, os.Symlink(name, filepath.Join(dir, "..data_tmp")))
		must(t, os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")))
	}
	generation("..1", "one")
	path := filepath.Join(dir, "sluice.yaml")
	must(t, os.Symlink(filepath.Join("..data", "sluice.yaml"), path))
	_, changes := watched(t, path)
	generation("..2", "two")
	expect(t, changes, "two")
	must(t, os.RemoveAll(filepath.Join(dir, "..1")))
	generation("..3", "three")
	expect(t, changes, "three")
}

// A link to a file elsewhere: writes there happen in a directory that the path
// does not name.
func TestWatchLinkTarget(t *testing.T) {
	elsewhere := filepath.Join(t.TempDir(), "real.yaml")
	path := filepath.Join(t.TempDir(), "sluice.yaml")
	write(t, elsewhere, "one")
	must(t, os.Symlink(elsewhere, path))
	_, changes := watched(t, path)
	write(t, elsewhere, "two")
	expect(t, changes, "two")
}

// Certificates in other directories, also in ones that are made only later.
func TestWatchAlso(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sluice.yaml")
	cert := filepath.Join(t.TempDir(), "later", "tls.crt")
	key := filepath.Join(t.TempDir(), "tls.key")
	write(t, path, "one")
	write(t, key, "key")
	changes := make(chan string, 16)
	w, err := NewWatcher(path, func() { changes <- "told" }, nil)
	must(t, err)
	run(t, w)
	w.WatchAlso(cert, key)
	write(t, key, "new key")
	expect(t, changes, "told")
	must(t, os.Mkdir(filepath.Dir(cert), 0o700))
	write(t, cert, "cert")
	expect(t, changes, "told")
	w.WatchAlso()
	write(t, path, "two")
	expect(t, changes, "told")
}

// A file whose content did not change must not call for a reload. A change
// that follows proves that the events before it were dealt with.
func TestWatchTouch(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sluice.yaml")
	write(t, path, "one")
	_, changes := watched(t, path)
	must(t, os.Chtimes(path, time.Unix(1, 0), time.Unix(1, 0)))
	replace := func(text string) { // in one step, so that no half-written file can be seen
		write(t, path+".new", text)
		must(t, os.Rename(path+".new", path))
	}
	replace("one")
	must(t, os.Remove(path))
	replace("one")
	replace("two")
	select {
	case got := <-changes:
		if got != "two" {
			t.Fatalf("told of %q, which is no change", got)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("no change was told")
	}
}

// What changed between NewWatcher and Run is told too.
func TestWatchBeforeRun(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sluice.yaml")
	write(t, path, "one")
	changes := make(chan string, 1)
	w, err := NewWatcher(path, func() { changes <- "told" }, nil)
	must(t, err)
	write(t, path, "two")
	run(t, w)
	expect(t, changes, "told")
}

// Without events from the system, content is looked at now and then.
func TestWatchByLooking(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sluice.yaml")
	write(t, path, "one")
	changes := make(chan string, 16)
	w, err := NewWatcher(path, func() { changes <- "told" }, nil)
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.loop(ctx, newFollower(nil), time.Millisecond) }()
	write(t, path, "two")
	expect(t, changes, "told")
	cancel()
	must(t, <-done)
}
