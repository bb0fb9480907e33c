package recording

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"sluice/analysis"
)

// longestLine is far more than a second of a service with hundreds of versions takes.
const longestLine = 8 << 20

// Reader reads a recording strictly: what does not belong there is an error that names
// its line. Only the last line may be torn: it is left out. A Reader belongs to one goroutine.
type Reader struct {
	in     *bufio.Reader
	header Header
	number int // of the last line read
	last   int64
	parts  int
	torn   bool
}

// NewReader reads the first header.
func NewReader(r io.Reader) (*Reader, error) {
	out := &Reader{in: bufio.NewReaderSize(r, 64<<10)}
	text, err := out.line()
	if err == io.EOF {
		return nil, errors.New("recording: empty")
	} else if err != nil {
		return nil, err
	}
	if err := out.begin(text); err != nil {
		return nil, err
	}
	return out, nil
}

// Header is that of the part that the last second read belongs to.
func (r *Reader) Header() Header { return r.header }

// Part counts the headers read so far: a new number tells that versions may have changed.
func (r *Reader) Part() int { return r.parts }

// Torn reports, after io.EOF, that the last line was not whole and has been left out.
func (r *Reader) Torn() bool { return r.torn }

// Read returns the next second, io.EOF after the last one.
func (r *Reader) Read() (Second, error) {
	for {
		text, err := r.line()
		if err != nil {
			return Second{}, err
		}
		if bytes.HasPrefix(text, []byte(`{"schema"`)) {
			if err := r.begin(text); err != nil {
				return Second{}, err
			}
			continue
		}
		return r.second(text)
	}
}

// line returns the next whole line. A last one without its end is torn.
func (r *Reader) line() ([]byte, error) {
	var text []byte
	for {
		part, err := r.in.ReadSlice('\n')
		text = append(text, part...)
		switch {
		case err == nil:
			r.number++
			return text, nil
		case err == io.EOF:
			r.torn = len(text) > 0
			return nil, io.EOF
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, fmt.Errorf("recording: after line %d: %w", r.number, err)
		case len(text) > longestLine:
			return nil, fmt.Errorf("recording: line %d is longer than %d bytes", r.number+1, longestLine)
		}
	}
}

func (r *Reader) begin(text []byte) error {
	var h Header
	if err := decode(text, &h); err != nil {
		return r.fault(fmt.Errorf("not a header: %w", err))
	}
	if err := h.check(); err != nil {
		return r.fault(err)
	}
	r.header = h
	r.parts++
	return nil
}

func (r *Reader) second(text []byte) (Second, error) {
	var l line
	if err := decode(text, &l); err != nil {
		return Second{}, r.fault(err)
	}
	if l.At <= r.last {
		return Second{}, r.fault(fmt.Errorf("second %d after second %d", l.At, r.last))
	}
	r.last = l.At
	if len(l.Versions) != len(r.header.Versions) {
		return Second{}, r.fault(fmt.Errorf("%d versions, the header has %d", len(l.Versions), len(r.header.Versions)))
	}
	s := Second{At: time.Unix(l.At, 0).UTC(), Versions: make([]Counts, len(l.Versions))}
	for i := range l.Versions {
		if err := l.Versions[i].unpack(&s.Versions[i]); err != nil {
			return Second{}, r.fault(fmt.Errorf("version %s: %w", r.header.Versions[i], err))
		}
	}
	return s, nil
}

func (r *Reader) fault(err error) error { return fmt.Errorf("recording: line %d: %w", r.number, err) }

// decode refuses unknown fields and anything after the object.
func decode(text []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("something follows the object")
	}
	return nil
}

func (c *counts) unpack(v *Counts) error {
	v.WeightBP, v.Split = c.WeightBP, c.Split.counts()
	v.All = v.Split
	if c.All != nil {
		v.All = c.All.counts()
	}
	if v.WeightBP < 0 || v.WeightBP > 10_000 {
		return fmt.Errorf("weight is %d, want 0 to 10000", v.WeightBP)
	}
	if v.Split.Failed > v.Split.Requests || v.All.Failed > v.All.Requests {
		return errors.New("more failures than requests")
	}
	if v.All.Requests < v.Split.Requests || v.All.Failed < v.Split.Failed {
		return errors.New("all is less than a part of it")
	}
	if len(c.Overdue) > len(v.Overdue) {
		return fmt.Errorf("%d ages of requests in flight, want %d at most", len(c.Overdue), len(v.Overdue))
	}
	copy(v.Overdue[:], c.Overdue)
	if c.OK == nil {
		return nil
	}
	v.Latency = new(analysis.Latency)
	if err := dense(*c.OK, &v.Latency.OK); err != nil {
		return err
	}
	return dense(c.Failed, &v.Latency.Failed)
}

func dense(pairs []uint32, cells *[analysis.Buckets]uint32) error {
	if len(pairs)%2 != 0 {
		return errors.New("latencies: a cell without its count")
	}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i] >= analysis.Buckets {
			return fmt.Errorf("latencies: cell %d of %d", pairs[i], analysis.Buckets)
		}
		cells[pairs[i]] += pairs[i+1]
	}
	return nil
}
