package promql

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"
)

// mostAtOnce is how many questions may be under way; the others wait, within their timeout.
const mostAtOnce = 16

// Question is one number wanted again and again. ID is the caller's, and comes
// back with the answers. Interval and Timeout must be positive.
type Question struct {
	ID       ID
	Source   Source
	Query    string
	Interval time.Duration // between the beginnings of two evaluations
	Timeout  time.Duration // of one
}

// ID says what a question is about, in the caller's words.
type ID struct{ Service, Version, Metric string }

// Answer is what became of one evaluation: a finite Value, or an Err that says why there is none.
type Answer struct {
	ID    ID
	At    time.Time // when it was there
	Value float64
	Err   error
}

// Poller asks its questions until Run ends. Its methods are safe for concurrent use.
type Poller struct {
	tell    func(Answer)
	changed chan struct{}
	places  chan struct{} // one for each question under way

	mu      sync.Mutex
	wanted  map[Question]struct{}
	clients map[Source]client
}

type client struct {
	*Client
	err error
}

// NewPoller makes a Poller without questions. tell is called for each answer,
// from several goroutines at once; it must not block for long.
func NewPoller(tell func(Answer)) *Poller {
	return &Poller{tell: tell, changed: make(chan struct{}, 1), places: make(chan struct{}, mostAtOnce)}
}

// Watch replaces the questions. Those that were asked before go on in their rhythm;
// the files of all sources are read anew. A source that can't be used gives
// answers that say so. It does not wait for anything that is under way.
func (p *Poller) Watch(all []Question) {
	wanted, clients := map[Question]struct{}{}, map[Source]client{}
	for _, q := range all {
		if q.Interval <= 0 || q.Timeout <= 0 {
			continue
		}
		wanted[q] = struct{}{}
		if _, made := clients[q.Source]; !made {
			c, err := New(q.Source)
			clients[q.Source] = client{c, err}
		}
	}
	p.mu.Lock()
	old := p.clients
	p.wanted, p.clients = wanted, clients
	p.mu.Unlock()
	for _, c := range old {
		c.close()
	}
	select {
	case p.changed <- struct{}{}:
	default:
	}
}

func (c client) close() {
	if c.Client != nil {
		c.Client.Close()
	}
}

// Run asks until ctx ends, and returns nil once all that is under way has ended. It is called once.
func (p *Poller) Run(ctx context.Context) error {
	running := map[Question]context.CancelFunc{}
	var askers sync.WaitGroup
	defer askers.Wait()
	defer func() {
		for _, stop := range running {
			stop()
		}
	}()
	for {
		wanted := p.questions()
		for q, stop := range running {
			if _, still := wanted[q]; !still {
				stop()
				delete(running, q)
			}
		}
		for q := range wanted {
			if running[q] == nil {
				own, stop := context.WithCancel(ctx)
				running[q] = stop
				askers.Go(func() { p.ask(own, q) })
			}
		}
		select {
		case <-ctx.Done():
			p.Watch(nil)
			return nil
		case <-p.changed:
		}
	}
}

func (p *Poller) questions() map[Question]struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.wanted // replaced as a whole, never changed
}

// ask evaluates q in its rhythm. The first time is by chance within an interval, so
// that many questions don't come at once.
func (p *Poller) ask(ctx context.Context, q Question) {
	timer := time.NewTimer(rand.N(q.Interval))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case began := <-timer.C:
			v, err := p.evaluate(ctx, q)
			if ctx.Err() != nil {
				return
			}
			now := time.Now()
			p.tell(Answer{ID: q.ID, At: now, Value: v, Err: err})
			timer.Reset(max(q.Interval-now.Sub(began), 0))
		}
	}
}

func (p *Poller) evaluate(ctx context.Context, q Question) (float64, error) {
	ctx, cancel := context.WithTimeout(ctx, q.Timeout)
	defer cancel()
	select {
	case p.places <- struct{}{}:
		defer func() { <-p.places }()
	case <-ctx.Done():
		return 0, errors.New("prometheus: too many questions are under way")
	}
	p.mu.Lock()
	c, made := p.clients[q.Source]
	p.mu.Unlock()
	switch {
	case !made:
		return 0, errors.New("prometheus: no longer asked")
	case c.err != nil:
		return 0, c.err
	}
	return c.Query(ctx, q.Query)
}
