package history

import (
	"slices"
	"sync"
	"time"
)

const (
	defaultLimit = 500
	schema       = 1
)

// Log keeps the newest records. Where there are too many, the service that has most loses its oldest.
// It writes nothing by itself: who keeps it saves its Document when Changes has grown. Safe for
// concurrent use; no method blocks for long. The zero value is ready.
type Log struct {
	Limit int // records kept; 0: 500

	mu      sync.Mutex
	list    []Record // newest first, by the end
	forgot  map[string]time.Time
	changes uint64
}

// Document is a Log as it is stored. Never changed once made.
type Document struct {
	Schema    int                  `json:"schema"`
	Forgotten map[string]time.Time `json:"forgotten_before,omitempty"` // by service: what ended until then may be missing
	Records   []Record             `json:"records"`                    // newest first
}

// Add keeps a record, in place of one with the same ID: a rollout that ended once and, after a
// crash, again, is one. Unnamed records are all different.
func (l *Log) Add(r Record) {
	r = r.filled()
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := l.index(r.ID); i >= 0 {
		l.list = slices.Delete(l.list, i, i+1)
	}
	at, _ := slices.BinarySearchFunc(l.list, r, func(a, b Record) int { return b.EndedAt.Compare(a.EndedAt) })
	l.list = slices.Insert(l.list, at, r)
	l.bound()
	l.changes++
}

// Change lets f alter the record with that ID, and reports false if it is not kept.
func (l *Log) Change(id string, f func(*Record)) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := l.index(id)
	if i < 0 {
		return false
	}
	r := l.list[i].filled() // a copy: the old one may have been handed out
	f(&r)
	l.list[i] = r.filled()
	l.changes++
	return true
}

func (l *Log) index(id string) int {
	if id == "" {
		return -1
	}
	return slices.IndexFunc(l.list, func(r Record) bool { return r.ID == id })
}

// bound drops what is too much. l.mu is held.
func (l *Log) bound() {
	limit := l.Limit
	if limit <= 0 {
		limit = defaultLimit
	}
	for len(l.list) > limit {
		count, most := map[string]int{}, ""
		for i := range l.list {
			s := l.list[i].Service
			if count[s]++; count[s] > count[most] || most == "" {
				most = s
			}
		}
		for i, r := range slices.Backward(l.list) {
			if r.Service == most {
				l.forget(most, r.EndedAt)
				l.list = slices.Delete(l.list, i, i+1)
				break
			}
		}
	}
}

func (l *Log) forget(service string, at time.Time) {
	if l.forgot == nil {
		l.forgot = map[string]time.Time{}
	}
	if at.After(l.forgot[service]) {
		l.forgot[service] = at
	}
}

// Find returns the record with that ID. What it refers to must not be changed.
func (l *Log) Find(id string) (Record, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := l.index(id); i >= 0 {
		return l.list[i], true
	}
	return Record{}, false
}

// Records are those of a service ("": of all), newest first, at most n (0: all). What they refer to must not be changed.
func (l *Log) Records(service string, n int) []Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []Record
	for _, r := range l.list {
		if (service == "" || r.Service == service) && (n <= 0 || len(out) < n) {
			out = append(out, r)
		}
	}
	return out
}

// Figures are the KPIs of a service ("": of all) over a window that ends now; it is
// shorter where older records are forgotten.
func (l *Log) Figures(service string, window time.Duration, now time.Time) Figures {
	l.mu.Lock()
	since := now.Add(-window)
	for s, at := range l.forgot {
		if (service == "" || s == service) && at.After(since) {
			since = at
		}
	}
	l.mu.Unlock()
	return KPIs(l.Records(service, 0), now.Sub(since), now)
}

// Changes grows with each change.
func (l *Log) Changes() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.changes
}

// Document is what to store, and the Changes that are in it.
func (l *Log) Document() (Document, uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	d := Document{Schema: schema, Records: append([]Record{}, l.list...)}
	for s, at := range l.forgot {
		if d.Forgotten == nil {
			d.Forgotten = map[string]time.Time{}
		}
		d.Forgotten[s] = at
	}
	return d, l.changes
}

// Restore takes over a stored document, beside what was added since the start. What
// it adds counts as saved.
func (l *Log) Restore(d Document) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for s, at := range d.Forgotten {
		l.forget(s, at)
	}
	for _, r := range d.Records {
		if l.index(r.ID) < 0 {
			l.list = append(l.list, r.filled())
		}
	}
	slices.SortStableFunc(l.list, func(a, b Record) int { return b.EndedAt.Compare(a.EndedAt) })
	l.bound()
}
