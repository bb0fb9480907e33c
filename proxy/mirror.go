package proxy

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"sluice/router"
)

// mirrorMark is the field that tells a copy from the request it was made of.
const mirrorMark = "X-Sluice-Mirror: 1\r\n"

// Defaults of a mirror.
const (
	mirrorTimeout     = 5 * time.Second
	mirrorMaxInFlight = 512
	mirrorMaxBytes    = 64 << 20
)

// mirrorLimits hold over all services. Zero takes the default.
type mirrorLimits struct {
	MaxInFlight int   // copies at once, one mirror's up to half; default 512
	MaxBytes    int64 // of their requests, heads included; default 64 MiB
}

// mirrors sends copies of requests to versions that answer nobody. It takes
// copies without ever making a request wait: over its limits the newest is
// dropped and counted. No mirror may hold more places than are left free, so that one
// whose target hangs does not take those of others. Copies have connections and a timeout of their own and
// are recorded nowhere but here. Run owns the goroutines, one for each copy in
// flight at the busiest moment so far. Safe for concurrent use.
type mirrors struct {
	limits mirrorLimits
	logger *slog.Logger
	tally  mirrorTally
	held   mirrorTally // places, by mirror

	comparer *comparer

	queue    chan *mirrorCopy // room for all that may be in flight
	grow     chan struct{}    // fewer workers than copies
	inFlight atomic.Int64     // copies queued or being sent
	bytes    atomic.Int64     // of them
	stopping atomic.Bool
	copies   sync.Pool

	reportedAt atomic.Int64 // Unix seconds of the last word about failures
}

// mirrorCopy is one copied request.
type mirrorCopy struct {
	to      *router.Mirror
	service string
	message []byte // head with the mark, and body
	held    *atomic.Uint64
	pair    *pair       // the answer is compared; nil: thrown away
	side    int         // of pair
	also    *mirrorCopy // goes with it; nil: none
}

// newMirrors starts nothing. A nil logger discards.
func newMirrors(limits mirrorLimits, logger *slog.Logger) *mirrors {
	if limits.MaxInFlight <= 0 {
		limits.MaxInFlight = mirrorMaxInFlight
	}
	if limits.MaxBytes <= 0 {
		limits.MaxBytes = mirrorMaxBytes
	}
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	return &mirrors{
		limits:   limits,
		logger:   logger,
		comparer: newComparer(compareLimits{}, logger),
		queue:    make(chan *mirrorCopy, limits.MaxInFlight),
		grow:     make(chan struct{}, 1),
		copies:   sync.Pool{New: func() any { return new(mirrorCopy) }},
	}
}

// wants reports whether a request with this method belongs to the share that
// is copied. rnd may be the number that chose the version: it is mixed first,
// else the copies would be those of a part of the split.
func (m *mirrors) wants(rt *router.Mirror, method []byte, rnd uint64) bool {
	return rt != nil && mirrored(rt, method) && float64(mix(rnd)>>11)/(1<<53) < rt.Share
}

// mirrored reports whether the method is one of those to copy; without a list, the safe ones.
func mirrored(rt *router.Mirror, method []byte) bool {
	if len(rt.Methods) == 0 {
		return repeatable(method)
	}
	for _, name := range rt.Methods {
		if string(method) == name {
			return true
		}
	}
	return false
}

// mix is the finaliser of splitmix64.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// take makes a copy of a request, for put; nil if there is no room. head is the
// serialised head as an upstream gets it, empty line included, framed by
// Content-Length or without a body; both slices are copied. It never blocks.
func (m *mirrors) take(rt *router.Mirror, service string, head, body []byte) *mirrorCopy {
	switch {
	case m.stopping.Load():
		m.count(rt, service, mirrorDroppedStopping)
		return nil
	case rt.MaxBody > 0 && int64(len(body)) > rt.MaxBody:
		m.skip(rt, service, "body_too_large")
		return nil
	}
	held := m.held.of(mirrorKey{service: service, version: rt.Version.Name})
	if reason := m.occupy(held, int64(len(head)+len(mirrorMark)+len(body))); reason != "" {
		m.count(rt, service, reason)
		return nil
	}
	c := m.copies.Get().(*mirrorCopy)
	c.to, c.service, c.held = rt, service, held
	c.message = append(c.message[:0], head[:len(head)-2]...)
	c.message = append(c.message, mirrorMark...)
	c.message = append(c.message, head[len(head)-2:]...)
	c.message = append(c.message, body...)
	return c
}

