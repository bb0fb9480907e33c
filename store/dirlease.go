package store

import (
	"context"
	"fmt"
	"time"
)

// dirLease is a lease among those that share a Dir: another process cannot even
// use the directory.
type dirLease struct {
	dir   *Dir
	name  string
	token uint64
	ttl   time.Duration
	lost  chan struct{}

	// Guarded by dir.mu.
	until time.Time
	timer *time.Timer
	over  bool
}

// Lease implements Store.
func (d *Dir) Lease(ctx context.Context, name string, ttl time.Duration) (Lease, error) {
	if err := CheckKey(name); err != nil {
		return nil, err
	}
	if ttl < time.Millisecond {
		return nil, fmt.Errorf("lease %s: got a ttl of %v, want at least 1ms", name, ttl)
	}
	if err := d.take(ctx); err != nil {
		return nil, fmt.Errorf("lease %s: %w", name, err)
	}
	defer d.pass()
	if err := d.claim(); err != nil {
		return nil, err
	}
	if d.held(name) {
		return nil, fmt.Errorf("lease %s: %w", name, ErrHeld)
	}
	token, err := d.nextToken()
	if err != nil {
		return nil, fmt.Errorf("lease %s: %w", name, err)
	}
	l := &dirLease{dir: d, name: name, token: token, ttl: ttl, lost: make(chan struct{})}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.leases[name] = l
	l.until = time.Now().Add(ttl)
	l.timer = time.AfterFunc(ttl, func() { l.expired() })
	return l, nil
}

func (d *Dir) held(name string) bool {
	d.mu.Lock()
	l := d.leases[name]
	d.mu.Unlock()
	return l != nil && !l.expired()
}

// expireAll ends every lease.
func (d *Dir) expireAll() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, l := range d.leases {
		l.end()
	}
}

// expired reports whether the lease is over, and ends it if its time is up.
func (l *dirLease) expired() bool {
	l.dir.mu.Lock()
	defer l.dir.mu.Unlock()
	if !l.over && !time.Now().Before(l.until) {
		l.end()
	}
	return l.over
}

// end closes lost once. dir.mu is held.
func (l *dirLease) end() {
	if l.over {
		return
	}
	l.over = true
	l.timer.Stop()
	close(l.lost)
	if l.dir.leases[l.name] == l {
		delete(l.dir.leases, l.name)
	}
}

func (l *dirLease) Token() uint64         { return l.token }
func (l *dirLease) Lost() <-chan struct{} { return l.lost }

func (l *dirLease) Renew(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("renew lease %s: %w", l.name, err)
	}
	if l.expired() {
		return fmt.Errorf("renew lease %s: %w", l.name, ErrLost)
	}
	l.dir.mu.Lock()
	defer l.dir.mu.Unlock()
	if l.over {
		return fmt.Errorf("renew lease %s: %w", l.name, ErrLost)
	}
	l.until = time.Now().Add(l.ttl)
	l.timer.Reset(l.ttl)
	return nil
}

func (l *dirLease) CompareAndSwap(ctx context.Context, key string, value []byte, expected Revision) (Revision, error) {
	return l.dir.swap(ctx, key, value, expected, l)
}

func (l *dirLease) Release(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("release lease %s: %w", l.name, err)
	}
	l.dir.mu.Lock()
	defer l.dir.mu.Unlock()
	l.end()
	return nil
}
