package proxy

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"sync/atomic"
	"time"
)

// AccessLogOptions say where a line per request goes, and for which requests.
type AccessLogOptions struct {
	Path   string       // stdout, stderr, a file, or off (also "")
	Format string       // json (also "") or combined
	Sample float64      // share of successes logged, 0..1; failures are always logged
	Logger *slog.Logger // told, at most once a minute, of lines lost; nil discards
}

// AccessLog writes a line per request without ever blocking one: lines go
// through a bounded ring to the goroutine of Run, and are dropped, counted,
// when it cannot keep up. A nil AccessLog is off. Safe for concurrent use.
type AccessLog struct {
	format    func([]byte, *logEntry) []byte
	threshold uint64 // successes whose random number lies below are logged
	everyone  bool

	ring    *lineRing
	dropped atomic.Uint64 // ring full
	sink    *logSink
	logger  *slog.Logger

	parked atomic.Bool   // the writer waits for a first line
	wake   chan struct{} // … which is announced here
	hurry  chan struct{} // the ring is half full
}

// logEntry is one request as it is logged. Its slices are copied by write.
// Zero fields are shown as "" or 0 in JSON, as - in the combined format.
type logEntry struct {
	Time      time.Time // when the request began
	Duration  time.Duration
	Client    netip.Addr
	Method    []byte
	Host      []byte
	Target    []byte // as sent
	RequestID []byte
	UserAgent []byte
	Referer   []byte
	Proto     string // HTTP/1.1

	Service, Version, Endpoint string
	Why                        string // how the version was chosen
	Outcome                    string
	Refusal                    string // why the proxy itself refused

	Status            int   // 0: none was sent
	BytesIn, BytesOut int64 // bodies
	Attempts          int
	Upstream          time.Duration // of the last attempt, to the answer's head
}

const (
	logRingLines = 8192
	// logGather is how long the writer lets lines gather once one is there:
	// a wake-up per line would cost more than the line.
	logGather = 10 * time.Millisecond
)

// OpenAccessLog opens the log. It returns nil, which is a valid AccessLog,
// when o.Path is off. Run must be called for anything to be written.
func OpenAccessLog(o AccessLogOptions) (*AccessLog, error) {
	if o.Path == "" || o.Path == "off" {
		return nil, nil
	}
	l := &AccessLog{
		ring:   newLineRing(logRingLines),
		logger: o.Logger,
		wake:   make(chan struct{}, 1),
		hurry:  make(chan struct{}, 1),
	}
	switch o.Format {
	case "", "json":
		l.format = appendJSONLine
	case "combined":
		l.format = appendCombinedLine
	default:
		return nil, fmt.Errorf("access log: unknown format %q, want json or combined", o.Format)
	}
	if !(o.Sample >= 0 && o.Sample <= 1) {
		return nil, fmt.Errorf("access log: sample %v is not a share between 0 and 1", o.Sample)
	}
	l.everyone = o.Sample == 1
	l.threshold = uint64(o.Sample * (1 << 53))
	if l.logger == nil {
		l.logger = slog.New(slog.DiscardHandler)
	}
	var err error
	if l.sink, err = openLogSink(o.Path); err != nil {
		return nil, fmt.Errorf("access log: %w", err)
	}
	return l, nil
}

// Dropped counts the lines lost so far: the ring was full, or they could not be written.
func (l *AccessLog) Dropped() uint64 {
	if l == nil {
		return 0
	}
	return l.dropped.Load() + l.sink.lost.Load()
}

// Reopen opens the file anew, after a rotation moved it away. The old one is
// kept if that fails. It does nothing for stdout and stderr.
func (l *AccessLog) Reopen() error {
	if l == nil {
		return nil
	}
	if err := l.sink.reopen(); err != nil {
		return fmt.Errorf("access log: %w", err)
	}
	return nil
}

// write logs e, or not, as the sample has it. It never blocks, and allocates
// only until the ring's buffers have grown to the lines that come.
func (l *AccessLog) write(e *logEntry) {
	if l == nil || !l.wanted(e) {
		return
	}
	s, pos := l.ring.reserve()
	if s == nil {
		l.dropped.Add(1)
		return
	}
	s.line = l.format(s.line[:0], e)
	l.ring.publish(s, pos)
	if l.parked.Load() && l.parked.CompareAndSwap(true, false) {
		notify(l.wake)
	}
	if pos%256 == 0 && l.ring.waiting(pos) >= logRingLines/2 {
		notify(l.hurry)
	}
}

func (l *AccessLog) wanted(e *logEntry) bool {
	return l.everyone || e.failed() || rand.Uint64()>>11 < l.threshold
}

// failed reports whether the line is exempt from sampling. Refusals of clients'
// own faults (4xx) are not: a flood of them must not become a flood of lines.
func (e *logEntry) failed() bool {
	if e.Status >= 500 {
		return true
	}
	switch e.Outcome {
	case "5xx", "connect_error", "timeout", "reset", "bad_response":
		return true
	}
	return false
}

// Run writes the lines until ctx ends, then those that are left, and closes
// the file. Lines written after that are lost. It always returns nil.
func (l *AccessLog) Run(ctx context.Context) error {
	if l == nil {
		<-ctx.Done()
		return nil
	}
	defer l.sink.close()
	w := logWriter{log: l, lastReport: time.Now().Add(-logReportEvery)}
	gather := time.NewTimer(0)
	defer gather.Stop()
	for ctx.Err() == nil {
		if !w.drain() && !l.park(ctx) {
			break
		}
		gather.Reset(logGather)
		select {
		case <-gather.C:
		case <-l.hurry:
		case <-ctx.Done():
		}
	}
	w.drain()
	w.report()
	return nil
}

// park waits for a line. It reports false when ctx ended instead. A producer
// publishes before it looks at parked, and the ring is looked at again after
// parked is set, so no line is left behind.
func (l *AccessLog) park(ctx context.Context) bool {
	l.parked.Store(true)
	defer l.parked.Store(false)
	if l.ring.peek() != nil {
		return true
	}
	select {
	case <-l.wake:
		return true
	case <-ctx.Done():
		return false
	}
}

func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