// put hands a copy over to be sent, and what goes with it. It never blocks.
func (m *mirrors) put(c *mirrorCopy) {
	also := c.also
	m.queue <- c // room for MaxInFlight: never waits
	if also != nil {
		m.queue <- also
	}
	notify(m.grow)
}

// occupy takes a place and so many bytes of the budget, or tells why not.
func (m *mirrors) occupy(held *atomic.Uint64, size int64) (reason string) {
	free := int64(m.limits.MaxInFlight) - m.inFlight.Add(1) + 1
	if int64(held.Add(1)) > free {
		m.vacate(held, 0)
		return mirrorDroppedInFlight
	}
	if m.bytes.Add(size) > m.limits.MaxBytes {
		m.vacate(held, size)
		return mirrorDroppedBytes
	}
	return ""
}

func (m *mirrors) vacate(held *atomic.Uint64, size int64) {
	m.bytes.Add(-size)
	held.Add(^uint64(0))
	m.inFlight.Add(-1)
}

// skip counts a request that is not copied, for example body_too_large.
func (m *mirrors) skip(rt *router.Mirror, service, reason string) {
	m.tally.add(mirrorKey{service: service, version: rt.Version.Name, result: reason, skipped: true})
}

func (m *mirrors) count(rt *router.Mirror, service, result string) {
	m.tally.add(mirrorKey{service: service, version: rt.Version.Name, result: result})
}

// counts are the copies so far, by result.
func (m *mirrors) counts() []MirrorCount { return m.tally.counts() }

// Run sends copies, and compares answers, until ctx ends. Those in flight are then broken off. It returns nil.
func (m *mirrors) Run(ctx context.Context) error {
	var workers sync.WaitGroup
	defer workers.Wait()
	workers.Go(func() { m.comparer.run(ctx) })
	for started := 0; ; {
		// A worker for each copy, so that none waits behind a target that hangs.
		for ; started < min(int(m.inFlight.Load()), m.limits.MaxInFlight); started++ {
			workers.Go(func() { m.work(ctx) })
		}
		select {
		case <-m.grow:
		case <-ctx.Done():
			m.stopping.Store(true)
			return nil
		}
	}
}

func (m *mirrors) work(ctx context.Context) {
	w := &mirrorWorker{mirrors: m}
	for {
		select {
		case c := <-m.queue:
			m.count(c.to, c.service, w.send(ctx, c))
			m.done(c)
		case <-ctx.Done():
			return
		}
	}
}

// A copy keeps its buffer for the next one up to this size.
const mirrorCopyKeeps = 128 << 10

func (m *mirrors) done(c *mirrorCopy) {
	held, size := c.held, int64(len(c.message))
	c.to, c.held, c.pair, c.also = nil, nil, nil, nil
	if cap(c.message) > mirrorCopyKeeps {
		c.message = nil
	}
	m.copies.Put(c)
	m.vacate(held, size)
}

// method is the request's, from its first line.
func (c *mirrorCopy) method() []byte {
	method, _, _ := bytes.Cut(c.message, []byte{' '})
	return method
}

// repeatable reports whether a method is safe: its requests may be sent again
// where nobody asked for it.
func repeatable(method []byte) bool {
	switch string(method) {
	case "GET", "HEAD", "OPTIONS", "TRACE":
		return true
	}
	return false
}
