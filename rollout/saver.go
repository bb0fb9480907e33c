package rollout

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	saveTimeout = 5 * time.Second // how long a command waits for the disk that must keep it
	saveGrace   = 2 * time.Second // and one that is in force already
	saveRetry   = 5 * time.Second // after a failed save
)

// saver writes what is live to the store, beside the controller's goroutine:
// any number of kicks while it writes make one further write. A disk that
// hangs stops nothing but those who wait for it.
type saver struct {
	store   *documents   // nil: nothing is kept
	write   func() error // takes a snapshot and writes it; never called concurrently
	kicked  chan struct{}
	disk    sync.Mutex // held while writing
	failing bool       // the last write failed; guarded by disk

	mu      sync.Mutex
	running bool
	ended   bool
	waiters []chan error
}

// kick asks for a save soon. It never blocks.
func (s *saver) kick() {
	select {
	case s.kicked <- struct{}{}:
	default:
	}
}

// wait asks for a save that includes all that is known now, and returns when
// it is on disk, or cannot be put there within that time.
func (s *saver) wait(within time.Duration) error {
	if s.store == nil {
		return nil
	}
	s.mu.Lock()
	if s.ended {
		s.mu.Unlock()
		return errors.New("the controller has ended")
	}
	done := make(chan error, 1)
	s.waiters = append(s.waiters, done)
	running := s.running
	s.mu.Unlock()
	if !running {
		s.flush()
	}
	s.kick()
	timeout := time.NewTimer(within)
	defer timeout.Stop()
	select {
	case err := <-done:
		return err
	case <-timeout.C:
		return fmt.Errorf("not on disk within %v", within)
	}
}

func (s *saver) begin() {
	s.mu.Lock()
	s.running = true
	s.mu.Unlock()
}

// runs reports whether the saver's own goroutine does the writing.
func (s *saver) runs() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.running
}

// run saves at each kick, and again after a failure, until stop is closed;
// then a last time. Between them it renews the lease.
func (s *saver) run(stop <-chan struct{}) {
	defer s.end()
	renew := time.NewTicker(leaseRenew)
	defer renew.Stop()
	var retry <-chan time.Time
	for {
		select {
		case <-stop:
			s.flush()
			return
		case <-renew.C:
			s.renew()
			continue
		case <-s.kicked:
		case <-retry:
		}
		retry = nil
		if s.flush() != nil {
			retry = time.After(saveRetry)
		}
	}
}

func (s *saver) renew() {
	if s.store == nil {
		return
	}
	s.disk.Lock()
	defer s.disk.Unlock()
	s.store.renew()
}

// flush writes once and tells those who waited before it began.
func (s *saver) flush() error {
	if s.store == nil {
		return nil
	}
	s.disk.Lock()
	defer s.disk.Unlock()
	s.mu.Lock()
	waiters := s.waiters
	s.waiters = nil
	s.mu.Unlock()
	err := s.write()
	for _, w := range waiters {
		w <- err
	}
	return err
}

// end closes the store; later waits fail.
func (s *saver) end() {
	s.mu.Lock()
	s.running, s.ended = false, true
	waiters := s.waiters
	s.waiters = nil
	s.mu.Unlock()
	for _, w := range waiters {
		w <- errors.New("the controller has ended")
	}
	if s.store != nil {
		s.disk.Lock()
		defer s.disk.Unlock()
		s.store.free()
	}
}
