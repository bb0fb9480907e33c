package store

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// lockFile is locked while the directory is ours, and holds the token of the newest lease.
const lockFile = "lock"

// claim makes and locks the directory, unless that is done.
func (d *Dir) claim() error {
	if d.lock != nil {
		return nil
	}
	if err := os.MkdirAll(d.path, 0o700); err != nil {
		return fmt.Errorf("state directory: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(d.path, lockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("state directory: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return fmt.Errorf("state directory %s: %w", d.path, ErrHeld)
		}
		return fmt.Errorf("lock state directory %s: %w", d.path, err)
	}
	d.lock = f
	return nil
}

// replace writes a file. The directory is ours.
func (d *Dir) replace(key string, value []byte) error {
	path := filepath.Join(d.path, key)
	tmp := path + ".tmp" // one writer only
	if err := writeSynced(tmp, value); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	return d.sync()
}

// sync puts renames on disk.
func (d *Dir) sync() error {
	f, err := os.Open(d.path)
	if err != nil {
		return err
	}
	err = f.Sync()
	return errors.Join(err, f.Close())
}

func writeSynced(path string, value []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(value)
	if err == nil {
		err = f.Sync()
	}
	if err != nil {
		_ = f.Truncate(0) // half a value is of no use, and a full disk needs its room
	}
	return errors.Join(err, f.Close())
}

// tokenWidth is fixed, so that the file is overwritten in place and needs no room on a full disk.
const tokenWidth = 20

// nextToken counts leases in the lock file. An empty one, which earlier releases left, counts
// from 0. One that can't be understood, as after a power cut, counts on from the clock's
// milliseconds, which no count has reached: state that can't be saved would be worse.
func (d *Dir) nextToken() (uint64, error) {
	text := make([]byte, tokenWidth)
	n, err := d.lock.ReadAt(text, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, fmt.Errorf("read %s: %w", d.lock.Name(), err)
	}
	last := uint64(0)
	if n > 0 {
		if last, err = strconv.ParseUint(string(text[:n]), 10, 64); err != nil || n < tokenWidth || last == math.MaxUint64 {
			last = uint64(max(time.Now().UnixMilli(), 0))
		}
	}
	if _, err := d.lock.WriteAt(fmt.Appendf(nil, "%0*d", tokenWidth, last+1), 0); err != nil {
		return 0, fmt.Errorf("write %s: %w", d.lock.Name(), err)
	}
	if err := d.lock.Sync(); err != nil {
		return 0, fmt.Errorf("sync %s: %w", d.lock.Name(), err)
	}
	return last + 1, nil
}
