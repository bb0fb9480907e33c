package rollout

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"sluice/analysis"
	"sluice/config"
	"sluice/history"
)

const (
	tickEvery     = 100 * time.Millisecond // hang detection, cooldowns, stable's rate
	blockEvery    = time.Second            // evidence, on the wall clock's seconds
	evidenceEvery = 10 * time.Second       // between two saves of mere evidence
)

// Options of a Controller. The functions are called every second or so, under its
// lock: they must neither block nor call it.
type Options struct {
	Traffic  Traffic
	StateDir string       // "" keeps nothing
	Logger   *slog.Logger // nil discards

	Usable func(service, version string) bool // whether a version has an endpoint that passes its checks; nil: always true
	// Ready counts the endpoints of a version that pass their checks, and those that no check has found good
	// or bad yet; nil: all of the file are ready.
	Ready func(service, version string) (ready, unchecked int)

	Outside    Outside                           // nil: no preflight, smoke tests and hooks: they pass
	Difference func(service string) ShadowResult // what the mirror's comparison found since Compare; nil: nothing
	Compare    func(service string)              // a shadow rollout begins, the comparison begins anew; nil: it does not
}

// Controller is the one goroutine that decides. Its methods are safe for
// concurrent use. Nothing that may block (disk, log) is done under its lock.
type Controller struct {
	traffic  Traffic
	usable   func(service, version string) bool
	ready    func(service, version string) (ready, unchecked int)
	outside  Outside
	differs  func(service string) ShadowResult
	compare  func(service string)
	journal  *Journal
	saver    saver
	tasks    sync.WaitGroup  // of rollouts; Run waits for them
	life     context.Context // of the hooks that follow an end; ended by endTasks
	endTasks context.CancelFunc

	reloading sync.Mutex // one Reload at a time

	mu        sync.Mutex
	saved     map[string]savedService // read at the start; what Reload has adopted is removed
	services  map[string]*service
	ordered   []*service        // in the file's order
	awake     []*service        // those of ordered that are busy or held: all that tick looks at
	samples   []analysis.Sample // weigh's own, of one service at a time
	decided   decisions
	past      history.Log
	pastSaved uint64 // its Changes that are on disk; the saver's
	rollbacks map[RollbackKey]uint64
	pauses    pauses
	blocks    int // closed so far
	pace      evidencePace
	weighed   bool          // evidence is newer than what is saved
	running   bool          // tasks may begin
	lost      bool          // the state could not be read: nothing starts by itself
	config    string        // version of the configuration in force
	unheard   atomic.Uint64 // events that hooks did not get
	hooked    uint64        // ID of the last event that hooks were given; tellHooks' own
}

// New checks o and reads the state directory. A corrupt state file is kept
// aside, reported as an event, and stands for "no state". A directory that
// another process uses is an error; one that cannot be written is an event,
// and is tried again at each save.
func New(o Options) (*Controller, error) {
	if o.Traffic == nil {
		return nil, errors.New("rollout: no Traffic")
	}
	c := &Controller{
		traffic: o.Traffic,
		usable:  o.Usable,
		ready:   o.Ready, outside: o.Outside, differs: o.Difference, compare: o.Compare,
		journal:   &Journal{logger: o.Logger},
		services:  map[string]*service{},
		rollbacks: map[RollbackKey]uint64{},
	}
	c.life, c.endTasks = context.WithCancel(context.Background())
	c.saver.kicked = make(chan struct{}, 1)
	c.saver.write = c.writeState
	if o.StateDir == "" {
		return c, nil
	}
	st, err := openStore(o.StateDir)
	if errors.Is(err, errLocked) {
		return nil, err
	}
	if err != nil {
		c.journal.Add(Event{Type: "store", Message: "state is not kept for now: " + err.Error()})
	}
	c.saver.store = st
	c.load(st)
	return c, nil
}

// load reads what an earlier process left.
func (c *Controller) load(st *documents) {
	var state savedState
	if _, err := st.read(stateFile, &state); err != nil {
		state, c.lost = savedState{}, true
		c.journal.Add(Event{Type: "alert", Message: "live weights and latches are lost, starting from the file with canaries at 0: " + err.Error(),
			Fields: map[string]any{"reason": "corrupt state"}})
	}
	c.saved = state.Services
	var ds savedDecisions
	if _, err := st.read(decisionsFile, &ds); err != nil {
		ds = savedDecisions{}
		c.journal.Add(Event{Type: "alert", Message: "past decisions are lost: " + err.Error(), Fields: map[string]any{"reason": "corrupt state"}})
	}
	c.decided.list = ds.Decisions
	var past history.Document
	if _, err := st.read(historyFile, &past); err != nil {
		past = history.Document{}
		c.journal.Add(Event{Type: "alert", Message: "the history of rollouts is lost: " + err.Error(), Fields: map[string]any{"reason": "corrupt state"}})
	}
	c.past.Restore(past)
}

