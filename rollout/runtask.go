package rollout

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"time"

	"sluice/config"
)

// How long a task may take at most. Each of its parts has a time limit of its own; these
// end what hangs nevertheless. No decision waits for any of them.
const (
	mostPreflight = time.Minute
	mostSmoke     = 10 * time.Minute
	mostHooks     = 30 * time.Minute
)

// task is something that a run has asked for and that takes its time. It has a
// goroutine of its own, from the moment that Run runs.
type task struct {
	service  string
	number   uint64
	do       runDo
	weightBP int
	at       Situation
	ctx      context.Context
	cancel   context.CancelFunc
	begun    bool
}

// assign makes a the outstanding task of s, in place of an earlier one.
func (c *Controller) assign(s *service, a runAction) {
	cs := s.course
	if cs.task != nil {
		cs.task.cancel()
	}
	t := &task{service: s.name, number: a.task, do: a.do, weightBP: a.weightBP, at: c.situation(s, a.point, a.key)}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	cs.task = t
	c.launch(t)
}

// launch starts a goroutine for t, once Run runs. c.mu is held.
func (c *Controller) launch(t *task) {
	if t.begun || !c.running {
		return
	}
	t.begun = true
	c.tasks.Go(func() {
		defer t.cancel()
		switch t.do {
		case runShift, runPromote:
			c.rise(t)
		default:
			c.ask(t)
		}
	})
}

// launchAll starts what was asked for before Run ran.
func (c *Controller) launchAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running = true
	for _, s := range c.ordered {
		if s.course == nil {
			continue
		}
		if s.course.task != nil {
			c.launch(s.course.task)
		}
		for _, e := range s.course.Owed {
			if c.outside != nil {
				c.callEnding(s, e)
			}
		}
		if s.course.Closing {
			c.closeDown(s)
		}
	}
}

// recall ends what is outstanding and waits for it. A task that is ended so leaves its
// run where it is: the next process asks again.
func (c *Controller) recall() {
	c.mu.Lock()
	c.running = false
	for _, s := range c.ordered {
		if s.course != nil && s.course.task != nil {
			s.course.task.cancel()
		}
	}
	c.mu.Unlock()
	c.endTasks()
	c.tasks.Wait()
}

// of is the service whose outstanding task t is; nil: it is stale, or ends with the process.
func (c *Controller) of(t *task) *service {
	s := c.services[t.service]
	if !c.running || t.ctx.Err() != nil || s == nil || s.course == nil || s.course.task != t {
		return nil
	}
	return s
}

// done brings the result of t to its run, unless it is stale or was ended with the process.
func (c *Controller) done(t *task, ok bool, text string, keep func(cs *course)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.of(t)
	if s == nil {
		return
	}
	keep(s.course)
	c.report(s, t, ok, text)
}

// report tells the run of s that its task has ended. c.mu is held.
func (c *Controller) report(s *service, t *task, ok bool, text string) {
	s.course.task = nil
	c.feed(s, runInput{at: time.Now(), what: runDone, task: t.number, ok: ok, text: text})
}

// ask carries out a task that only the world outside can answer.
func (c *Controller) ask(t *task) {
	if c.outside == nil {
		c.done(t, true, "", func(*course) {})
		return
	}
	switch t.do {
	case runPreflight:
		ctx, cancel := context.WithTimeout(t.ctx, mostPreflight)
		defer cancel()
		checks := c.outside.Preflight(ctx, t.at)
		ok, text := summarizeChecks(checks)
		c.done(t, ok, text, func(cs *course) { cs.Checks = checks })
	case runSmoke:
		ctx, cancel := context.WithTimeout(t.ctx, mostSmoke)
		defer cancel()
		results := c.outside.Smoke(ctx, t.at)
		ok, text := summarizeSmoke(results)
		c.done(t, ok, text, func(cs *course) { cs.Smoke = results })
	default:
		ctx, cancel := context.WithTimeout(t.ctx, mostHooks)
		defer cancel()
		results := c.outside.Call(ctx, t.at)
		ok, text := summarizeHooks(results)
		c.done(t, ok, text, func(cs *course) { cs.keepHooks(results) })
	}
}

// rise raises the canary's weight, or makes it stable: on disk first, then in force. What
// comes down meanwhile wins.
func (c *Controller) rise(t *task) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.of(t)
	if s == nil {
		return
	}
	canary := s.course.Run.Plan.Canary
	next := s.withCanary(canary, t.weightBP)
	if t.do == runPromote {
		next = s.allTo(canary)
	}
	err := s.fit(canary)
	if err == nil && !sameWeights(next, s.live) {
		if err = c.saveFirst(s, &pending{weights: &next}); c.of(t) != s {
			return // it came down, or moved on, while the disk wrote
		}
		if err == nil {
			err = s.fit(canary)
		}
		if err == nil {
			err = c.force(s, next)
		}
	}
	if err != nil {
		c.report(s, t, false, err.Error())
		return
	}
	c.report(s, t, true, "")
}

func sameWeights(a, b config.Weights) bool { return a.Stable == b.Stable && maps.Equal(a.BP, b.BP) }

// fit reports why a version may not get more traffic this moment.
func (s *service) fit(version string) error {
	m := s.guard.member(version)
	switch {
	case m == nil:
		return fmt.Errorf("%s has left the file: %w", version, ErrUnknown)
	case m.state != config.Active || m.unhealthy:
		state := m.state.String()
		if m.state == config.Active {
			state = "without an endpoint that passes its checks"
		}
		return fmt.Errorf("%s is %s: %w", version, state, ErrConflict)
	}
	return nil
}

func summarizeChecks(checks []Check) (ok bool, text string) {
	var critical, warnings []string
	for _, k := range checks {
		switch {
		case k.OK:
		case k.Severity == "warning":
			warnings = append(warnings, k.Name+": "+k.Message)
		default:
			critical = append(critical, k.Name+": "+k.Message)
		}
	}
	if len(critical) > 0 {
		return false, strings.Join(critical, "; ")
	}
	return true, strings.Join(warnings, "; ")
}

func summarizeSmoke(results []SmokeResult) (ok bool, text string) {
	for _, r := range results {
		if !r.OK {
			return false, fmt.Sprintf("smoke test %s at %s: %s", r.Name, r.Endpoint, r.Message)
		}
	}
	return true, ""
}

func summarizeHooks(results []HookResult) (ok bool, text string) {
	for _, r := range results {
		if !r.OK {
			return false, fmt.Sprintf("hook %s: %s", r.Name, r.Message)
		}
	}
	return true, ""
}
