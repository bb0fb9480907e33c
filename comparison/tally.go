package comparison

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// Bounds of a tally.
const (
	maxFields   = 200
	maxExamples = 5
	maxReasons  = 32
)

// Request tells which request an example is of.
type Request struct {
	At     time.Time
	Method string
	Path   string // without the query's values: see Target
	ID     string // X-Request-Id
}

// Target is a request's path with the names in its query and without their
// values, which may be anybody's data.
func Target(path, query string) string {
	var b strings.Builder
	b.WriteString(cut(path))
	if query == "" {
		return b.String()
	}
	for i, pair := range strings.Split(cut(query), "&") {
		name, _, valued := strings.Cut(pair, "=")
		b.WriteByte("?&"[min(i, 1)])
		b.WriteString(name)
		if valued {
			b.WriteString("=…")
		}
	}
	return b.String()
}

// cut bounds what comes from a request.
func cut(s string) string {
	const most = 200
	if len(s) > most {
		s = s[:most] + "…"
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// Tally counts what differed, by field, between stable and a shadow, and
// between stable and stable. It holds at most 200 fields with the latest five
// examples each; what finds no room is counted. The zero value is ready. Safe for
// concurrent use.
type Tally struct {
	mu     sync.Mutex
	counts counts
}

// counts is what Reset forgets.
type counts struct {
	since     time.Time
	shadow    arm
	noise     arm
	truncated uint64
	skipped   map[string]uint64
	fields    map[field]*entry
	overflow  uint64 // differences of fields that found no room, by comparison
}

// arm is one side of the experiment.
type arm struct{ compared, differing uint64 }

// field is where and how answers differed, with the indexes folded.
type field struct {
	path string
	kind Kind
}

type entry struct {
	shadow, noise uint64 // comparisons in which the field differed
	last          uint64 // the comparison that counted it last
	examples      []Example
	at            int // of the next example
}

// Shadow counts one comparison of a shadow's answer with stable's. truncated
// says that the answers were compared up to a cap only.
func (t *Tally) Shadow(r Request, truncated bool, found []Difference) {
	fields := fieldsOf(found)
	t.mu.Lock()
	defer t.mu.Unlock()
	c := &t.counts
	c.begin()
	if truncated {
		c.truncated++
	}
	c.shadow.add(found)
	c.each(fields, func(e *entry, i int) {
		d := &found[i]
		e.shadow++
		e.keep(Example{At: r.At, Method: r.Method, Path: r.Path, RequestID: r.ID, Field: d.Path, Stable: d.Stable, Shadow: d.Shadow})
	})
}

// Noise counts one comparison of two answers of stable.
func (t *Tally) Noise(found []Difference) {
	fields := fieldsOf(found)
	t.mu.Lock()
	defer t.mu.Unlock()
	c := &t.counts
	c.begin()
	c.noise.add(found)
	c.each(fields, func(e *entry, _ int) { e.noise++ })
}

// Skip counts a copied request whose answers are not compared. Reasons are few
// and the caller's own.
func (t *Tally) Skip(reason string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := &t.counts
	c.begin()
	if c.skipped == nil {
		c.skipped = make(map[string]uint64)
	}
	if _, known := c.skipped[reason]; known || len(c.skipped) < maxReasons {
		c.skipped[reason]++
	}
}

// Reset forgets everything: a new rollout begins with its own evidence.
func (t *Tally) Reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts = counts{since: time.Now()}
}

func (c *counts) begin() {
	if c.since.IsZero() {
		c.since = time.Now()
	}
}

func (a *arm) add(found []Difference) {
	a.compared++
	if len(found) > 0 {
		a.differing++
	}
}

// fieldsOf is worked out before the lock is taken: requests count under it as well.
func fieldsOf(found []Difference) []field {
	fields := make([]field, len(found))
	for i := range found {
		fields[i] = field{path: fold(found[i].Path), kind: found[i].Kind}
	}
	return fields
}

// each finds the entries of what differed in one comparison, once each, with the
// index of the first difference there: elements of an array fall into one.
func (c *counts) each(fields []field, do func(e *entry, i int)) {
	turn := c.shadow.compared + c.noise.compared
	full := false
	for i, key := range fields {
		e := c.fields[key]
		if e == nil {
			if len(c.fields) >= maxFields {
				full = true
				continue
			}
			if c.fields == nil {
				c.fields = make(map[field]*entry)
			}
			e = new(entry)
			c.fields[key] = e
		}
		if e.last != turn {
			do(e, i)
			e.last = turn
		}
	}
	if full {
		c.overflow++
	}
}

// copied is c for reading outside of the lock.
func (c *counts) copied() counts {
	out := *c
	out.skipped = make(map[string]uint64, len(c.skipped))
	maps.Copy(out.skipped, c.skipped)
	out.fields = make(map[field]*entry, len(c.fields))
	for key, e := range c.fields {
		mine := *e
		mine.examples = slices.Clone(e.examples)
		out.fields[key] = &mine
	}
	return out
}

// keep puts the example in the place of the oldest.
func (e *entry) keep(x Example) {
	if len(e.examples) < maxExamples {
		e.examples = append(e.examples, x)
		return
	}
	e.examples[e.at] = x
	e.at = (e.at + 1) % maxExamples
}
