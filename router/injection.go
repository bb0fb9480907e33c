package router

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"sluice/analysis"
	"sluice/config"
)

// longestInjection bounds how long one may last: it is an experiment, not a setting.
const longestInjection = time.Hour

// endsKept is how many ended injections wait to be told of; then the oldest is forgotten.
const endsKept = 256

// Salts of Request.Rand, far from those of rules.
const (
	saltInjection = 1 << 40
	saltJitter    = 1<<40 + 1
)

// ErrInjecting is why Inject refuses a version that already suffers.
var ErrInjecting = errors.New("an injection is in force already")

// Injected is an injection in force, or one that was.
type Injected struct {
	Service string
	config.Injection
	Since, Until time.Time
	Requests     uint64 // that were to suffer it so far; copies of the mirror count as well
}

// injection is one in force. It stands on the Version alone and is never
// persisted: the end of the process is its end.
type injection struct {
	about   Injected
	version *Version
	until   int64  // analysis.Now
	below   uint64 // random numbers under it suffer, or all
	all     bool
	over    atomic.Bool // taken away before its time
	hit     atomic.Uint64
}

// injections are what Live knows of them besides the versions' pointers.
type injections struct {
	mu      sync.Mutex
	running []*injection
	ended   []Injected // not told of yet
}

// Fault is what one request is to suffer: first the delay, then one of the
// others, or nothing more.
type Fault struct {
	Delay     time.Duration
	Abort     int  // answer with this status; 0: no
	Reset     bool // end the connection without an answer
	Blackhole bool // no answer until the response timeout

	by *injection
}

// Over reports whether the injection has ended meanwhile (now is analysis.Now):
// a request that waits because of it is to go on. True for the zero value.
func (f *Fault) Over(now int64) bool { return f.by == nil || f.by.past(now) }

func (in *injection) past(now int64) bool { return now >= in.until || in.over.Load() }

// Until is when the injection ends by itself (analysis.Now).
func (f *Fault) Until() int64 { return f.by.until }

// Fault says what a request to v is to suffer; false, as a rule: nothing. rnd is
// Request.Rand; preview says that the request is a preview or a mirrored copy.
// One atomic load where nothing is injected. Who gets a Fault calls Service.Exempt.
func (v *Version) Fault(rnd uint64, preview bool) (Fault, bool) {
	in := v.injection.Load()
	if in == nil {
		return Fault{}, false
	}
	return in.fault(rnd, preview)
}

func (in *injection) fault(rnd uint64, preview bool) (Fault, bool) {
	about := &in.about
	if !preview && about.Traffic != trafficAll || !in.all && mix(rnd, saltInjection) >= in.below || in.past(analysis.Now()) {
		return Fault{}, false
	}
	in.hit.Add(1)
	in.version.Injected.Add(1)
	f := Fault{Delay: about.Delay, Abort: about.Abort, Reset: about.Reset, Blackhole: about.Blackhole, by: in}
	if j := about.Jitter; j > 0 {
		f.Delay = max(0, f.Delay+time.Duration((2*unit(mix(rnd, saltJitter))-1)*float64(j)))
	}
	return f, true
}

// Exempt takes a choice out of judgement, before Start: neither the trip nor the
// recorders see what becomes of it, and a probe gives its place back.
func (s *Service) Exempt(c *Choice) {
	if c.trial != nil {
		c.trial.probe.CompareAndSwap(c.began, 0)
	}
	c.exempt = true
}

// Traffic of an injection.
const (
	trafficPreview = "preview"
	trafficAll     = "all"
)

// Inject makes a share of the requests to a version suffer, from the next one on,
// until the given time, an hour ahead at most; the zero time stands for now and
// in.Duration. in.Version is not looked at. The end needs nobody: requests look at the
// monotonic clock. One injection a version: ErrInjecting while another is in force.
func (l *Live) Inject(service, version string, in config.Injection, until time.Time) error {
	v, err := l.find(service, version)
	if err != nil {
		return fmt.Errorf("inject: %w", err)
	}
	now := time.Now()
	if until.IsZero() {
		until = now.Add(in.Duration)
	}
	in.Version, in.Duration = version, until.Sub(now)
	if in.Traffic == "" {
		in.Traffic = trafficPreview
	}
	if err := checkInjection(&in); err != nil {
		return fmt.Errorf("inject into %s %s: %w", service, version, err)
	}
	next := &injection{
		about:   Injected{Service: service, Injection: in, Since: now, Until: until},
		version: v, until: analysis.Now() + int64(in.Duration), all: in.Percent == 100,
	}
	if !next.all {
		next.below = uint64(math.Ldexp(in.Percent/100, 64))
	}
	l.chaos.mu.Lock()
	defer l.chaos.mu.Unlock()
	l.chaos.sweep(l.find)
	if v.injection.Load() != nil {
		return fmt.Errorf("inject into %s %s: %w", service, version, ErrInjecting)
	}
	l.chaos.running = append(l.chaos.running, next)
	v.injection.Store(next)
	return nil
}

