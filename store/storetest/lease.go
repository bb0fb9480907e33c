package storetest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"sluice/store"
)

// short is a ttl that a test waits for.
const short = 300 * time.Millisecond

func lease(t *testing.T, s store.Store, name string, ttl time.Duration) store.Lease {
	t.Helper()
	l, err := s.Lease(t.Context(), name, ttl)
	if err != nil {
		t.Fatalf("lease %s: %v", name, err)
	}
	t.Cleanup(func() { _ = l.Release(context.Background()) })
	return l
}

func wantLost(t *testing.T, l store.Lease) {
	t.Helper()
	select {
	case <-l.Lost():
	case <-time.After(Patience):
		t.Fatal("nobody tells that the lease is lost")
	}
	wantErr(t, "renewing a lost lease", l.Renew(t.Context()), store.ErrLost)
}

func leaseExclusive(t *testing.T, s store.Store) {
	first := lease(t, s, "leader", time.Minute)
	_, err := s.Lease(t.Context(), "leader", time.Minute)
	wantErr(t, "a second lease", err, store.ErrHeld)
	select {
	case <-first.Lost():
		t.Fatal("lost at once")
	default:
	}
	if err := first.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantLost(t, first)
	second := lease(t, s, "leader", time.Minute)
	if err := first.Release(t.Context()); err != nil {
		t.Errorf("released again: %v", err)
	}
	if err := second.Renew(t.Context()); err != nil {
		t.Errorf("the old holder's release took the lease of the new one: %v", err)
	}
}

func leaseOnce(t *testing.T, s store.Store) {
	var wg sync.WaitGroup
	granted := make(chan store.Lease, 16)
	for range 16 {
		wg.Go(func() {
			l, err := s.Lease(t.Context(), "leader", time.Minute)
			if err == nil {
				granted <- l
			} else if !errors.Is(err, store.ErrHeld) {
				t.Errorf("got %v, want %v", err, store.ErrHeld)
			}
		})
	}
	wg.Wait()
	if n := len(granted); n != 1 {
		t.Fatalf("%d leases were granted, want 1", n)
	}
	if err := (<-granted).Release(t.Context()); err != nil {
		t.Error(err)
	}
}

func leaseExpires(t *testing.T, s store.Store) {
	first := lease(t, s, "leader", short)
	wantLost(t, first)
	deadline := time.Now().Add(Patience)
	for { // a store may take a moment longer than the holder
		_, err := s.Lease(t.Context(), "leader", time.Minute)
		if err == nil {
			break
		}
		wantErr(t, "after the ttl", err, store.ErrHeld)
		if time.Now().After(deadline) {
			t.Fatal("the lease does not expire")
		}
	}
	wantErr(t, "a lease that was lost", first.Renew(t.Context()), store.ErrLost)
	if _, err := s.Lease(t.Context(), "other", 0); err == nil {
		t.Error("a lease without a ttl was granted")
	}
}

func leaseRenewed(t *testing.T, s store.Store) {
	l := lease(t, s, "leader", short)
	tick := time.NewTicker(short / 6)
	defer tick.Stop()
	for end := time.Now().Add(3 * short); time.Now().Before(end); <-tick.C {
		if err := l.Renew(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	_, err := s.Lease(t.Context(), "leader", short)
	wantErr(t, "long after the first ttl", err, store.ErrHeld)
	wantLost(t, l) // and now it is left alone
}

func leaseTokens(t *testing.T, s store.Store) {
	last := uint64(0)
	for range 5 {
		l := lease(t, s, "leader", time.Minute)
		if l.Token() <= last {
			t.Fatalf("token %d comes after %d", l.Token(), last)
		}
		last = l.Token()
		if err := l.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func leaseFences(t *testing.T, s store.Store) {
	old := lease(t, s, "leader", time.Minute)
	r, err := old.CompareAndSwap(t.Context(), "a", []byte("old"), "")
	if err != nil {
		t.Fatal(err)
	}
	want(t, s, "a", "old", r)
	_, err = old.CompareAndSwap(t.Context(), "a", []byte("stale"), "")
	wantErr(t, "a lease does not replace the revision", err, store.ErrConflict)
	if err := old.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	// Even with the right revision, and before the next holder has written anything.
	_, err = old.CompareAndSwap(t.Context(), "a", []byte("stale"), r)
	wantErr(t, "after the release", err, store.ErrLost)
	next := lease(t, s, "leader", time.Minute)
	_, err = old.CompareAndSwap(t.Context(), "a", []byte("stale"), r)
	wantErr(t, "while another holds it", err, store.ErrLost)
	if r, err = next.CompareAndSwap(t.Context(), "a", []byte("new"), r); err != nil {
		t.Fatal(err)
	}
	want(t, s, "a", "new", r)

	brief := lease(t, s, "brief", short)
	wantLost(t, brief)
	_, err = brief.CompareAndSwap(t.Context(), "a", []byte("stale"), r)
	wantErr(t, "after its time", err, store.ErrLost)
	want(t, s, "a", "new", r)
}

func leaseNames(t *testing.T, s store.Store) {
	lease(t, s, "one", time.Minute)
	lease(t, s, "two", time.Minute)
	put(t, s, "one", "a key is no lease", "")
}
