// Package storetest holds what any store must pass. Run makes a subtest of each clause of store.Store.
package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"sluice/store"
)

// Patience is how long a test waits for what must happen.
const Patience = 10 * time.Second

// Run tests one store. open makes an empty one, and cleans up after itself.
func Run(t *testing.T, open func(t *testing.T) store.Store) {
	for _, clause := range []struct {
		name string
		test func(t *testing.T, s store.Store)
	}{
		{"an absent key has the zero revision", absent},
		{"create, read, replace", replace},
		{"a revision that is not the newest conflicts", conflict},
		{"a revision never comes back with an old value", again},
		{"move keeps a value aside", move},
		{"values are the caller's own", own},
		{"big, empty and binary values", values},
		{"keys are checked", keys},
		{"of concurrent swaps one wins", oneWins},
		{"no update is lost", noneLost},
		{"a context that has ended has no effect", cancelled},
		{"watch begins with all that is there", watchAll},
		{"watch goes on from a revision", watchResumed},
		{"watch tells what it cannot resume", watchCompacted},
		{"watch never leaves out the newest", watchNewest},
		{"watch tells what is gone", watchGone},
		{"watch ends with its context", watchEnds},
		{"a lease is exclusive", leaseExclusive},
		{"of concurrent leases one is granted", leaseOnce},
		{"a lease that is not renewed expires", leaseExpires},
		{"a lease that is renewed stays", leaseRenewed},
		{"tokens grow", leaseTokens},
		{"a lost lease writes nothing", leaseFences},
		{"leases of other names are free", leaseNames},
	} {
		t.Run(clause.name, func(t *testing.T) { clause.test(t, open(t)) })
	}
}

func put(t *testing.T, s store.Store, key, value string, expected store.Revision) store.Revision {
	t.Helper()
	r, err := s.CompareAndSwap(t.Context(), key, []byte(value), expected)
	if err != nil {
		t.Fatalf("%s = %q: %v", key, value, err)
	}
	if r == "" {
		t.Fatalf("%s = %q: got the zero revision", key, value)
	}
	return r
}

func want(t *testing.T, s store.Store, key, value string, revision store.Revision) {
	t.Helper()
	got, r, err := s.Get(t.Context(), key)
	if err != nil || string(got) != value || r != revision {
		t.Fatalf("%s: got %.100q, revision %q, error %v, want %.100q, %q", key, got, r, err, value, revision)
	}
}

func wantErr(t *testing.T, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Fatalf("%s: got error %v, want %v", what, got, want)
	}
}

func absent(t *testing.T, s store.Store) {
	want(t, s, "nothing.json", "", "")
	_, err := s.CompareAndSwap(t.Context(), "nothing.json", []byte("x"), "made-up")
	wantErr(t, "replacing what does not exist", err, store.ErrConflict)
	want(t, s, "nothing.json", "", "")
}

func replace(t *testing.T, s store.Store) {
	first := put(t, s, "a.json", "1", "")
	want(t, s, "a.json", "1", first)
	second := put(t, s, "a.json", "22", first)
	want(t, s, "a.json", "22", second)
	if first == second {
		t.Errorf("two values have the revision %q", first)
	}
}

func conflict(t *testing.T, s store.Store) {
	first := put(t, s, "a", "1", "")
	second := put(t, s, "a", "2", first)
	for _, stale := range []store.Revision{"", first, "made-up"} {
		_, err := s.CompareAndSwap(t.Context(), "a", []byte("3"), stale)
		wantErr(t, fmt.Sprintf("revision %q", stale), err, store.ErrConflict)
	}
	want(t, s, "a", "2", second)
}

func again(t *testing.T, s store.Store) {
	first := put(t, s, "a", "same", "")
	other := put(t, s, "a", "another", first)
	third := put(t, s, "a", "same", other)
	if third == first {
		t.Fatalf("revision %q stands for two moments", first)
	}
	_, err := s.CompareAndSwap(t.Context(), "a", []byte("x"), first)
	wantErr(t, "the revision of an equal value from before", err, store.ErrConflict)
	if same := put(t, s, "a", "same", third); same == third {
		t.Error("a value that is written again keeps its revision")
	}
}

func move(t *testing.T, s store.Store) {
	first := put(t, s, "a", "1", "")
	second := put(t, s, "a", "2", first)
	wantErr(t, "a stale revision", s.Move(t.Context(), "a", "a.corrupt-1", first), store.ErrConflict)
	if err := s.Move(t.Context(), "a", "a.corrupt-1", second); err != nil {
		t.Fatal(err)
	}
	want(t, s, "a", "", "")
	if got, r, err := s.Get(t.Context(), "a.corrupt-1"); err != nil || string(got) != "2" || r == "" {
		t.Errorf("kept aside: got %q, revision %q, error %v, want 2", got, r, err)
	}
	third := put(t, s, "a", "3", "")
	wantErr(t, "a name that is taken", s.Move(t.Context(), "a", "a.corrupt-1", third), store.ErrConflict)
	want(t, s, "a", "3", third)
	if err := s.Move(t.Context(), "absent", "b", ""); err == nil {
		t.Error("what does not exist was moved")
	}
}

