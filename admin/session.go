package admin

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"sync"
	"time"

	"sluice/config"
)

// A session ends after this long without a call, and anyhow after a day. Both numbers of
// sessions are bounded, so that one token can't sign the holders of others out.
const (
	sessionIdle     = 8 * time.Hour
	sessionLife     = 24 * time.Hour
	maxSessions     = 1000
	sessionsPerName = 100
)

// sessions are the browsers that are signed in, by the hash of their cookie: what stands in
// memory is good for nothing elsewhere. They end with the process. Safe for concurrent use.
type sessions struct {
	mu sync.Mutex
	of map[[sha256.Size]byte]*session
}

// session acts for one token, as long as that token is in force unchanged.
type session struct {
	name        string
	role        config.Role
	secret      [sha256.Size]byte // hash of the token's
	begun, used time.Time
}

func newSessions() *sessions { return &sessions{of: map[[sha256.Size]byte]*session{}} }

// begin signs the holder of a token in. id has 128 random bits.
func (s *sessions) begin(t config.Token, now time.Time) (id string) {
	var random [16]byte
	rand.Read(random[:]) // never fails (crypto/rand)
	id = hex.EncodeToString(random[:])
	s.mu.Lock()
	defer s.mu.Unlock()
	s.makeRoom(t.Name, now)
	s.of[sha256.Sum256([]byte(id))] = &session{name: t.Name, role: t.Role, secret: hashOf(t), begun: now, used: now}
	return id
}

// makeRoom drops what is over, then what was used longest ago: of this name if that has
// too many, else of all.
func (s *sessions) makeRoom(name string, now time.Time) {
	var own, any oldest
	for key, one := range s.of {
		if one.over(now) {
			delete(s.of, key)
			continue
		}
		any.look(key, one)
		if one.name == name {
			own.look(key, one)
		}
	}
	switch {
	case own.n >= sessionsPerName:
		delete(s.of, own.key)
	case any.n >= maxSessions:
		delete(s.of, any.key)
	}
}

// oldest finds which of n sessions was used longest ago.
type oldest struct {
	n    int
	key  [sha256.Size]byte
	used time.Time
}

func (o *oldest) look(key [sha256.Size]byte, one *session) {
	if o.n++; o.n == 1 || one.used.Before(o.used) {
		o.key, o.used = key, one.used
	}
}

func (s *session) over(now time.Time) bool {
	return now.Sub(s.used) >= sessionIdle || now.Sub(s.begun) >= sessionLife
}

// find says for whom a session acts. It is let go if it is over, or if its token is not among
// tokens as it was. used counts the call as one that keeps it alive.
func (s *sessions) find(id string, tokens []config.Token, now time.Time, used bool) (who identity, ok bool) {
	key := sha256.Sum256([]byte(id))
	s.mu.Lock()
	defer s.mu.Unlock()
	one := s.of[key]
	if one == nil {
		return identity{}, false
	}
	if one.over(now) || !one.backed(tokens) {
		delete(s.of, key)
		return identity{}, false
	}
	if used {
		one.used = now
	}
	return identity{name: "session:" + one.name, role: one.role, token: true}, true
}

// backed reports whether the token is still there: same name, role and secret.
func (s *session) backed(tokens []config.Token) bool {
	for _, t := range tokens {
		if t.Name == s.name && t.Role == s.role && t.Secret != "" && hashOf(t) == s.secret {
			return true
		}
	}
	return false
}

func hashOf(t config.Token) [sha256.Size]byte { return sha256.Sum256([]byte(t.Secret.Reveal())) }

func (s *sessions) end(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.of, sha256.Sum256([]byte(id)))
}
