package analysis

import (
	"slices"
	"sync/atomic"
	"time"
)

// exemplarsKept is how many an Exemplars remembers: enough to look up in logs and traces.
const exemplarsKept = 16

// Exemplar is one request that spoke against its version.
type Exemplar struct {
	Time    time.Time `json:"time"`
	ID      string    `json:"request_id"`
	Outcome Outcome   `json:"outcome"` // in JSON the word, as in the access log

	turn uint64
}

// Exemplars remembers the newest failed first attempts of one version, whatever sent
// them, so that a decision can name requests to look at. Nothing is written for
// an attempt that did not fail. Wait-free; the zero value is ready, and a nil
// Exemplars is empty. Safe for concurrent use.
type Exemplars struct {
	turn atomic.Uint64
	kept [exemplarsKept]atomic.Pointer[Exemplar]
}

// Add remembers a failed attempt, in place of the oldest one. It allocates: an id as
// long as the proxy lets in (128 bytes) and 64 bytes.
func (e *Exemplars) Add(at time.Time, id []byte, o Outcome) {
	turn := e.turn.Add(1)
	e.kept[turn%exemplarsKept].Store(&Exemplar{Time: at, ID: string(id), Outcome: o, turn: turn})
}

// Recent are those remembered, newest first. The slice is the caller's.
func (e *Exemplars) Recent() []Exemplar {
	if e == nil {
		return nil
	}
	var all []Exemplar
	for i := range e.kept {
		if x := e.kept[i].Load(); x != nil {
			all = append(all, *x)
		}
	}
	slices.SortFunc(all, func(a, b Exemplar) int {
		if a.turn > b.turn {
			return -1
		}
		return 1 // no two have the same turn
	})
	return all
}

// IDs are the request ids of Recent, each once, newest first.
func (e *Exemplars) IDs() []string {
	var ids []string
	for _, x := range e.Recent() {
		if !slices.Contains(ids, x.ID) {
			ids = append(ids, x.ID)
		}
	}
	return ids
}
