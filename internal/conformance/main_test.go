package conformance

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
)

// tally collects what the table at the end shows.
var tally scores

type scores struct {
	mu      sync.Mutex
	parts   []string // in order of first use
	counts  map[string]*score
	missing []string
}

type score struct {
	passed, failed int
	notes          []string
}

func (s *scores) of(part string) *score {
	if s.counts == nil {
		s.counts = map[string]*score{}
	}
	c := s.counts[part]
	if c == nil {
		c = new(score)
		s.counts[part] = c
		s.parts = append(s.parts, part)
	}
	return c
}

// add counts one case of a part.
func (s *scores) add(part string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.of(part); ok {
		c.passed++
	} else {
		c.failed++
	}
}

// note adds to what the table says of a part.
func (s *scores) note(part, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.of(part)
	c.notes = append(c.notes, text)
}

func (s *scores) lacks(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.missing = append(s.missing, text)
}

// scored counts a test as one case of a part when it ends.
func scored(t *testing.T, part string) {
	t.Helper()
	t.Cleanup(func() {
		if !t.Skipped() {
			tally.add(part, !t.Failed())
		}
	})
}

func (s *scores) table() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%-34s %7s %7s  %s\n", "part", "passed", "failed", "")
	slices.Sort(s.parts)
	passed, failed := 0, 0
	for _, part := range s.parts {
		c := s.counts[part]
		fmt.Fprintf(&b, "%-34s %7d %7d  %s\n", part, c.passed, c.failed, strings.Join(c.notes, "; "))
		passed, failed = passed+c.passed, failed+c.failed
	}
	fmt.Fprintf(&b, "%-34s %7d %7d\n", "all", passed, failed)
	for _, text := range s.missing {
		fmt.Fprintf(&b, "skipped: %s\n", text)
	}
	return b.String()
}

func TestMain(m *testing.M) {
	code := m.Run()
	fmt.Print(tally.table())
	os.Exit(code)
}
