package storetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"sluice/store"
)

// follow collects what a watch yields, one at a time, so that a test can wait for it.
func follow(t *testing.T, s store.Store, prefix string, after store.Revision) (changes <-chan store.Change, end func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, ended := make(chan store.Change), make(chan error, 1)
	go func() {
		var last error
		for c, err := range s.Watch(ctx, prefix, after) {
			if last = err; err != nil {
				break
			}
			select {
			case out <- c:
			case <-ctx.Done():
			}
		}
		ended <- last
	}()
	return out, func() error {
		cancel()
		select {
		case err := <-ended:
			return err
		case <-time.After(Patience):
			t.Fatal("the watch goes on after its context ended")
			return nil
		}
	}
}

func next(t *testing.T, changes <-chan store.Change) store.Change {
	t.Helper()
	select {
	case c := <-changes:
		return c
	case <-time.After(Patience):
		t.Fatal("the watch yields nothing")
		return store.Change{}
	}
}

func wantChange(t *testing.T, changes <-chan store.Change, key, value string, r store.Revision) {
	t.Helper()
	if c := next(t, changes); c.Key != key || string(c.Value) != value || c.Gone || c.Revision != r {
		t.Fatalf("got %s = %q, gone %v, revision %q, want %s = %q, revision %q", c.Key, c.Value, c.Gone, c.Revision, key, value, r)
	}
}

func watchAll(t *testing.T, s store.Store) {
	b := put(t, s, "x-b", "1", "")
	put(t, s, "y", "1", "")
	a := put(t, s, "x-a", "1", "")
	b = put(t, s, "x-b", "2", b)
	changes, end := follow(t, s, "x-", "")
	wantChange(t, changes, "x-a", "1", a) // in order of the newest change
	wantChange(t, changes, "x-b", "2", b)
	put(t, s, "y2", "1", "")
	a = put(t, s, "x-a", "3", a)
	wantChange(t, changes, "x-a", "3", a)
	c := put(t, s, "x-c", "", "")
	wantChange(t, changes, "x-c", "", c)
	if err := end(); err != nil {
		t.Error(err)
	}
}

func watchResumed(t *testing.T, s store.Store) {
	a1 := put(t, s, "a", "1", "")
	put(t, s, "b", "1", "")
	a2 := put(t, s, "a", "2", a1)
	changes, end := follow(t, s, "", a2)
	c := put(t, s, "c", "1", "")
	wantChange(t, changes, "c", "1", c)
	if err := end(); err != nil {
		t.Error(err)
	}
	a3 := put(t, s, "a", "3", a2) // while nobody watches
	changes, end = follow(t, s, "", c)
	wantChange(t, changes, "a", "3", a3)
	if err := end(); err != nil {
		t.Error(err)
	}
}

func watchCompacted(t *testing.T, s store.Store) {
	put(t, s, "a", "1", "")
	n := 0
	for c, err := range s.Watch(t.Context(), "", "made-up") {
		if n++; err == nil || c.Key != "" {
			t.Fatalf("got %+v, error %v, want an error", c, err)
		}
		wantErr(t, "an unknown revision", err, store.ErrCompacted)
	}
	if n != 1 {
		t.Errorf("yielded %d times, want one error", n)
	}
}

func watchNewest(t *testing.T, s store.Store) {
	changes, end := follow(t, s, "", "")
	const n = 200
	var r store.Revision
	for i := range n {
		r = put(t, s, "a", fmt.Sprintf("%06d", i), r)
	}
	last := ""
	for {
		c := next(t, changes)
		if string(c.Value) <= last {
			t.Fatalf("got %s after %s", c.Value, last)
		}
		if last = string(c.Value); c.Revision == r {
			break
		}
	}
	if last != fmt.Sprintf("%06d", n-1) {
		t.Errorf("the last is %s", last)
	}
	if err := end(); err != nil {
		t.Error(err)
	}
}

func watchGone(t *testing.T, s store.Store) {
	r := put(t, s, "a", "1", "")
	changes, end := follow(t, s, "a", "")
	wantChange(t, changes, "a", "1", r)
	if err := s.Move(t.Context(), "a", "b", r); err != nil {
		t.Fatal(err)
	}
	if c := next(t, changes); c.Key != "a" || !c.Gone || len(c.Value) > 0 {
		t.Errorf("got %+v, want a to be gone", c)
	}
	if err := end(); err != nil {
		t.Error(err)
	}
	changes, end = follow(t, s, "", "")
	if c := next(t, changes); c.Key != "b" || string(c.Value) != "1" || c.Gone {
		t.Errorf("got %+v, want b alone", c)
	}
	if err := end(); err != nil {
		t.Error(err)
	}
}

func watchEnds(t *testing.T, s store.Store) {
	changes, end := follow(t, s, "", "")
	r := put(t, s, "a", "1", "")
	wantChange(t, changes, "a", "1", r)
	if err := end(); err != nil {
		t.Errorf("got %v, want no error", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for c, err := range s.Watch(ctx, "", "") {
		t.Errorf("a watch without a context yielded %+v, %v", c, err)
	}
	for range s.Watch(t.Context(), "", "") { // the caller may leave
		break
	}
}
