package admin

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

const linksFile = "links.json"

// linkStore holds the key that signs links, and which were used. It is kept in the
// state directory, readable by the process's user alone, so that a link outlives a restart
// and a used one stays used. Safe for concurrent use.
type linkStore struct {
	path string // "": nothing is kept, links end with the process
	key  linkKey

	mu   sync.Mutex
	used []usedLink // of the last linkLife
	disk sync.Mutex // one writer of the file
}

// usedLink voids all links to one gate that were made until then.
type usedLink struct {
	Service string    `json:"service"`
	Run     string    `json:"run"`
	Gate    string    `json:"gate"`
	At      time.Time `json:"at"`
}

// keptLinks is the text of the file.
type keptLinks struct {
	Key  []byte     `json:"key"`
	Used []usedLink `json:"used,omitempty"`
}

// openLinks reads the key that dir holds, or makes one. The error says why it is
// not kept; the store is good nevertheless, for as long as the process lives.
func openLinks(dir string) (*linkStore, error) {
	s := &linkStore{}
	rand.Read(s.key[:]) // never fails (crypto/rand)
	if dir == "" {
		return s, nil
	}
	s.path = filepath.Join(dir, linksFile)
	raw, err := os.ReadFile(s.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return s, s.save()
	case err != nil:
		return s, fmt.Errorf("links signed before are void: %w", err)
	}
	var kept keptLinks
	if err := json.Unmarshal(raw, &kept); err != nil || len(kept.Key) != len(s.key) {
		return s, errors.Join(fmt.Errorf("links signed before are void: %s cannot be understood", s.path), s.save())
	}
	copy(s.key[:], kept.Key)
	s.used = kept.Used
	return s, os.Chmod(s.path, 0o600)
}

// spent reports whether l, or its sibling, was used.
func (s *linkStore) spent(l linkClaim) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.used, func(u usedLink) bool {
		return u.Service == l.Service && u.Run == l.Run && u.Gate == l.Gate && !l.issued().After(u.At)
	})
}

// spend voids l and its sibling. They are void at once; the error says that this
// may be forgotten with the process.
func (s *linkStore) spend(l linkClaim, now time.Time) error {
	s.mu.Lock()
	s.used = slices.DeleteFunc(s.used, func(u usedLink) bool { return now.Sub(u.At) > linkLife })
	s.used = append(s.used, usedLink{l.Service, l.Run, l.Gate, now})
	s.mu.Unlock()
	if s.path == "" {
		return nil
	}
	return s.save()
}

// save replaces the file: the old or the new text is there, whatever happens.
func (s *linkStore) save() error {
	s.disk.Lock()
	defer s.disk.Unlock()
	s.mu.Lock()
	raw, err := json.Marshal(keptLinks{Key: s.key[:], Used: s.used})
	s.mu.Unlock()
	if err != nil {
		return fmt.Errorf("encode %s: %w", linksFile, err)
	}
	temporary := s.path + ".tmp"
	f, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(raw)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(temporary, s.path)
}
