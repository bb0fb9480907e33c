package recording

import (
	"context"
	"io"
	"slices"
	"time"

	"sluice/analysis"
)

// Source is whose counts are recorded: *router.Live. Arms are nil for a service
// that does not exist.
type Source interface {
	Arms(service string) []analysis.Arm
}

// Sampler records one service, a line at the end of each second that had traffic.
// It belongs to the goroutine that calls Run.
type Sampler struct {
	source  Source
	service string
	out     io.Writer
	writer  *Writer // nil: no header yet
	header  Header
	tallies []analysis.Tally
	last    time.Time
}

// NewSampler makes a Sampler and writes nothing yet.
func NewSampler(source Source, service string, out io.Writer) *Sampler {
	return &Sampler{source: source, service: service, out: out}
}

// Run records until ctx ends (nil) or the destination fails (why). A second that the
// clock repeats, as when it is set back, is left out.
func (s *Sampler) Run(ctx context.Context) error {
	for {
		now := time.Now()
		timer := time.NewTimer(now.Truncate(time.Second).Add(time.Second).Sub(now))
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case at := <-timer.C:
			if err := s.sample(at.Round(time.Second).Add(-time.Second)); err != nil {
				return err
			}
		}
	}
}

// sample records the second that began at at.
func (s *Sampler) sample(at time.Time) error {
	arms := s.source.Arms(s.service)
	if len(arms) == 0 {
		return nil
	}
	if err := s.begin(headerOf(s.service, arms)); err != nil {
		return err
	}
	second := Second{At: at, Versions: make([]Counts, len(arms))}
	now := analysis.Now()
	for i, arm := range arms {
		got := s.tallies[i].Take(now, arm.Split, arm.Ruled, true)
		second.Versions[i] = Counts{
			WeightBP: arm.WeightBP, Split: got.Split, All: got.All, Latency: got.SplitLatency, Overdue: got.SplitOverdue,
		}
	}
	if !at.After(s.last) {
		return nil
	}
	s.last = at
	return s.writer.Write(second)
}

// begin writes a header where the versions, or stable, are not those of the last one.
func (s *Sampler) begin(h Header) error {
	if s.writer != nil && h.Stable == s.header.Stable && slices.Equal(h.Versions, s.header.Versions) {
		return nil
	}
	s.header, s.tallies = h, make([]analysis.Tally, len(h.Versions))
	if s.writer != nil {
		return s.writer.Header(h)
	}
	var err error
	s.writer, err = NewWriter(s.out, h)
	return err
}

func headerOf(service string, arms []analysis.Arm) Header {
	h := Header{Service: service}
	for _, arm := range arms {
		h.Versions = append(h.Versions, arm.Version)
		if arm.Stable {
			h.Stable = arm.Version
		}
	}
	return h
}
