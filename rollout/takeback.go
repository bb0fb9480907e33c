package rollout

import "context"

// TakeBack makes ready for a further Run, after one that has ended: the process gave its state
// away to another, which then did not come to serve. It takes the directory back; what is live
// in this process counts, whatever the other has written, and is saved soon. Commands are taken from
// its return on. Only between two calls of Run.
func (c *Controller) TakeBack() {
	c.mu.Lock()
	c.life, c.endTasks = context.WithCancel(context.Background())
	for _, s := range c.ordered {
		if s.course != nil && s.course.task != nil {
			s.course.task = s.course.task.anew()
		}
	}
	c.mu.Unlock()
	if err := c.saver.reopen(); err != nil {
		c.journal.Add(Event{Type: "store", Message: "state is not kept for now: " + err.Error()})
	}
}

// reopen is the opposite of end.
func (s *saver) reopen() (err error) {
	if s.store != nil {
		s.disk.Lock()
		err = s.store.reopen()
		s.disk.Unlock()
	}
	s.mu.Lock()
	s.ended = false
	s.mu.Unlock()
	s.kick()
	return err
}

// anew is a task that was recalled, to be asked for again under the same number.
func (t *task) anew() *task {
	next := &task{service: t.service, number: t.number, do: t.do, weightBP: t.weightBP, at: t.at}
	next.ctx, next.cancel = context.WithCancel(context.Background())
	return next
}
