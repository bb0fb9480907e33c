package rollout

import (
	"context"
	"strconv"
	"time"
)

// formatFlagger is the format of hooks that keep Flagger's rules: there a rollback hook is
// a question, asked all along, and a 2xx is the wish to roll back.
const formatFlagger = "flagger"

// queryRollback asks such hooks whether the rollout of s is to be rolled back, one question at a time.
func (c *Controller) queryRollback(s *service, now time.Time) {
	if c.outside == nil || !c.running || !s.rolls() || s.course.asking || now.Before(s.course.askAgain) {
		return
	}
	every := time.Duration(0)
	for _, h := range hooksAt(s.cfg, PointRollback, formatFlagger) {
		if interval := max(h.Interval, time.Second); every == 0 || interval < every {
			every = interval
		}
	}
	if every == 0 {
		return
	}
	cs := s.course
	cs.asking, cs.askAgain = true, now.Add(every)
	at := c.situation(s, PointRollbackQuery, cs.Run.ID+"/"+PointRollbackQuery+"/"+strconv.FormatInt(now.UnixMilli(), 10))
	c.tasks.Go(func() {
		ctx, cancel := context.WithTimeout(c.life, mostHooks)
		defer cancel()
		results := c.outside.Call(ctx, at)
		c.mu.Lock()
		defer c.mu.Unlock()
		cs.asking = false
		if s.course != cs || !s.rolls() || c.life.Err() != nil {
			return
		}
		for _, r := range results {
			if r.OK { // the others said no, or nothing
				cs.keepHooks([]HookResult{r})
				c.feed(s, runInput{at: time.Now().UTC(), what: runCut, text: "hook " + r.Name + " asks to roll back"})
				return
			}
		}
	})
}
