package rollout

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"sluice/store"
)

// narrow is a directory on a disk that can be full but for what was kept.
type narrow struct {
	*store.Dir
	full, kept atomic.Bool
}

type narrowLease struct {
	store.Lease
	disk *narrow
}

func (n *narrow) Lease(ctx context.Context, name string, ttl time.Duration) (store.Lease, error) {
	l, err := n.Dir.Lease(ctx, name, ttl)
	return narrowLease{l, n}, err
}

func (n *narrow) Reserve(context.Context, int) error {
	n.kept.Store(true)
	return nil
}

func (n *narrow) Release(context.Context) bool { return n.kept.CompareAndSwap(true, false) }

func (l narrowLease) CompareAndSwap(ctx context.Context, key string, value []byte, r store.Revision) (store.Revision, error) {
	if l.disk.full.Load() && l.disk.kept.Load() {
		return "", syscall.ENOSPC
	}
	return l.Lease.CompareAndSwap(ctx, key, value, r)
}

// TestFullDiskKeepsRoomForWhatComesDown: on a full disk nothing rises, and an abort is on disk nevertheless: after
// kill -9 the canary would be back, and go on rising.
func TestFullDiskKeepsRoomForWhatComesDown(t *testing.T) {
	dir := t.TempDir()
	running(t, Options{StateDir: dir}, one(canaryShop(500, 2500)), func(b *bench) {
		disk := &narrow{}
		b.saver.disk.Lock()
		docs := b.saver.store
		if err := docs.lease.Release(t.Context()); err != nil {
			t.Error(err)
		}
		disk.Dir = docs.Store.(*store.Dir)
		docs.Store, docs.lease = disk, nil
		b.saver.disk.Unlock()
		b.start()
		b.serve(5*time.Second, 400, nil)
		b.wantWeights(9500, 500)
		disk.full.Store(true)
		b.serve(2*time.Minute, 400, nil)
		b.wantWeights(9500, 500)
		if st := b.wantPhase(PhaseWaiting); st.Waiting != "disk" {
			t.Errorf("waits for %s: %s", st.Waiting, st.Reason)
		}
		if n := len(b.events("store")); n == 0 {
			t.Error("nobody was told that the disk is full")
		}
		b.verb(VerbAbort)
		b.wantWeights(10000, 0)
		var state savedState
		raw, err := os.ReadFile(filepath.Join(dir, stateFile))
		if err = errors.Join(err, json.Unmarshal(raw, &state)); err != nil {
			t.Fatal(err)
		}
		var cs coursed
		if err := json.Unmarshal(state.Services["shop"].Rollout, &cs); err != nil {
			t.Fatal(err)
		}
		if state.Services["shop"].Weights["v2"] != 0 || cs.Run.Phase != PhaseAborted {
			t.Errorf("on disk are weights %v and a rollout that is %s", state.Services["shop"].Weights, cs.Run.Phase)
		}
	})
}
