package analysis

import "time"

// Tally reads what the recorders of one version counted since it last looked. It
// subtracts readings of cumulative counters, so it resets nothing. It belongs to one
// goroutine; the zero value is ready.
type Tally struct {
	begun        bool
	split, ruled Totals
	repeats      [2]uint64 // split, ruled
	latency      *tallied
}

type tallied struct {
	last, now [2]Latencies // split, ruled
	new       [2]Latency   // split, all
}

// Latencies are a recorder's counts by latency since it was made: of good answers and
// of failed ones.
type Latencies struct{ OK, Failed [Buckets]uint64 }

// Sample is what a Tally found: traffic split by chance or sticky hash, and All with
// what rules sent.
type Sample struct {
	Split, All               Counts
	SplitLatency, AllLatency *Latency // nil: not asked for. Valid until the next Take
	SplitOverdue, AllOverdue Overdue
	SplitRepeats, AllRepeats uint64
}

// Take reads both recorders; now is Now. The first call only begins: what came
// before is nobody's evidence. With latencies it costs 840 loads a shard and recorder
// more, and 33 KiB a version.
func (t *Tally) Take(now int64, split, ruled *Recorder, latencies bool) (s Sample) {
	a, b := split.Totals(), ruled.Totals()
	repeats := [2]uint64{split.repeats(), ruled.repeats()}
	s.SplitOverdue, s.AllOverdue = split.Overdue(now), ruled.Overdue(now)
	s.AllOverdue = s.AllOverdue.Add(s.SplitOverdue)
	if t.begun {
		s.Split = a.Sub(t.split).Counts()
		s.All = s.Split.Add(b.Sub(t.ruled).Counts())
		s.SplitRepeats = repeats[0] - t.repeats[0]
		s.AllRepeats = s.SplitRepeats + repeats[1] - t.repeats[1]
	}
	switch {
	case !latencies:
		t.latency = nil
	case t.latency == nil:
		t.latency = new(tallied)
		t.latency.read(split, ruled)
	default:
		t.latency.read(split, ruled)
		s.SplitLatency, s.AllLatency = &t.latency.new[0], &t.latency.new[1]
	}
	t.begun, t.split, t.ruled, t.repeats = true, a, b, repeats
	return s
}

// Seen are the totals at the last Take: of the split traffic, and of all.
func (t *Tally) Seen() (split, all Totals) { return t.split, t.split.Add(t.ruled) }

func (t *tallied) read(split, ruled *Recorder) {
	t.now = [2]Latencies{}
	split.AddLatencies(&t.now[0])
	ruled.AddLatencies(&t.now[1])
	for i := range t.new {
		t.now[i].since(&t.last[i], &t.new[i])
	}
	t.last = t.now
	all, some := &t.new[1], &t.new[0]
	for i := range all.OK {
		all.OK[i] += some.OK[i]
		all.Failed[i] += some.Failed[i]
	}
}

// since writes to d what l has more than the earlier reading o.
func (l *Latencies) since(o *Latencies, d *Latency) {
	for i := range l.OK {
		d.OK[i] = uint32(l.OK[i] - min(l.OK[i], o.OK[i]))
		d.Failed[i] = uint32(l.Failed[i] - min(l.Failed[i], o.Failed[i]))
	}
}

// Against makes the block that judges the version of s beside stable's sample; a zero
// one where stable itself is judged.
func (s *Sample) Against(stable Sample, at time.Time) Block {
	return Block{
		At: at, Canary: s.Split, CanaryAll: s.All, Stable: stable.Split,
		CanaryLatency: s.SplitLatency, CanaryAllLatency: s.AllLatency, StableLatency: stable.SplitLatency,
		CanaryOverdue: s.SplitOverdue, CanaryAllOverdue: s.AllOverdue, StableOverdue: stable.SplitOverdue,
		CanaryRepeats: s.SplitRepeats, CanaryAllRepeats: s.AllRepeats, StableRepeats: stable.SplitRepeats,
	}
}
