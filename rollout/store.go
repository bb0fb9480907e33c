package rollout

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	stateFile     = "state.json"
	decisionsFile = "decisions.json"
	lockFile      = "lock"
	schema        = 1 // of both files; a reader refuses any other
)

// errLocked says that another process owns the state directory.
var errLocked = errors.New("in use by another process")

// store is a directory with a few JSON files, each replaced whole: written to a
// temporary file, synced, renamed, the directory synced. A reader sees the old
// or the new text, also after kill -9 and a power cut. write is not safe for
// concurrent use; the saver serialises it.
type store struct {
	dir      string
	lock     *os.File // nil: not locked yet, as the directory could not be used
	failures atomic.Uint64
}

// openStore locks dir, making it if need be. The error wraps errLocked if
// another process holds it; any other error leaves a store that tries again
// at each write.
func openStore(dir string) (*store, error) {
	s := &store{dir: dir}
	return s, s.claim()
}

// claim makes and locks the directory, unless that is done.
func (s *store) claim() error {
	if s.lock != nil {
		return nil
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return fmt.Errorf("state directory: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(s.dir, lockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("state directory: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return fmt.Errorf("state directory %s: %w", s.dir, errLocked)
		}
		return fmt.Errorf("lock state directory %s: %w", s.dir, err)
	}
	s.lock = f
	return nil
}

// close gives the directory free for another process.
func (s *store) close() {
	if s.lock != nil {
		s.lock.Close()
		s.lock = nil
	}
}

// read decodes a file into v. It reports false if there is none. A file that
// cannot be understood is renamed to NAME.corrupt-TIME; the error says so.
func (s *store) read(name string, v any) (found bool, err error) {
	path := filepath.Join(s.dir, name)
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err == nil {
		err = decode(raw, v)
	}
	if err == nil {
		return true, nil
	}
	aside := path + ".corrupt-" + time.Now().UTC().Format("20060102T150405.000")
	if renameErr := os.Rename(path, aside); renameErr != nil {
		return false, fmt.Errorf("read %s: %w (and it could not be kept aside: %w)", path, err, renameErr)
	}
	return false, fmt.Errorf("read %s, kept aside as %s: %w", path, filepath.Base(aside), err)
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

// write replaces a file. It counts failures.
func (s *store) write(name string, v any) error {
	err := s.claim()
	if err == nil {
		err = s.replace(name, v)
	}
	if err != nil {
		s.failures.Add(1)
	}
	return err
}

func (s *store) replace(name string, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode %s: %w", name, err)
	}
	path := filepath.Join(s.dir, name)
	tmp := path + ".tmp" // one writer only: the directory is locked
	if err := writeSynced(tmp, raw); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	d, err := os.Open(s.dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	return errors.Join(err, d.Close())
}

func writeSynced(path string, raw []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(raw)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
