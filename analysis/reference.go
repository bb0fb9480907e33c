package analysis

import (
	"encoding/json"
	"errors"
)

const (
	leastReference = 20  // answers of stable that a quantile needs
	enoughAnswers  = 200 // that let a generation end after leastBlocks
	leastBlocks    = 60
	mostBlocks     = 300
	markEvery      = 10 // blocks between two looks at the quantiles
)

// tails are the quantiles that latencies are compared at: p50, p90, p95, p99.
var tails = [...]float64{0.5, 0.1, 0.05, 0.01}

// reference remembers how fast stable answered, to say beforehand what is slow: the
// quantiles of its last one to ten minutes, less with more traffic.
type reference struct {
	Older, Newer sparse
	Blocks       int // in Newer
	Answers      [2]uint64
	Age          int    // blocks since the marks were set
	Seen         uint64 // answers the marks stand on
	Marks        [len(tails)]mark
}

// mark is one quantile of stable's: the least bound that no more than the tail's share
// of answers exceeded, how many did since (Bound), and the bounds in use meanwhile.
type mark struct {
	Known  bool
	Cell   int
	Bound  Bound
	Ranges [2]span // older, newer generation of Bound
}

type span struct {
	Low, High int
	Used      bool
}

func (r *reference) mark(tail float64) *mark {
	for i, t := range tails {
		if t == tail {
			return &r.Marks[i]
		}
	}
	return &r.Marks[len(tails)-1]
}

// add takes in a block of stable, after it was weighed.
func (r *reference) add(l *Latency) {
	if l == nil {
		return
	}
	n := uint64(0)
	for i, k := range l.OK {
		if k > 0 {
			r.Newer[i] += k
			n += uint64(k)
		}
	}
	if n == 0 {
		return
	}
	r.Answers[1] += n
	for i := range r.Marks {
		r.Marks[i].add(l)
	}
	if r.Blocks++; r.Blocks >= mostBlocks || r.Blocks >= leastBlocks && r.Answers[1] >= enoughAnswers {
		r.Older, r.Newer, r.Blocks = r.Newer, sparse{}, 0
		r.Answers[0], r.Answers[1] = r.Answers[1], 0
	}
	total := r.Answers[0] + r.Answers[1]
	if r.Age++; total < leastReference || r.Age < markEvery && r.Seen > 0 && total < 2*r.Seen {
		return
	}
	r.Age, r.Seen = 0, total
	r.place(total)
}

// place sets the marks anew.
func (r *reference) place(total uint64) {
	above, i := uint64(0), Buckets-1
	for t := len(tails) - 1; t >= 0; t-- {
		for ; i > 0; i-- {
			n := uint64(r.Older[i]) + uint64(r.Newer[i])
			if float64(above+n) > tails[t]*float64(total) {
				break
			}
			above += n
		}
		r.Marks[t].Known, r.Marks[t].Cell = true, i
	}
}

func (m *mark) add(l *Latency) {
	if !m.Known {
		return
	}
	if m.Bound.Blocks >= boundGeneration {
		m.Ranges[0], m.Ranges[1] = m.Ranges[1], span{}
	}
	good, slow := l.split(m.Cell)
	m.Bound.Add(Counts{Requests: good + slow, Failed: slow})
	s := &m.Ranges[1]
	if !s.Used {
		*s = span{m.Cell, m.Cell, true}
	}
	s.Low, s.High = min(s.Low, m.Cell), max(s.High, m.Cell)
}

func (m *mark) highest() int {
	c := m.Cell
	for _, s := range m.Ranges {
		if s.Used {
			c = max(c, s.High)
		}
	}
	return c
}

func (m *mark) lowest() int {
	c := m.Cell
	for _, s := range m.Ranges {
		if s.Used {
			c = min(c, s.Low)
		}
	}
	return c
}

func (r *reference) sound() bool {
	for _, m := range r.Marks {
		for _, c := range []int{m.Cell, m.Ranges[0].Low, m.Ranges[0].High, m.Ranges[1].Low, m.Ranges[1].High} {
			if c < 0 || c >= Buckets {
				return false
			}
		}
	}
	return r.Blocks >= 0 && r.Age >= 0
}

// sparse is a histogram that is kept without its empty cells.
type sparse [Buckets]uint32

// MarshalJSON writes cell, count, cell, count, ….
func (s sparse) MarshalJSON() ([]byte, error) {
	flat := []uint32{}
	for i, n := range s {
		if n > 0 {
			flat = append(flat, uint32(i), n)
		}
	}
	return json.Marshal(flat)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (s *sparse) UnmarshalJSON(data []byte) error {
	var flat []uint32
	if err := json.Unmarshal(data, &flat); err != nil {
		return err
	}
	*s = sparse{}
	for ; len(flat) >= 2; flat = flat[2:] {
		if flat[0] >= Buckets {
			return errors.New("latencies: no such cell")
		}
		s[flat[0]] = flat[1]
	}
	if len(flat) != 0 {
		return errors.New("latencies: half a pair")
	}
	return nil
}
