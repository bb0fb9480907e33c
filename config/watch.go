package config

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	settle    = 100 * time.Millisecond // after the last event: editors write in several steps
	settleMax = time.Second            // after the first: a busy directory must not hold a change back
	pollEvery = 30 * time.Second       // network file systems tell nothing, and event queues overflow
	pollAlone = 2 * time.Second        // where the system gives us no watch at all
)

// Watcher tells when the content of a configuration file, or of a file that
// it stands on, has changed: by a write, by a rename over it, or by a swap of a
// symbolic link anywhere on its path, as Kubernetes does with ConfigMaps. It
// watches directories, compares content, and says nothing of a file that is merely
// touched or missing. Run owns its goroutines.
type Watcher struct {
	onChange func()
	logger   *slog.Logger
	poll     time.Duration

	mu      sync.Mutex
	main    string
	further []string
	hashes  map[string][sha256.Size]byte // of the last content that could be read
	resync  chan struct{}
}

// NewWatcher remembers what the file holds now and starts nothing. onChange is
// called by Run, never concurrently with itself. A nil logger discards.
func NewWatcher(path string, onChange func(), logger *slog.Logger) (*Watcher, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("watching %s: %w", path, err)
	}
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	w := &Watcher{
		onChange: onChange, logger: logger, poll: pollEvery, main: absolute,
		hashes: map[string][sha256.Size]byte{}, resync: make(chan struct{}, 1),
	}
	w.changed()
	return w, nil
}

// WatchAlso replaces the further files that are watched, such as those of
// Config.Files. What they hold now counts as known. Safe while Run runs.
func (w *Watcher) WatchAlso(paths ...string) {
	var further []string
	for _, p := range paths {
		if absolute, err := filepath.Abs(p); err == nil {
			further = append(further, absolute)
		}
	}
	w.mu.Lock()
	w.further = unique(further)
	for p := range w.hashes {
		if p != w.main && !slices.Contains(w.further, p) {
			delete(w.hashes, p)
		}
	}
	for _, p := range w.further {
		if _, known := w.hashes[p]; !known {
			w.look(p)
		}
	}
	w.mu.Unlock()
	select {
	case w.resync <- struct{}{}:
	default:
	}
}

// Run watches until ctx ends and returns nil. Where the system has no watch to
// give, it says so and looks every 2 s instead.
func (w *Watcher) Run(ctx context.Context) error {
	watch, err := fsnotify.NewWatcher()
	if err != nil {
		w.logger.Warn("no file events, looking at the configuration now and then instead", "error", err, "every", pollAlone)
		return w.loop(ctx, newFollower(nil), pollAlone)
	}
	err = w.loop(ctx, newFollower(watch), w.poll)
	closing := watch.Close()
	for range watch.Events { // its goroutine has ended when the channel is closed
	}
	if err == nil && closing != nil {
		err = fmt.Errorf("closing the file watch: %w", closing)
	}
	return err
}

func (w *Watcher) loop(ctx context.Context, f *follower, every time.Duration) error {
	poll := time.NewTicker(every)
	defer poll.Stop()
	quiet := time.NewTimer(0) // a change between New and Run shows at once
	defer quiet.Stop()
	f.follow(w.paths(), w.logger)
	var first time.Time // of the events that are settling
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-w.resync:
			f.follow(w.paths(), w.logger)
			quiet.Reset(settle)
		case _, open := <-f.events:
			if !open {
				f.events = nil
				continue
			}
			if first.IsZero() {
				first = time.Now()
			}
			quiet.Reset(min(settle, max(0, settleMax-time.Since(first))))
		case err, open := <-f.errors:
			if !open {
				f.errors = nil
				continue
			}
			w.logger.Warn("file events were lost", "error", err)
			quiet.Reset(settle)
		case <-poll.C:
			w.settled(f)
		case <-quiet.C:
			first = time.Time{}
			w.settled(f)
		}
	}
}

// settled follows links to where they lead now, and tells of changed content.
func (w *Watcher) settled(f *follower) {
	f.follow(w.paths(), w.logger)
	if w.changed() {
		w.onChange()
	}
}

func (w *Watcher) paths() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string{w.main}, w.further...)
}

// changed reads every file and reports whether any content differs from before.
func (w *Watcher) changed() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	different := w.look(w.main)
	for _, p := range w.further {
		different = w.look(p) || different
	}
	return different
}

// look remembers what path holds and reports whether that is new. w.mu is held.
func (w *Watcher) look(path string) bool {
	data, err := readCapped(path, maxFileBytes)
	if err != nil {
		return false // between a deletion and what comes after it
	}
	sum := sha256.Sum256(data)
	before, known := w.hashes[path]
	w.hashes[path] = sum
	return !known || before != sum
}