// Run judges and reacts until ctx ends, saves what is live, gives the state
// directory free, and returns nil. It is called once, and again after TakeBack.
func (c *Controller) Run(ctx context.Context) error {
	stop := make(chan struct{})
	var helpers sync.WaitGroup
	helpers.Go(func() { c.journal.follow(stop) })
	c.saver.begin()
	helpers.Go(func() { c.saver.run(stop) })
	if c.outside != nil {
		helpers.Go(func() { c.tellHooks(c.life) })
	}
	c.launchAll()
	c.loop(ctx)
	c.recall()
	c.mu.Lock()
	c.pace.last = true // also where a save is under way, which sets the rest
	c.mu.Unlock()
	c.saver.kick()
	close(stop)
	helpers.Wait()
	return nil
}

// Close gives the state directory free. Only for a Controller that never runs.
func (c *Controller) Close() {
	c.recall()
	c.saver.end()
}

// loop is the goroutine that decides.
func (c *Controller) loop(ctx context.Context) {
	ticker := time.NewTicker(tickEvery)
	defer ticker.Stop()
	c.begin()
	now := time.Now()
	block, save := now.Truncate(blockEvery).Add(blockEvery), now.Add(evidenceEvery)
	for {
		select {
		case <-ctx.Done():
			c.reactToAll()
			return
		case cut := <-c.traffic.Cuts():
			c.react(cut)
			continue
		case <-ticker.C:
		}
		now = time.Now()
		c.tick(now)
		// A wall clock set back must not stop the evidence for long.
		if !now.Before(block) || block.Sub(now) > 2*blockEvery {
			c.block(now)
			block = now.Truncate(blockEvery).Add(blockEvery)
		}
		if !now.Before(save) {
			if c.saveEvidence(now) {
				save = now.Add(evidenceEvery)
			}
		}
	}
}

// begin forgets when it ticked and saved before: what served in between was no controller, but was not paused.
func (c *Controller) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pauses, c.pace = pauses{}, evidencePace{}
}

// reactToAll handles the cuts that wait, so that the process after this one knows of them.
func (c *Controller) reactToAll() {
	for {
		select {
		case cut := <-c.traffic.Cuts():
			c.react(cut)
		default:
			return
		}
	}
}

// react handles a cut that a request decided.
func (c *Controller) react(cut analysis.Cut) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.services[cut.Service]
	if s == nil {
		return
	}
	at := cut.At
	if at.IsZero() {
		at = time.Now()
	}
	in := input{at: at, what: inlineTrip, version: cut.Version}
	switch cut.Kind {
	case analysis.Tripped:
		in.environment = s.stableAsBad(s.version(cut.Version))
	case analysis.Restored:
		in.what = recovery
	case analysis.Retripped:
		in.what = retrip
	}
	c.step(s, in, facts{trip: cut.Evidence})
}

// step puts in to the guard of s and carries out what it says.
func (c *Controller) step(s *service, in input, f facts) {
	var todo []action
	s.guard, todo = step(s.guard, in)
	for _, a := range todo {
		c.carryOut(s, in, a, f)
	}
	if len(todo) > 0 {
		s.held = s.guard.holds()
		c.rouse(s)
		c.saver.kick()
	}
	for _, a := range todo {
		c.tellCourse(s, in, a, f)
	}
}

// ETag identifies the live weights and states of a service, as the value of an
// HTTP header; "" for an unknown service.
func (c *Controller) ETag(service string) string {
	w, ok := c.traffic.Weights(service)
	if !ok {
		return ""
	}
	return etag(w)
}

// Declared is what the file says of a service, beside what is live.
func (c *Controller) Declared(service string) config.Weights {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.services[service]; s != nil {
		w := s.declared
		w.BP = maps.Clone(w.BP)
		return w
	}
	return config.Weights{}
}

// Decisions of a service, newest first.
func (c *Controller) Decisions(service string) []Decision {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.decided.of(service)
}

// Journal is the controller's event log.
func (c *Controller) Journal() *Journal { return c.journal }

// Rollbacks counts cuts since the start, for metrics.
func (c *Controller) Rollbacks() map[RollbackKey]uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.rollbacks)
}

// StoreFailures counts attempts to save that failed, since the start.
func (c *Controller) StoreFailures() uint64 {
	if c.saver.store == nil {
		return 0
	}
	return c.saver.store.failures.Load()
}

// Verdict is where the evidence about a version stands now. The zero value
// also stands for an unknown version, and for one without evidence.
func (c *Controller) Verdict(service, version string) analysis.Verdict {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.services[service]; s != nil {
		if w := s.version(version); w != nil {
			return w.verdict
		}
	}
	return analysis.Verdict{}
}

// Promotion is where the evidence stands that a canary is good enough to go on with,
// at the weight it has now. false: nothing is asked of the version, as the file
// names no success criteria for it, or it had no traffic yet.
func (c *Controller) Promotion(service, version string) (analysis.Promotion, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.services[service]
	if s == nil {
		return analysis.Promotion{}, false
	}
	w := s.version(version)
	if w == nil || w.judge == nil || len(s.stageOf(version).Success) == 0 {
		return analysis.Promotion{}, false
	}
	return w.judge.Promotion(), true
}
