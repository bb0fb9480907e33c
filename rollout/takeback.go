package rollout

import "context"

// takeBack makes ready for a further Run, after one that has ended: the process gave its state
// away to another, which then did not come to serve. The disk is behind from then on: the first save
// of what is live puts that right, and is kicked here. Before the first Run it does nothing.
func (c *Controller) takeBack() {
	if c.life.Err() == nil {
		return
	}
	c.mu.Lock()
	c.life, c.endTasks = context.WithCancel(context.Background())
	for _, s := range c.ordered {
		if s.course != nil && s.course.task != nil {
			s.course.task = s.course.task.anew()
		}
	}
	c.mu.Unlock()
	if c.saver.store == nil {
		return
	}
	c.saver.disk.Lock()
	err := c.saver.store.reopen()
	c.saver.disk.Unlock()
	if err != nil {
		c.journal.Add(Event{Type: "store", Message: "state is not kept for now: " + err.Error()})
	}
	c.saver.kick()
}

// anew is a task that was recalled, to be asked for again under the same number.
func (t *task) anew() *task {
	next := &task{service: t.service, number: t.number, do: t.do, weightBP: t.weightBP, at: t.at}
	next.ctx, next.cancel = context.WithCancel(context.Background())
	return next
}
