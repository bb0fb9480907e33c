// Package recording keeps what all versions of a service did, second by second, so
// that a run can be judged again later with another policy. A recording is text, one JSON
// object a line: a header, then a line for every second that had traffic. Whoever writes
// (Writer) and whoever reads (Reader) owns its goroutine; nothing runs here. Package
// simulation replays recordings.
package recording

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"sluice/analysis"
)

// Schema names the format. A reader refuses others.
const Schema = "sluice.recording/1"

// Header begins a recording, and again each part of it from where versions change
// or the process began anew.
type Header struct {
	Schema   string   `json:"schema"` // filled in by the Writer
	Service  string   `json:"service"`
	Versions []string `json:"versions"` // in the order of a Second's
	Stable   string   `json:"stable"`   // one of Versions
}

func (h *Header) check() error {
	switch {
	case h.Schema != Schema:
		return fmt.Errorf("schema is %q, want %q", h.Schema, Schema)
	case h.Service == "":
		return errors.New("header names no service")
	case !slices.Contains(h.Versions, h.Stable):
		return fmt.Errorf("stable is %q, which is not among the versions %q", h.Stable, h.Versions)
	}
	for i, v := range h.Versions {
		if v == "" || slices.Contains(h.Versions[:i], v) {
			return fmt.Errorf("version %d is %q: names must be given and differ", i+1, v)
		}
	}
	return nil
}

// Second is what all versions did in one second.
type Second struct {
	At       time.Time // whole seconds, later than the one before
	Versions []Counts  // in the order of the header
}

// Counts are one version's part of a Second: traffic split by chance or sticky hash,
// and All with what rules sent, as analysis.Sample has them.
type Counts struct {
	WeightBP   int // wanted, hundredths of a percent
	Split, All analysis.Counts
	Latency    *analysis.Latency // of Split; nil: not measured
	Overdue    analysis.Overdue  // of Split
}

// line is a Second on disk.
type line struct {
	At       int64    `json:"t"` // Unix seconds
	Versions []counts `json:"v"`
}

type counts struct {
	WeightBP int       `json:"w,omitempty"`
	Split    pair      `json:"c"`
	All      *pair     `json:"all,omitempty"` // if not the same as Split
	OK       *[]uint32 `json:"ok,omitempty"`  // latencies: cell, count, cell, count, …
	Failed   []uint32  `json:"bad,omitempty"`
	Overdue  []uint64  `json:"old,omitempty"`
}

// pair is requests and failures.
type pair [2]uint64

func pairOf(c analysis.Counts) pair { return pair{c.Requests, c.Failed} }

func (p pair) counts() analysis.Counts { return analysis.Counts{Requests: p[0], Failed: p[1]} }
