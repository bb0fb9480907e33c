package rollout

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

const journalSize = 1000 // events kept

// Event is one thing that happened.
type Event struct {
	ID      uint64         `json:"id"`
	Time    time.Time      `json:"time"`
	Type    string         `json:"type"` // weights, state, trip, restore, verdict, alert, reload, store, endpoint, metric, …; of rollouts those of runTell
	Service string         `json:"service,omitempty"`
	Version string         `json:"version,omitempty"`
	By      string         `json:"by,omitempty"`
	Message string         `json:"message"`
	Fields  map[string]any `json:"fields,omitempty"` // never changed after Add
}

// Journal keeps the newest events and hands them to subscribers. Safe for
// concurrent use. IDs grow by one and go on growing across restarts: they
// start at the clock's milliseconds times 1024. The zero value is ready and
// logs nothing.
type Journal struct {
	logger *slog.Logger
	logged uint64 // ID of the last one; follow's

	mu      sync.Mutex
	ring    []Event // by ID modulo journalSize once full
	next    uint64  // ID of the next event; 0 before the first
	first   uint64  // ID of the first event ever
	changed chan struct{}
}

// Add stamps and stores an event; it is logged by the controller's Run, so that
// a log that blocks holds up nobody. Time is kept if it is set.
func (j *Journal) Add(e Event) {
	now := time.Now()
	if e.Time.IsZero() {
		e.Time = now
	}
	e.Time = e.Time.UTC()
	j.mu.Lock()
	if j.next == 0 {
		j.next = uint64(max(now.UnixMilli(), 1)) << 10
		j.first = j.next
	}
	e.ID = j.next
	j.next++
	if len(j.ring) < journalSize {
		j.ring = append(j.ring, e)
	} else {
		j.ring[(e.ID-j.first)%journalSize] = e
	}
	if j.changed != nil {
		close(j.changed)
		j.changed = nil
	}
	j.mu.Unlock()
}

// Since returns the kept events after id, oldest first, and whether some
// between were already forgotten, be it with an earlier process. 0 asks for all.
func (j *Journal) Since(id uint64) (events []Event, gap bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.ring) == 0 {
		return nil, false
	}
	oldest := j.next - uint64(len(j.ring))
	from := max(id+1, oldest)
	if id == 0 {
		gap = oldest > j.first
	} else {
		gap = id+1 < oldest
	}
	for ; from < j.next; from++ {
		events = append(events, j.ring[(from-j.first)%journalSize])
	}
	return events, gap
}

// Changed returns a channel that is closed when a further event is added.
func (j *Journal) Changed() <-chan struct{} {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.changed == nil {
		j.changed = make(chan struct{})
	}
	return j.changed
}

// log writes e with a constant phrase per type, so that logs can be counted.
func (j *Journal) log(e Event) {
	if j.logger == nil || phrase(e.Type) == "" {
		return
	}
	attrs := make([]slog.Attr, 0, 8)
	for _, a := range []slog.Attr{
		slog.String("service", e.Service), slog.String("version", e.Version), slog.String("by", e.By),
	} {
		if a.Value.String() != "" {
			attrs = append(attrs, a)
		}
	}
	for _, k := range []string{"weight", "verdict", "reason"} {
		if v, ok := e.Fields[k]; ok {
			attrs = append(attrs, slog.Any(k, v))
		}
	}
	attrs = append(attrs, slog.String("message", e.Message), slog.Uint64("event", e.ID))
	level := slog.LevelInfo
	switch e.Type {
	case "trip", "verdict", "alert", "rollback":
		level = slog.LevelWarn
	case "store":
		level = slog.LevelError
	}
	j.logger.LogAttrs(context.Background(), level, phrase(e.Type), attrs...)
}

// phrase is "" for events of other packages, which log for themselves.
func phrase(kind string) string {
	switch kind {
	case "weights":
		return "weights changed"
	case "state":
		return "state changed"
	case "trip":
		return "version tripped"
	case "restore":
		return "version restored"
	case "verdict":
		return "verdict"
	case "alert":
		return "alert"
	case "probe":
		return "version probed"
	case "store":
		return "state store"
	case "metric":
		return "metric"
	case "started", "stage", "approval", "paused", "resumed", "promoted", "rollback", "aborted":
		return "rollout " + kind
	case "rollout":
		return "rollout"
	}
	return ""
}

// follow logs events as they come until stop is closed, and then the rest: who
// adds an event never waits for the log.
func (j *Journal) follow(stop <-chan struct{}) {
	for ended := false; ; {
		changed := j.Changed()
		events, gap := j.Since(j.logged)
		if gap && j.logger != nil {
			j.logger.Warn("events lost before they were logged")
		}
		for _, e := range events {
			j.log(e)
			j.logged = e.ID
		}
		if ended {
			return
		}
		select {
		case <-changed:
		case <-stop:
			ended = true
		}
	}
}
