package store

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// reserveFile is no key. It holds zeros, and with them room on the disk.
const reserveFile = ".reserve"

// Reserve keeps room of so many bytes on the disk, or as much of it as there is, until Release: for
// a value that must be written when the disk is full. It is best called after each write; while all is kept it costs nothing.
func (d *Dir) Reserve(ctx context.Context, bytes int) error {
	if err := d.take(ctx); err != nil {
		return err
	}
	defer d.pass()
	if d.reserved >= bytes || d.lock == nil {
		return nil
	}
	f, err := os.OpenFile(filepath.Join(d.path, reserveFile), os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	if now, err := f.Stat(); err == nil {
		d.reserved = int(min(now.Size(), int64(bytes)))
	}
	for zeros := make([]byte, 4096); d.reserved < bytes && err == nil; {
		var n int
		n, err = f.WriteAt(zeros[:min(len(zeros), bytes-d.reserved)], int64(d.reserved))
		d.reserved += n
	}
	return errors.Join(err, f.Sync(), f.Close())
}

// Release gives the room free that Reserve has kept, and reports whether there was any.
func (d *Dir) Release(ctx context.Context) bool {
	if d.take(ctx) != nil {
		return false
	}
	defer d.pass()
	d.reserved = 0
	now, err := os.Stat(filepath.Join(d.path, reserveFile))
	if err != nil || d.lock == nil {
		return false
	}
	err = os.Remove(filepath.Join(d.path, reserveFile))
	return now.Size() > 0 && (err == nil || errors.Is(err, fs.ErrNotExist))
}
