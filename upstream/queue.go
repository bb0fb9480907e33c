package upstream

import "container/heap"

// job is work that comes due again and again. It belongs to the scheduler's
// goroutine. begin returns the work, which runs in another one and touches
// nothing of the schedule; what the work returns is called back here.
type job struct {
	due   int64 // clock
	index int   // in the heap; -1: running or gone
	gone  bool  // its endpoint or name is no longer watched
	begin func() (work func() (apply func()))
	next  func() (due int64)
}

// queue is jobs by due time, of which a bounded number run at once.
type queue struct {
	jobs    jobs
	limit   int
	running int
}

func (q *queue) add(j *job) { heap.Push(&q.jobs, j) }

func (q *queue) drop(j *job) {
	j.gone = true
	if j.index >= 0 {
		heap.Remove(&q.jobs, j.index)
	}
}

// pop takes a job that is due, if one may run.
func (q *queue) pop(now int64) *job {
	if q.running >= q.limit || len(q.jobs) == 0 || q.jobs[0].due > now {
		return nil
	}
	q.running++
	return heap.Pop(&q.jobs).(*job)
}

// ended puts a job back.
func (q *queue) ended(j *job) {
	q.running--
	if !j.gone {
		j.due = j.next()
		q.add(j)
	}
}

// soonest is when pop will have something, or never.
func (q *queue) soonest(never int64) int64 {
	if q.running >= q.limit || len(q.jobs) == 0 {
		return never
	}
	return min(never, q.jobs[0].due)
}

// jobs implements heap.Interface.
type jobs []*job

func (h jobs) Len() int           { return len(h) }
func (h jobs) Less(i, j int) bool { return h[i].due < h[j].due }
func (h jobs) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (h *jobs) Push(x any) {
	j := x.(*job)
	j.index = len(*h)
	*h = append(*h, j)
}

func (h *jobs) Pop() any {
	old := *h
	j := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	j.index = -1
	return j
}