func checkInjection(in *config.Injection) error {
	fate := 0
	for _, set := range []bool{in.Abort != 0, in.Reset, in.Blackhole} {
		if set {
			fate++
		}
	}
	switch {
	case in.Duration <= 0 || in.Duration > longestInjection:
		return fmt.Errorf("it would last %s, want more than 0 and at most %s", in.Duration, longestInjection)
	case !(in.Percent > 0 && in.Percent <= 100):
		return fmt.Errorf("percent: got %v, want more than 0 and at most 100", in.Percent)
	case in.Traffic != trafficPreview && in.Traffic != trafficAll:
		return fmt.Errorf("traffic: got %q, want %s or %s", in.Traffic, trafficPreview, trafficAll)
	case in.Delay < 0 || in.Jitter < 0 || in.Delay+in.Jitter > longestInjection:
		return fmt.Errorf("delay %s with jitter %s, want 0 to %s together", in.Delay, in.Jitter, longestInjection)
	case in.Abort != 0 && (in.Abort < 400 || in.Abort > 599):
		return fmt.Errorf("abort: got %d, want a status from 400 to 599", in.Abort)
	case fate > 1:
		return errors.New("want at most one of abort, reset and blackhole")
	case fate == 0 && in.Delay == 0 && in.Jitter == 0:
		return errors.New("nothing to suffer, want delay, abort, reset or blackhole")
	}
	return nil
}

// EndInjection ends a version's injection; requests that wait because of it go on.
// It returns what it was; EndedInjections does not tell of it again. An error: there is none.
func (l *Live) EndInjection(service, version string) (Injected, error) {
	l.chaos.mu.Lock()
	defer l.chaos.mu.Unlock()
	l.chaos.sweep(l.find)
	for i, in := range l.chaos.running {
		if in.about.Service == service && in.about.Version == version {
			l.chaos.running = slices.Delete(l.chaos.running, i, i+1)
			return in.end(), nil
		}
	}
	return Injected{}, fmt.Errorf("end injection: %s %s has none", service, version)
}

// Injections are those in force, in the order of their beginning.
func (l *Live) Injections() []Injected {
	l.chaos.mu.Lock()
	defer l.chaos.mu.Unlock()
	l.chaos.sweep(l.find)
	var all []Injected
	for _, in := range l.chaos.running {
		all = append(all, in.told())
	}
	return all
}

// EndedInjections are those that ended by themselves since it was last asked, each
// once: their time was over, or the file took their version away. Ask every second or so.
func (l *Live) EndedInjections() []Injected {
	l.chaos.mu.Lock()
	defer l.chaos.mu.Unlock()
	l.chaos.sweep(l.find)
	ended := l.chaos.ended
	l.chaos.ended = nil
	return ended
}

// sweep takes away what has ended. mu is held.
func (c *injections) sweep(find func(service, version string) (*Version, error)) {
	now := analysis.Now()
	c.running = slices.DeleteFunc(c.running, func(in *injection) bool {
		v, _ := find(in.about.Service, in.about.Version)
		if v == in.version && !in.past(now) {
			return false
		}
		c.ended = append(c.ended, in.end())
		return true
	})
	if n := len(c.ended); n > endsKept {
		c.ended = slices.Clone(c.ended[n-endsKept:])
	}
}

// end takes the injection off its version.
func (in *injection) end() Injected {
	in.over.Store(true)
	in.version.injection.CompareAndSwap(in, nil)
	return in.told()
}

func (in *injection) told() Injected {
	out := in.about
	out.Requests = in.hit.Load()
	return out
}
