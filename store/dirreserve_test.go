package store_test

import (
	"os"
	"path/filepath"
	"testing"
)

func TestReserveKeepsRoom(t *testing.T) {
	path := t.TempDir()
	size := func() int64 {
		f, err := os.Stat(filepath.Join(path, ".reserve"))
		if err != nil {
			return 0
		}
		return f.Size()
	}
	d := open(t, path)
	if err := d.Reserve(t.Context(), 10000); err != nil || size() != 0 {
		t.Errorf("a directory that is not ours has a reserve of %d: %v", size(), err)
	}
	if d.Release(t.Context()) {
		t.Error("released what was not kept")
	}
	put(t, d, "a", "1", "")
	for _, bytes := range []int{10000, 5000, 20000} {
		if err := d.Reserve(t.Context(), bytes); err != nil || size() < int64(bytes) {
			t.Errorf("%d bytes are kept, want %d: %v", size(), bytes, err)
		}
	}
	if !d.Release(t.Context()) || size() != 0 || d.Release(t.Context()) {
		t.Error("a reserve is released once")
	}
	if err := d.Reserve(t.Context(), 10000); err != nil || size() != 10000 {
		t.Errorf("%d bytes are kept: %v", size(), err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	next := open(t, path)
	put(t, next, "b", "1", "")
	if err := next.Reserve(t.Context(), 10000); err != nil || size() != 10000 || !next.Release(t.Context()) {
		t.Errorf("what an earlier process kept is %d bytes: %v", size(), err)
	}
}