func own(t *testing.T, s store.Store) {
	value := []byte("abc")
	r, err := s.CompareAndSwap(t.Context(), "a", value, "")
	if err != nil {
		t.Fatal(err)
	}
	value[0] = 'X'
	want(t, s, "a", "abc", r)
	got, _, _ := s.Get(t.Context(), "a")
	got[0] = 'Y'
	want(t, s, "a", "abc", r)
}

func values(t *testing.T, s store.Store) {
	for name, value := range map[string][]byte{
		"empty": {}, "binary": {0, 1, 0xff, '\n', '\r', 0}, "big": bytes.Repeat([]byte("0123456789abcdef"), 8<<20/16),
	} {
		r := put(t, s, name, string(value), "")
		want(t, s, name, string(value), r)
		want(t, s, name, string(value), put(t, s, name, string(value), r))
	}
}

func keys(t *testing.T, s store.Store) {
	for _, key := range []string{"", ".", "..", ".hidden", "a/b", "../a", "a\x00b", "a b", "ä", "a.tmp", string(make([]byte, 201))} {
		if _, _, err := s.Get(t.Context(), key); err == nil {
			t.Errorf("%q was read", key)
		}
		if _, err := s.CompareAndSwap(t.Context(), key, nil, ""); err == nil || errors.Is(err, store.ErrConflict) {
			t.Errorf("%q was written: error %v", key, err)
		}
		if _, err := s.Lease(t.Context(), key, time.Second); err == nil {
			t.Errorf("a lease has the name %q", key)
		}
	}
	for _, key := range []string{"a", "A-9_z.json", "state.json.corrupt-20260102T150405.000"} {
		want(t, s, key, "v", put(t, s, key, "v", ""))
	}
}

func oneWins(t *testing.T, s store.Store) {
	const n = 16
	revision := store.Revision("")
	for round := range 5 {
		var wg sync.WaitGroup
		got := make([]store.Revision, n)
		errs := make([]error, n)
		for i := range n {
			wg.Go(func() {
				got[i], errs[i] = s.CompareAndSwap(t.Context(), "a", fmt.Append(nil, round, i), revision)
			})
		}
		wg.Wait()
		winner := -1
		for i, err := range errs {
			switch {
			case err == nil && winner >= 0:
				t.Fatalf("round %d: %d and %d both won", round, winner, i)
			case err == nil:
				winner = i
			default:
				wantErr(t, "a loser", err, store.ErrConflict)
			}
		}
		if winner < 0 {
			t.Fatalf("round %d: nobody won", round)
		}
		want(t, s, "a", string(fmt.Append(nil, round, winner)), got[winner])
		revision = got[winner]
	}
}

func noneLost(t *testing.T, s store.Store) {
	const writers, each = 8, 25
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for range each {
				if err := increment(t.Context(), s); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	got, _, err := s.Get(t.Context(), "count")
	if err != nil || string(got) != fmt.Sprint(writers*each) {
		t.Errorf("got %q, error %v, want %d", got, err, writers*each)
	}
}

func increment(ctx context.Context, s store.Store) error {
	for {
		value, revision, err := s.Get(ctx, "count")
		if err != nil {
			return err
		}
		n := 0
		if revision != "" {
			if _, err := fmt.Sscan(string(value), &n); err != nil {
				return err
			}
		}
		_, err = s.CompareAndSwap(ctx, "count", fmt.Append(nil, n+1), revision)
		if !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
}

func cancelled(t *testing.T, s store.Store) {
	r := put(t, s, "a", "1", "")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err := s.Get(ctx, "a")
	wantErr(t, "Get", err, context.Canceled)
	_, err = s.CompareAndSwap(ctx, "a", []byte("2"), r)
	wantErr(t, "CompareAndSwap", err, context.Canceled)
	wantErr(t, "Move", s.Move(ctx, "a", "b", r), context.Canceled)
	_, err = s.Lease(ctx, "name", time.Minute)
	wantErr(t, "Lease", err, context.Canceled)
	want(t, s, "a", "1", r)
	l, err := s.Lease(t.Context(), "name", time.Minute)
	if err != nil {
		t.Fatalf("after a lease that was cancelled: %v", err)
	}
	wantErr(t, "Renew", l.Renew(ctx), context.Canceled)
	_, err = l.CompareAndSwap(ctx, "a", []byte("2"), r)
	wantErr(t, "CompareAndSwap of a lease", err, context.Canceled)
	want(t, s, "a", "1", r)
}
