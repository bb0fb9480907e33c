package store

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"
)

// Errors that callers tell apart. All others are the disk's or the network's: of a change
// that ended in one, nobody knows whether it happened, until the key is read again.
var (
	ErrConflict  = errors.New("changed meanwhile")
	ErrHeld      = errors.New("in use by another process")
	ErrLost      = errors.New("the lease is lost")
	ErrCompacted = errors.New("what happened since is forgotten")
	ErrClosed    = errors.New("the store is closed")
	ErrTooLarge  = errors.New("the value is too large")
)

// Revision names one state of one key, and the moment at which the key came to it. It
// is opaque, equal only to itself, and may outlive the process or not: one that a
// store does not know conflicts. The zero value stands for a key that does not exist.
type Revision string

// Store keeps values under keys. It must be safe for concurrent use, by any number of
// processes where it can be reached by several. Every method returns soon after ctx
// ends; one that has ended already makes it fail with ctx's error, without any effect.
type Store interface {
	// Get returns the value of a key, or the zero revision if there is none. A value that is there and
	// cannot be read is an error with its revision.
	Get(ctx context.Context, key string) (value []byte, revision Revision, err error)

	// CompareAndSwap replaces the value of a key if its revision is expected; the zero
	// revision demands that the key does not exist. Otherwise ErrConflict. Once it
	// returned without error, the value survives a crash of the process, and of the machine
	// as far as the store promises that at all. A reader sees the old value or the new one. 8 MiB must
	// fit, whatever is behind; ErrTooLarge beyond what does.
	CompareAndSwap(ctx context.Context, key string, value []byte, expected Revision) (Revision, error)

	// Move gives a value another key, which must not exist yet, under the conditions of
	// CompareAndSwap. It is how a text that nobody understands is kept aside.
	Move(ctx context.Context, from, to string, expected Revision) error

	// Watch yields the changes of keys with that prefix after a revision, in the order in
	// which they happened, and blocks between them. A key that changes twice while the caller
	// is busy may show its newest value only, but that it never leaves out. From the zero revision it
	// begins with all that is there. It ends with ctx, or after it has yielded an error:
	// ErrCompacted says that the revision is too old to go on from. Begin from zero then.
	Watch(ctx context.Context, prefix string, after Revision) iter.Seq2[Change, error]

	// Lease makes the caller the one that holds name, until it releases it or has not renewed
	// it for a ttl. ErrHeld if another holds it. At least a millisecond.
	Lease(ctx context.Context, name string, ttl time.Duration) (Lease, error)
}

// Change is one change of one key.
type Change struct {
	Key      string
	Value    []byte
	Gone     bool     // the key does not exist any more
	Revision Revision // to go on from; of a key that is gone good for nothing else
}

// Lease is held by one at a time. Its methods are safe for concurrent use.
type Lease interface {
	// Token grows with each lease of that name, also across restarts: what has seen a
	// higher one refuses what comes with a lower one.
	Token() uint64

	// Renew holds the lease for a further ttl from now. ErrLost if it is lost already. After any other
	// error the lease holds until its time is over.
	Renew(ctx context.Context) error

	// Lost is closed as soon as the holder can know that it holds the lease no more, released ones included.
	Lost() <-chan struct{}

	// CompareAndSwap is the store's, but fails with ErrLost if the lease does not
	// hold any more: a holder that was asleep overwrites nothing of the next one.
	CompareAndSwap(ctx context.Context, key string, value []byte, expected Revision) (Revision, error)

	// Release lets go of the lease at once. Of a lost one it does nothing.
	Release(ctx context.Context) error
}

const maxKey = 200 // bytes

// CheckKey says what is wrong with a key, or with the name of a lease: both are 1 to 200 letters,
// digits, '.', '_' and '-', with no '.' in front; they do not end in .tmp and are not "lock".
// Every store has the same rule, so that what works with one works with all.
func CheckKey(key string) error {
	const want = "want up to 200 letters, digits, '.', '_' and '-', not beginning with '.', ending in .tmp or lock"
	valid := func(c rune) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-'
	}
	if key == "" || len(key) > maxKey || key[0] == '.' || key == lockFile || strings.HasSuffix(key, ".tmp") ||
		strings.ContainsFunc(key, func(c rune) bool { return !valid(c) }) {
		return fmt.Errorf("key %.40q: %s", key, want)
	}
	return nil
}
