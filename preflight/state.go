package preflight

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

const (
	leastFree  = 1 << 20  // bytes: below, a rise may not be saved
	plentyFree = 64 << 20 // bytes: below, it is worth a warning
	probeBytes = 4 << 10
)

// state writes a small file beside the state, as each rise must be on disk before it comes into force.
func (s *Subject) state(context.Context) []Finding {
	const name = "state"
	dir := s.Config.State.Dir
	if dir == "" {
		return not(name, Warning, "state is not kept: a restart forgets the rollout, and the canary starts at 0")
	}
	if err := tryWriting(dir); err != nil {
		return not(name, Critical, "a rise could not be saved: %v", err)
	}
	free, known := freeBytes(dir)
	need := max(leastFree, 2*stateBytes(dir)) // each document is written beside the old one
	switch {
	case !known:
		return ok(name, Critical, "%s can be written", dir)
	case free < need:
		return not(name, Critical, "%s has %s left, and saving needs %s", dir, sized(free), sized(need))
	case free < plentyFree:
		return not(name, Warning, "%s has only %s left", dir, sized(free))
	}
	return ok(name, Critical, "%s can be written and has %s left", dir, sized(free))
}

func tryWriting(dir string) (err error) {
	f, err := os.CreateTemp(dir, ".preflight-*")
	if errors.Is(err, fs.ErrNotExist) { // nothing was saved yet
		if err = os.MkdirAll(dir, 0o700); err == nil {
			f, err = os.CreateTemp(dir, ".preflight-*")
		}
	}
	if err != nil {
		return err
	}
	_, err = f.Write(make([]byte, probeBytes))
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close(), os.Remove(f.Name()))
}

// stateBytes is what the documents take now.
func stateBytes(dir string) (sum uint64) {
	paths, _ := filepath.Glob(filepath.Join(dir, "*.json")) // the pattern is well-formed but for dir, which then has none
	for _, path := range paths {
		if info, err := os.Stat(path); err == nil {
			sum += uint64(info.Size())
		}
	}
	return sum
}

func sized(n uint64) string {
	switch {
	case n >= 10<<30:
		return fmt.Sprintf("%d GiB", n>>30)
	case n >= 10<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d KiB", n>>10)
}
