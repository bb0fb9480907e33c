package rollout

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"syscall"
	"time"

	"sluice/store"
)

const (
	stateFile     = "state.json"
	decisionsFile = "decisions.json"
	historyFile   = "history.json"
	schema        = 1 // of all files; a reader refuses any other

	leaseName  = "controller"
	leaseTTL   = 15 * time.Second
	leaseRenew = 5 * time.Second

	reserved = 256 << 10 // bytes of disk kept for what is in force: live state takes some KiB for each service
)

// errLocked says that another process owns the state.
var errLocked = store.ErrHeld

// documents are the JSON texts that the Controller keeps in a store, under a lease: a process
// that lost it overwrites nothing of the one that has it. The methods are not
// safe for concurrent use; the saver serialises them.
type documents struct {
	store.Store
	open      func() (store.Store, func() error) // opens the store anew; nil: it is not ours to open and close
	close     func() error
	lease     store.Lease               // nil: none yet, as the store could not be used
	revisions map[string]store.Revision // as last read or written
	failures  atomic.Uint64
}

// openStore takes the directory dir, making it if need be. The error wraps errLocked if
// another process holds it; any other error leaves documents that try again
// at each write.
func openStore(dir string) (*documents, error) {
	s := openDocuments(nil)
	s.open = func() (store.Store, func() error) {
		d := store.NewDir(dir)
		return d, d.Close
	}
	s.Store, s.close = s.open()
	return s, s.claim()
}

// reopen takes the store again after free. What stands there by then is overwritten by
// the next write: revisions mean nothing to a store that was opened anew.
func (s *documents) reopen() error {
	if s.open == nil {
		return s.claim()
	}
	s.Store, s.close = s.open()
	s.revisions = map[string]store.Revision{}
	return s.claim()
}

// openDocuments keeps documents in st.
func openDocuments(st store.Store) *documents {
	return &documents{Store: st, revisions: map[string]store.Revision{}}
}

// claim takes the lease, unless it is held.
func (s *documents) claim() error {
	if s.lease != nil {
		select {
		case <-s.lease.Lost():
			s.lease = nil
		default:
			return nil
		}
	}
	l, err := s.Lease(context.Background(), leaseName, leaseTTL)
	if err == nil {
		s.lease = l
	}
	return err
}

// reserver is a store that can keep room for a value that must be written when the disk is full.
type reserver interface {
	Reserve(ctx context.Context, bytes int) error
	Release(ctx context.Context) bool
}

// writeAlways replaces a document whose text must not be lost: on a full disk it takes the room that was kept for that. Then
// full says so, and err is nil.
func (s *documents) writeAlways(name string, v any) (full, err error) {
	err = s.write(name, v)
	r, ok := s.Store.(reserver)
	if !ok {
		return nil, err
	}
	if noRoom(err) && r.Release(context.Background()) {
		if again := s.write(name, v); again == nil {
			full, err = err, nil
		}
	}
	_ = r.Reserve(context.Background(), reserved) // as much as there is: on a full disk what rises finds none of it
	return full, err
}

func noRoom(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

// renew holds the lease for longer. One that was lost is taken again by the next write.
func (s *documents) renew() {
	if s.lease != nil && errors.Is(s.lease.Renew(context.Background()), store.ErrLost) {
		s.lease = nil
	}
}

// free gives the store free for another process.
func (s *documents) free() {
	if s.lease != nil {
		_ = s.lease.Release(context.Background()) // it would end by itself
		s.lease = nil
	}
	if s.close != nil {
		_ = s.close() // what is closed is the lock; all that was written is synced
	}
}

// read decodes a document into v. It reports false if there is none. One that
// cannot be understood is renamed to NAME.corrupt-TIME; the error says so.
func (s *documents) read(name string, v any) (found bool, err error) {
	raw, revision, err := s.Get(context.Background(), name)
	if err == nil && revision == "" {
		return false, nil
	}
	if err == nil {
		if err = decode(raw, v); err != nil {
			err = fmt.Errorf("read %s: %w", name, err)
		}
	}
	if err == nil {
		s.revisions[name] = revision
		return true, nil
	}
	aside := name + ".corrupt-" + time.Now().UTC().Format("20060102T150405.000")
	if moveErr := s.Move(context.Background(), name, aside, revision); moveErr != nil {
		return false, fmt.Errorf("%w (and it could not be kept aside: %w)", err, moveErr)
	}
	return false, fmt.Errorf("%w (kept aside as %s)", err, aside)
}

func decode(raw []byte, v any) error {
	var head struct {
		Schema int `json:"schema"`
	}
	if err := json.Unmarshal(raw, &head); err != nil {
		return err
	}
	if head.Schema != schema {
		return fmt.Errorf("schema is %d, want %d", head.Schema, schema)
	}
	return json.Unmarshal(raw, v)
}

// write replaces a document. It counts failures.
func (s *documents) write(name string, v any) error {
	err := s.claim()
	if err == nil {
		err = s.replace(name, v)
	}
	if err != nil {
		s.failures.Add(1)
	}
	return err
}

// replace takes the newest text for granted only as long as the lease is ours: what somebody
// put there without it (by hand, or by a write of ours of which we saw the error only) is overwritten.
func (s *documents) replace(name string, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode %s: %w", name, err)
	}
	ctx := context.Background()
	for range 3 {
		var revision store.Revision
		if revision, err = s.lease.CompareAndSwap(ctx, name, raw, s.revisions[name]); err == nil {
			s.revisions[name] = revision
			return nil
		}
		if !errors.Is(err, store.ErrConflict) {
			return err
		}
		_, s.revisions[name], _ = s.Get(ctx, name) // one that can't be read has a revision as well
	}
	return err
}
