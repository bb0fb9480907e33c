package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/store"
	"sluice/store/storetest"
)

// memory is a store that keeps every change, as a replicated log does: the contract
// must hold for something that is built quite differently from Dir.
type memory struct {
	mu      sync.Mutex
	log     []store.Change
	changed chan struct{}
	tokens  uint64
	leases  map[string]*memoryLease
}

func newMemory() *memory {
	return &memory{changed: make(chan struct{}), leases: map[string]*memoryLease{}}
}

// at is the newest change of a key. mu is held.
func (m *memory) at(key string) store.Change {
	for i := len(m.log) - 1; i >= 0; i-- {
		if m.log[i].Key == key {
			if m.log[i].Gone {
				break
			}
			return m.log[i]
		}
	}
	return store.Change{Key: key}
}

func (m *memory) add(c store.Change) store.Revision {
	c.Revision = store.Revision(fmt.Sprint(len(m.log) + 1))
	m.log = append(m.log, c)
	close(m.changed)
	m.changed = make(chan struct{})
	return c.Revision
}

func (m *memory) Get(ctx context.Context, key string) ([]byte, store.Revision, error) {
	if err := errors.Join(ctx.Err(), store.CheckKey(key)); err != nil {
		return nil, "", err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.at(key)
	return bytes.Clone(c.Value), c.Revision, nil
}

func (m *memory) CompareAndSwap(ctx context.Context, key string, value []byte, expected store.Revision) (store.Revision, error) {
	return m.swap(ctx, key, value, expected, nil)
}

func (m *memory) swap(ctx context.Context, key string, value []byte, expected store.Revision, l *memoryLease) (store.Revision, error) {
	if err := errors.Join(ctx.Err(), store.CheckKey(key)); err != nil {
		return "", err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if l != nil && l.isOver() {
		return "", store.ErrLost
	}
	if m.at(key).Revision != expected {
		return "", store.ErrConflict
	}
	return m.add(store.Change{Key: key, Value: bytes.Clone(value)}), nil
}

func (m *memory) Move(ctx context.Context, from, to string, expected store.Revision) error {
	if err := errors.Join(ctx.Err(), store.CheckKey(from), store.CheckKey(to)); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.at(from)
	switch {
	case c.Revision != expected || m.at(to).Revision != "":
		return store.ErrConflict
	case expected == "":
		return errors.New("there is none")
	}
	m.add(store.Change{Key: from, Gone: true})
	m.add(store.Change{Key: to, Value: c.Value})
	return nil
}

func (m *memory) Watch(ctx context.Context, prefix string, after store.Revision) iter.Seq2[store.Change, error] {
	return func(yield func(store.Change, error) bool) {
		at := 0
		m.mu.Lock()
		newest := len(m.log)
		m.mu.Unlock()
		if _, err := fmt.Sscan(string(after), &at); after != "" && (err != nil || at > newest) {
			yield(store.Change{}, store.ErrCompacted)
			return
		}
		for ctx.Err() == nil {
			m.mu.Lock()
			changed, n := m.changed, len(m.log)
			var todo []store.Change
			for i, c := range m.log[at:] {
				gone := c.Gone && (after != "" || at > 0)
				if strings.HasPrefix(c.Key, prefix) && (gone || m.at(c.Key).Revision == c.Revision) {
					c.Value = bytes.Clone(m.log[at+i].Value)
					todo = append(todo, c)
				}
			}
			m.mu.Unlock()
			at = n
			for _, c := range todo {
				if !yield(c, nil) {
					return
				}
			}
			select {
			case <-ctx.Done():
			case <-changed:
			}
		}
	}
}

type memoryLease struct {
	m     *memory
	token uint64
	ttl   time.Duration
	until time.Time
	timer *time.Timer
	lost  chan struct{}
}

func (m *memory) Lease(ctx context.Context, name string, ttl time.Duration) (store.Lease, error) {
	if err := errors.Join(ctx.Err(), store.CheckKey(name)); err != nil {
		return nil, err
	}
	if ttl < time.Millisecond {
		return nil, errors.New("no ttl")
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if l := m.leases[name]; l != nil && !l.isOver() {
		return nil, store.ErrHeld
	}
	m.tokens++
	l := &memoryLease{m: m, token: m.tokens, ttl: ttl, until: time.Now().Add(ttl), lost: make(chan struct{})}
	l.timer = time.AfterFunc(ttl, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		l.isOver()
	})
	m.leases[name] = l
	return l, nil
}

// isOver closes lost once the time is up. mu is held.
func (l *memoryLease) isOver() bool {
	select {
	case <-l.lost:
		return true
	default:
	}
	if time.Now().Before(l.until) {
		return false
	}
	l.timer.Stop()
	close(l.lost)
	return true
}

func (l *memoryLease) Token() uint64         { return l.token }
func (l *memoryLease) Lost() <-chan struct{} { return l.lost }

func (l *memoryLease) Renew(ctx context.Context) error {
	l.m.mu.Lock()
	defer l.m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if l.isOver() {
		return store.ErrLost
	}
	l.until = time.Now().Add(l.ttl)
	l.timer.Reset(l.ttl)
	return nil
}

func (l *memoryLease) CompareAndSwap(ctx context.Context, key string, value []byte, expected store.Revision) (store.Revision, error) {
	return l.m.swap(ctx, key, value, expected, l)
}

func (l *memoryLease) Release(ctx context.Context) error {
	l.m.mu.Lock()
	defer l.m.mu.Unlock()
	l.until = time.Now()
	l.isOver()
	return ctx.Err()
}

func TestMemoryKeepsTheContract(t *testing.T) {
	storetest.Run(t, func(*testing.T) store.Store { return newMemory() })
}
