package proxy

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"sluice/comparison"
	"sluice/router"
)

// Defaults of comparing.
const (
	compareBodyBytes = mirrorAnswerBytes // kept of each answer
	compareMaxBytes  = 32 << 20
	compareQueue     = 256
	compareLife      = time.Minute
)

// The noise: how many of the first compared requests, and what share of all, are
// sent to stable a second time.
const (
	noiseFirst = 20
	noiseShare = 0.01
)

// compareLimits hold over all services. Zero takes the default.
type compareLimits struct {
	MaxBytes int64         // of kept answers; default 32 MiB
	Queue    int           // requests whose answers are there and wait; default 256
	Life     time.Duration // from the request to its last answer; default 1 min, and at least a sixth of it beyond the mirror's timeout
}

// comparer compares the answers of copied requests with stable's, beside the
// requests: they leave their bytes here, up to a cap and within a budget, and
// never wait. What finds no room, takes too long or broke off is dropped and
// counted. Run owns the one goroutine that compares. Safe for concurrent use.
type comparer struct {
	limits compareLimits
	logger *slog.Logger
	diff   func(a, b comparison.Answer, p *comparison.Policy) []comparison.Difference

	queue    chan *pair
	bytes    atomic.Int64
	services sync.Map    // name → *compared
	results  mirrorTally // requests, by what became of their comparison
	kinds    mirrorTally // differences, by kind
}

// compared is what is known of one service's shadow. A reset puts a new one in
// place, so that what is under way counts where it began.
type compared struct {
	stable, shadow string
	tally          comparison.Tally
	repeats        atomic.Int64 // requests sent to stable again, but for those that were lost
	policy         atomic.Pointer[comparePolicy]
}

// comparePolicy is the compiled policy of one mirror.
type comparePolicy struct {
	of *router.Mirror
	comparison.Policy
}

// What became of a comparison besides being made.
const (
	compareEqual        = "equal"
	compareDifferent    = "different"
	compareNoiseEqual   = "noise_equal"
	compareNoiseDiffers = "noise_different"
	compareDroppedBytes = "dropped_bytes"
	compareDroppedBusy  = "dropped_busy"
	compareDroppedLate  = "dropped_stalled"
	compareDroppedPanic = "dropped_panic"
	compareStopping     = "dropped_stopping"
	compareNotStable    = "skipped_not_stable" // another version answered, or the proxy itself
	compareIncomplete   = "skipped_incomplete" // the client left, or stable's answer broke off
	compareStream       = "skipped_stream"     // answers that do not end
	compareUnsent       = "skipped_unsent"     // the copy met a limit of ours, or no endpoint
	compareInjected     = "skipped_injected"
)

func newComparer(limits compareLimits, logger *slog.Logger) *comparer {
	if limits.MaxBytes <= 0 {
		limits.MaxBytes = compareMaxBytes
	}
	if limits.Queue <= 0 {
		limits.Queue = compareQueue
	}
	if limits.Life <= 0 {
		limits.Life = compareLife
	}
	return &comparer{limits: limits, logger: logger, diff: comparison.Diff, queue: make(chan *pair, limits.Queue)}
}

// run compares until ctx ends.
func (c *comparer) run(ctx context.Context) {
	for {
		select {
		case p := <-c.queue:
			c.compare(p)
		case <-ctx.Done():
			return
		}
	}
}

// of is what is known of a service. Another shadow, or another stable, is another question.
func (c *comparer) of(service, stable, shadow string) *compared {
	for {
		found, _ := c.services.Load(service)
		known, _ := found.(*compared)
		if known != nil && known.stable == stable && known.shadow == shadow {
			return known
		}
		next := newCompared(stable, shadow)
		if known == nil {
			if _, taken := c.services.LoadOrStore(service, next); !taken {
				return next
			}
		} else if c.services.CompareAndSwap(service, known, next) {
			return next
		}
	}
}

func newCompared(stable, shadow string) *compared {
	next := &compared{stable: stable, shadow: shadow}
	next.tally.Reset()
	return next
}

