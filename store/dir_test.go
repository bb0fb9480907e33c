package store_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"sluice/store"
	"sluice/store/storetest"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(writerEnv); dir != "" {
		writeForEver(dir)
	}
	goleak.VerifyTestMain(m)
}

func open(t *testing.T, path string) *store.Dir {
	t.Helper()
	d := store.NewDir(path)
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func put(t *testing.T, s store.Store, key, value string, r store.Revision) store.Revision {
	t.Helper()
	r, err := s.CompareAndSwap(t.Context(), key, []byte(value), r)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestDirKeepsTheContract(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store { return open(t, filepath.Join(t.TempDir(), "deep", "state")) })
}

func TestDirIsNotTouchedBeforeItIsUsed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	d := open(t, path)
	if _, r, err := d.Get(t.Context(), "a"); r != "" || err != nil {
		t.Errorf("got revision %q, error %v", r, err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("reading made the directory: %v", err)
	}
	put(t, d, "a", "1", "")
	for name, want := range map[string]os.FileMode{path: 0o700, filepath.Join(path, "a"): 0o600, filepath.Join(path, "lock"): 0o600} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: mode %v, error %v, want %v", name, info.Mode(), err, want)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(path, "*.tmp")); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
}

func TestDirBelongsToOne(t *testing.T) {
	path := t.TempDir()
	first, second := open(t, path), open(t, path)
	r := put(t, first, "a", "1", "")
	got, seen, err := second.Get(t.Context(), "a") // reading is free
	if err != nil || string(got) != "1" {
		t.Fatalf("got %q, %v", got, err)
	}
	if _, err := second.CompareAndSwap(t.Context(), "a", []byte("2"), seen); !errors.Is(err, store.ErrHeld) {
		t.Errorf("writing: got %v, want %v", err, store.ErrHeld)
	}
	if _, err := second.Lease(t.Context(), "leader", time.Minute); !errors.Is(err, store.ErrHeld) {
		t.Errorf("leasing: got %v, want %v", err, store.ErrHeld)
	}
	if err := second.Move(t.Context(), "a", "b", seen); !errors.Is(err, store.ErrHeld) {
		t.Errorf("moving: got %v, want %v", err, store.ErrHeld)
	}
	put(t, first, "a", "3", r)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	// What it read before the directory was its own is stale, and it knows.
	if _, err := second.CompareAndSwap(t.Context(), "a", []byte("2"), seen); !errors.Is(err, store.ErrConflict) {
		t.Errorf("got %v, want %v", err, store.ErrConflict)
	}
	_, seen, _ = second.Get(t.Context(), "a")
	put(t, second, "a", "4", seen)
}

func TestDirThatCannotBeUsedIsTriedAgain(t *testing.T) {
	parent := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(parent, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	d := open(t, filepath.Join(parent, "state"))
	if _, err := d.CompareAndSwap(t.Context(), "a", nil, ""); err == nil || errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrHeld) {
		t.Fatalf("got %v, want the disk's error", err)
	}
	if _, err := d.Lease(t.Context(), "leader", time.Minute); err == nil {
		t.Fatal("a lease was granted")
	}
	if err := os.Remove(parent); err != nil {
		t.Fatal(err)
	}
	put(t, d, "a", "1", "")
}

func TestChangesOfOthersAreConflicts(t *testing.T) {
	path := t.TempDir()
	d := open(t, path)
	r := put(t, d, "a", "1", "")
	if err := os.WriteFile(filepath.Join(path, "new"), []byte("by hand"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(path, "new"), filepath.Join(path, "a")); err != nil {
		t.Fatal(err)
	}
	if _, err := d.CompareAndSwap(t.Context(), "a", []byte("2"), r); !errors.Is(err, store.ErrConflict) {
		t.Fatalf("got %v, want %v", err, store.ErrConflict)
	}
	got, r, err := d.Get(t.Context(), "a")
	if err != nil || string(got) != "by hand" {
		t.Fatalf("got %q, %v", got, err)
	}
	if err := os.Remove(filepath.Join(path, "a")); err != nil {
		t.Fatal(err)
	}
	if _, err := d.CompareAndSwap(t.Context(), "a", []byte("2"), r); !errors.Is(err, store.ErrConflict) {
		t.Fatalf("after a removal: got %v, want %v", err, store.ErrConflict)
	}
	put(t, d, "a", "2", "")
}

func TestWhatCannotBeReadCanBeKeptAside(t *testing.T) {
	path := t.TempDir()
	if err := os.Mkdir(filepath.Join(path, "a"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(path, "b"), 0o600); err != nil {
		t.Fatal(err)
	}
	d := open(t, path)
	for _, key := range []string{"a", "b"} {
		_, r, err := d.Get(t.Context(), key)
		if err == nil || r == "" {
			t.Fatalf("%s: revision %q, error %v, want an error and a revision", key, r, err)
		}
		if err := d.Move(t.Context(), key, key+".corrupt", r); err != nil {
			t.Fatal(err)
		}
		put(t, d, key, "1", "")
	}
}

func TestTokensGrowAcrossRestarts(t *testing.T) {
	path := t.TempDir()
	last := uint64(0)
	for range 3 {
		d := open(t, path)
		l, err := d.Lease(t.Context(), "leader", time.Minute)
		if err != nil || l.Token() <= last {
			t.Fatalf("token %v after %d, error %v", l, last, err)
		}
		last = l.Token()
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		select {
		case <-l.Lost():
		default:
			t.Error("closing the store leaves the lease")
		}
	}
	for _, text := range []string{"7", "half of a numbe\x00\x00\x00\x00\x00", strings.Repeat("\x00", 20), "18446744073709551615"} {
		if err := os.WriteFile(filepath.Join(path, "lock"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		d := open(t, path)
		l, err := d.Lease(t.Context(), "leader", time.Minute)
		if err != nil || l.Token() <= last {
			t.Fatalf("%q: got %v after %d, error %v", text, l, last, err)
		}
		last = 3 // all that had been counted before the file was damaged
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAfterClose(t *testing.T) {
	d := open(t, t.TempDir())
	r := put(t, d, "a", "1", "")
	ended := make(chan error, 1)
	seen := make(chan struct{})
	go func() {
		var last error
		for _, err := range d.Watch(context.Background(), "", "") {
			if last = err; err == nil {
				close(seen)
			}
		}
		ended <- last
	}()
	<-seen
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, store.ErrClosed) {
		t.Errorf("watch: got %v, want %v", err, store.ErrClosed)
	}
	if _, _, err := d.Get(t.Context(), "a"); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Get: got %v", err)
	}
	if _, err := d.CompareAndSwap(t.Context(), "a", nil, r); !errors.Is(err, store.ErrClosed) {
		t.Errorf("CompareAndSwap: got %v", err)
	}
	if _, err := d.Lease(t.Context(), "x", time.Minute); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Lease: got %v", err)
	}
}

// A disk that hangs must not hold up those whose patience ends.
func TestHangingDiskEndsWithTheContext(t *testing.T) {
	path := t.TempDir()
	d := open(t, path)
	pipe := filepath.Join(path, "a.tmp")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil { // opening it blocks until somebody reads
		t.Fatal(err)
	}
	written := make(chan error, 1)
	go func() {
		_, err := d.CompareAndSwap(context.Background(), "a", []byte("1"), "")
		written <- err
	}()
	for free := true; free; { // until the writer has the disk
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		_, _, err := d.Get(ctx, "b")
		free = err == nil
		if !free && !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v, want %v", err, context.DeadlineExceeded)
		}
		cancel()
	}
	r, err := os.Open(pipe)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := <-written; err == nil {
		t.Error("a pipe was synced") // EINVAL
	}
	if _, _, err := d.Get(t.Context(), "b"); err != nil {
		t.Error(err)
	}
}

const writerEnv = "SLUICE_TEST_WRITE_IN" // makes the test binary a process that writes for ever

func writeForEver(dir string) {
	d := store.NewDir(dir)
	ctx := context.Background()
	l, err := d.Lease(ctx, "writer", time.Hour)
	_, r, getErr := d.Get(ctx, "a")
	if err = errors.Join(err, getErr); err == nil {
		fmt.Println("writing", l.Token())
	}
	for n := 0; err == nil; n++ {
		r, err = l.CompareAndSwap(ctx, "a", []byte(strings.Repeat(fmt.Sprintf("%09d\n", n), 5000)), r)
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func TestKilledWriterLeavesOneWholeValue(t *testing.T) {
	dir := t.TempDir()
	last := uint64(0)
	for round := range 40 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), writerEnv+"="+dir)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var token uint64
		if _, err := fmt.Fscanf(bufio.NewReader(out), "writing %d\n", &token); err != nil || token <= last {
			t.Fatalf("round %d: token %d after %d: %v", round, token, last, err)
		}
		last = token
		<-time.After(time.Duration(round*173) * time.Microsecond) // wherever it is then
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		value, r, err := store.NewDir(dir).Get(t.Context(), "a")
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		if r != "" && (len(value) != 50000 || string(value) != strings.Repeat(string(value[:10]), 5000)) {
			t.Fatalf("round %d: half of two values", round)
		}
	}
}
