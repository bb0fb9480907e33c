package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
)

// maxFile bounds what is read of a file, in bytes.
const maxFile = 1 << 30

// Dir is a Store of files in one directory, each replaced whole: written to a
// temporary file, synced, renamed, the directory synced. A reader sees the old or
// the new text, also after kill -9 and a power cut.
//
// A Dir that writes or leases owns the directory, by a file lock that dies with the process: what
// changes anything is ErrHeld while another process does. A directory that cannot be made or
// locked is tried again by each call; reading needs no ownership. A revision means
// nothing to a later process. A disk that hangs holds up the call that waits for it
// beyond its context, and those after it until their own ends.
type Dir struct {
	path string
	boot string // tells this Dir's revisions from those of others

	turn chan struct{} // holds one token: who has it uses the disk, and what is guarded by it
	// Guarded by turn.
	lock     *os.File // nil: the directory is not ours yet
	entries  map[string]entry
	seq      uint64 // of the newest change
	closed   bool
	reserved int // bytes that Reserve keeps

	mu      sync.Mutex // never held while the disk is used
	changed chan struct{}
	leases  map[string]*dirLease
}

// entry is what is known of a key.
type entry struct {
	seq  uint64      // of its last change
	file fs.FileInfo // as it was then; nil: gone
}

// NewDir makes a Dir and touches nothing. The directory is made when it is first needed.
func NewDir(path string) *Dir {
	d := &Dir{path: path, boot: strconv.FormatUint(rand.Uint64(), 36), turn: make(chan struct{}, 1),
		entries: map[string]entry{}, changed: make(chan struct{}), leases: map[string]*dirLease{}}
	d.turn <- struct{}{}
	return d
}

// Close gives the directory free for another process. Leases are lost, watches end.
func (d *Dir) Close() error {
	<-d.turn
	defer d.pass()
	d.closed = true
	d.expireAll()
	d.tell()
	if d.lock == nil {
		return nil
	}
	err := d.lock.Close()
	d.lock = nil
	return err
}

// take waits for the turn; pass ends it.
func (d *Dir) take(ctx context.Context) error {
	if err := ctx.Err(); err != nil { // select would choose either
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-d.turn:
	}
	if d.closed {
		d.pass()
		return ErrClosed
	}
	return nil
}

func (d *Dir) pass() { d.turn <- struct{}{} }

// Get implements Store.
func (d *Dir) Get(ctx context.Context, key string) ([]byte, Revision, error) {
	if err := CheckKey(key); err != nil {
		return nil, "", err
	}
	if err := d.take(ctx); err != nil {
		return nil, "", fmt.Errorf("read %s: %w", key, err)
	}
	defer d.pass()
	value, e, err := d.read(key)
	if err != nil {
		return nil, d.revision(e), fmt.Errorf("read %s: %w", filepath.Join(d.path, key), err)
	}
	return value, d.revision(e), nil
}

// read returns a file with what is known of it then. No file: nil.
func (d *Dir) read(key string) ([]byte, entry, error) {
	e, err := d.look(key)
	if err != nil || e.file == nil {
		return nil, e, err
	}
	if !e.file.Mode().IsRegular() { // a pipe would never end
		return nil, e, errors.New("not a regular file")
	}
	f, err := os.Open(filepath.Join(d.path, key))
	if err != nil {
		return nil, e, err
	}
	defer f.Close()
	value, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(value) > maxFile {
		err = ErrTooLarge
	}
	if err != nil {
		return nil, e, err
	}
	return value, e, nil
}

// look compares a file with what was known of it. A change that somebody else made is
// as good as one of ours.
func (d *Dir) look(key string) (entry, error) {
	now, err := os.Stat(filepath.Join(d.path, key))
	if errors.Is(err, fs.ErrNotExist) {
		now, err = nil, nil
	}
	if err != nil {
		return entry{}, err
	}
	if e := d.entries[key]; same(e.file, now) {
		return e, nil
	}
	return d.learn(key, now), nil
}

// same reports whether a file is the one from before. Each write makes a new one.
func same(a, b fs.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

// learn makes a change of what is known, and tells those who watch.
func (d *Dir) learn(key string, now fs.FileInfo) entry {
	d.seq++
	e := entry{seq: d.seq, file: now}
	d.entries[key] = e
	d.tell()
	return e
}

func (d *Dir) revision(e entry) Revision {
	if e.file == nil {
		return ""
	}
	return d.position(e.seq)
}

func (d *Dir) position(seq uint64) Revision {
	return Revision(d.boot + "." + strconv.FormatUint(seq, 10))
}

// seqOf is the change that r names: 0 for the zero revision, false if r is not of this Dir.
func (d *Dir) seqOf(r Revision) (uint64, bool) {
	if r == "" {
		return 0, true
	}
	boot, number, _ := strings.Cut(string(r), ".")
	seq, err := strconv.ParseUint(number, 10, 64)
	return seq, err == nil && boot == d.boot && seq <= d.seq && seq < math.MaxUint64
}

// CompareAndSwap implements Store.
func (d *Dir) CompareAndSwap(ctx context.Context, key string, value []byte, expected Revision) (Revision, error) {
	return d.swap(ctx, key, value, expected, nil)
}

// swap is CompareAndSwap under a lease; nil: under none.
func (d *Dir) swap(ctx context.Context, key string, value []byte, expected Revision, l *dirLease) (Revision, error) {
	if err := CheckKey(key); err != nil {
		return "", err
	}
	if len(value) > maxFile {
		return "", fmt.Errorf("write %s: %w", key, ErrTooLarge)
	}
	if err := d.take(ctx); err != nil {
		return "", fmt.Errorf("write %s: %w", key, err)
	}
	defer d.pass()
	if l != nil && l.expired() {
		return "", fmt.Errorf("write %s: %w", key, ErrLost)
	}
	if err := d.expect(key, expected); err != nil {
		return "", err
	}
	if err := d.replace(key, value); err != nil {
		return "", err
	}
	now, err := os.Stat(filepath.Join(d.path, key))
	if err != nil {
		return "", err
	}
	return d.revision(d.learn(key, now)), nil
}

// expect makes the directory ours and checks a key's revision.
func (d *Dir) expect(key string, expected Revision) error {
	if err := d.claim(); err != nil {
		return err
	}
	e, err := d.look(key)
	if err != nil {
		return fmt.Errorf("write %s: %w", filepath.Join(d.path, key), err)
	}
	if d.revision(e) != expected {
		return fmt.Errorf("write %s: %w", filepath.Join(d.path, key), ErrConflict)
	}
	return nil
}

// Move implements Store. It needs no room on the disk.
func (d *Dir) Move(ctx context.Context, from, to string, expected Revision) error {
	if err := errors.Join(CheckKey(from), CheckKey(to)); err != nil {
		return err
	}
	if err := d.take(ctx); err != nil {
		return fmt.Errorf("move %s: %w", from, err)
	}
	defer d.pass()
	if err := d.expect(from, expected); err != nil {
		return err
	}
	if expected == "" {
		return fmt.Errorf("move %s: %w", from, fs.ErrNotExist)
	}
	if err := d.expect(to, ""); err != nil {
		return err
	}
	if err := os.Rename(filepath.Join(d.path, from), filepath.Join(d.path, to)); err != nil {
		return err
	}
	_, fromErr := d.look(from)
	_, toErr := d.look(to)
	return errors.Join(fromErr, toErr, d.sync())
}
