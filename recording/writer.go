package recording

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"sluice/analysis"
)

// Writer appends seconds to a recording: one Write of the destination a line, so that a
// crash tears the last one at most. It belongs to one goroutine.
type Writer struct {
	w        io.Writer
	versions int
	last     int64
	buffer   bytes.Buffer
}

// NewWriter writes the header. It does not close w.
func NewWriter(w io.Writer, h Header) (*Writer, error) {
	out := &Writer{w: w}
	return out, out.Header(h)
}

// Header begins a new part: write it when the versions, or stable, change.
func (w *Writer) Header(h Header) error {
	h.Schema = Schema
	if err := h.check(); err != nil {
		return fmt.Errorf("recording: %w", err)
	}
	w.versions = len(h.Versions)
	return w.write(h)
}

// Write appends a second; one in which nothing happened is left out. Seconds that do
// not come after the last one are refused.
func (w *Writer) Write(s Second) error {
	if len(s.Versions) != w.versions {
		return fmt.Errorf("recording: %d versions in a second, the header has %d", len(s.Versions), w.versions)
	}
	l := line{At: s.At.Unix()}
	idle := true
	for i := range s.Versions {
		v := &s.Versions[i]
		idle = idle && v.All.Requests == 0 && v.Split.Requests == 0 && v.Overdue == analysis.Overdue{}
		l.Versions = append(l.Versions, pack(v))
	}
	if idle {
		return nil
	}
	if l.At <= w.last {
		return fmt.Errorf("recording: second %d after second %d", l.At, w.last)
	}
	w.last = l.At
	return w.write(l)
}

func (w *Writer) write(v any) error {
	w.buffer.Reset()
	if err := json.NewEncoder(&w.buffer).Encode(v); err != nil { // ends the line
		return fmt.Errorf("recording: %w", err)
	}
	_, err := w.w.Write(w.buffer.Bytes())
	return err
}

func pack(v *Counts) counts {
	c := counts{WeightBP: v.WeightBP, Split: pairOf(v.Split)}
	if v.All != v.Split {
		all := pairOf(v.All)
		c.All = &all
	}
	if v.Latency != nil {
		ok := sparse(&v.Latency.OK)
		c.OK, c.Failed = &ok, sparse(&v.Latency.Failed)
	}
	if v.Overdue != (analysis.Overdue{}) {
		c.Overdue = v.Overdue[:]
	}
	return c
}

func sparse(cells *[analysis.Buckets]uint32) []uint32 {
	all := []uint32{}
	for i, n := range cells {
		if n > 0 {
			all = append(all, uint32(i), n)
		}
	}
	return all
}

// Open opens the file at path for a Writer, made with mode 0600 if there is none. What a
// crash left of a last line is cut off. The caller closes it.
func Open(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("recording: %w", err)
	}
	end, err := wholeLines(f)
	if err == nil {
		err = f.Truncate(end)
	}
	if err == nil {
		_, err = f.Seek(end, io.SeekStart)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("recording: %w", err), f.Close())
	}
	return f, nil
}

// wholeLines is where the last whole line ends.
func wholeLines(f *os.File) (int64, error) {
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return 0, err
	}
	chunk := make([]byte, 64<<10)
	for end > 0 {
		from := max(0, end-int64(len(chunk)))
		part := chunk[:end-from]
		if _, err := f.ReadAt(part, from); err != nil {
			return 0, err
		}
		if i := bytes.LastIndexByte(part, '\n'); i >= 0 {
			return from + int64(i) + 1, nil
		}
		end = from
	}
	return 0, nil
}