// policyOf compiles a mirror's policy once. A path that can't be read is left
// out: the configuration has refused it before.
func (s *compared) policyOf(m *router.Mirror) *comparison.Policy {
	if p := s.policy.Load(); p != nil && p.of == m {
		return &p.Policy
	}
	p := &comparePolicy{of: m, Policy: comparison.Policy{Headers: m.Headers}}
	for _, text := range m.Ignore {
		if path, err := comparison.ParsePath(text); err == nil {
			p.Ignore = append(p.Ignore, path)
		}
	}
	s.policy.Store(p)
	return &p.Policy
}

// wantsRepeat reports whether a request is to be sent to stable again. Of unsafe
// methods there is no noise to be had.
func (s *compared) wantsRepeat(method []byte) bool {
	if !repeatable(method) {
		return false
	}
	if s.repeats.Add(1) <= noiseFirst || rand.Float64() < noiseShare {
		return true
	}
	s.repeats.Add(-1)
	return false
}

// skip counts a request that was copied and is not compared.
func (c *comparer) skip(state *compared, service, reason string) {
	state.tally.Skip(reason)
	c.results.add(mirrorKey{service: service, version: state.shadow, result: reason})
}

// compare tells the tally what the pair's answers come to.
func (c *comparer) compare(p *pair) {
	defer func() {
		if r := recover(); r != nil {
			c.logger.Error("panic", "service", p.service, "error", r, "stack", string(debug.Stack()))
			p.count(compareDroppedPanic)
		}
	}()
	defer p.free()
	stable := p.sides[sideStable].answer.Decoded()
	if p.sides[sideShadow].state == sideHere {
		shadow := p.sides[sideShadow].answer.Decoded()
		found := c.diff(stable, shadow, p.policy)
		p.state.tally.Shadow(p.request, stable.Truncated || shadow.Truncated, found)
		c.results.add(p.key(verdictName(found, compareEqual, compareDifferent)))
		c.countKinds(p, found)
	}
	if p.sides[sideRepeat].state == sideHere {
		found := c.diff(stable, p.sides[sideRepeat].answer.Decoded(), p.policy)
		p.state.tally.Noise(found)
		c.results.add(p.key(verdictName(found, compareNoiseEqual, compareNoiseDiffers)))
	}
}

func verdictName(found []comparison.Difference, equal, different string) string {
	if len(found) == 0 {
		return equal
	}
	return different
}

// countKinds counts each kind once a comparison: a list of a thousand prices is
// no thousand differences.
func (c *comparer) countKinds(p *pair, found []comparison.Difference) {
	for i := range found {
		seen := false
		for j := range i {
			seen = seen || found[j].Kind == found[i].Kind
		}
		if !seen {
			c.kinds.add(p.key(string(found[i].Kind)))
		}
	}
}

// Comparison says how the answers of a service's shadow differ from stable's.
// It reports false if the service has no mirror that compares and never had.
func (s *Server) Comparison(service string) (comparison.Report, bool) {
	c := s.mirrors.comparer
	found, known := c.services.Load(service)
	if known {
		return found.(*compared).report(service), true
	}
	stable, shadow, ok := s.compares(service)
	if !ok {
		return comparison.Report{}, false
	}
	return newCompared(stable, shadow).report(service), true
}

func (s *compared) report(service string) comparison.Report {
	r := s.tally.Report()
	r.Service, r.Stable, r.Shadow = service, s.stable, s.shadow
	return r
}

// ResetComparison forgets what has been compared so far, noise included: a
// shadow rollout begins with its own evidence. What is under way is not counted any more.
func (s *Server) ResetComparison(service string) {
	c := s.mirrors.comparer
	if stable, shadow, ok := s.compares(service); ok {
		c.services.Store(service, newCompared(stable, shadow))
		return
	}
	c.services.Delete(service)
}

// compares names what a service's mirror compares; false if it does not.
func (s *Server) compares(service string) (stable, shadow string, ok bool) {
	svc := s.live.Load().Service(service)
	if svc == nil || svc.Policy.Mirror == nil || !svc.Policy.Mirror.Compare {
		return "", "", false
	}
	return svc.Versions[svc.Stable()].Name, svc.Policy.Mirror.Version.Name, true
}
