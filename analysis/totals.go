package analysis

// Totals are a Recorder's counts since it was made.
type Totals struct {
	Started   uint64
	ByOutcome [Outcomes]uint64
}

// Totals are what has started and finished so far, by outcome: a sum over the
// shards, without a lock. Started is never less than what it says has finished.
func (r *Recorder) Totals() Totals {
	var t Totals
	r.each(func(s *shard) {
		for o := range t.ByOutcome {
			t.ByOutcome[o] += s.byOutcome[o].Load()
		}
	})
	// Read last: a request that ends between two loads has started before.
	r.each(func(s *shard) {
		for i := range s.started {
			t.Started += s.started[i].Load()
		}
	})
	return t
}

// Requests are all that speak for or against the version: neither gone clients
// nor local refusals. Failed of them speak against it.
func (t Totals) Requests() uint64 { return t.sum(Success, BadResponse) }
func (t Totals) Failed() uint64   { return t.sum(ServerError, BadResponse) }

// Finished are all that ended, in whatever way. InFlight have not.
func (t Totals) Finished() uint64 { return t.sum(0, LocalRefusal) }
func (t Totals) InFlight() uint64 { return t.Started - min(t.Started, t.Finished()) }

// Counts are the two numbers that errors are judged by.
func (t Totals) Counts() Counts { return Counts{Requests: t.Requests(), Failed: t.Failed()} }

// Add returns the totals of both, of several recorders or several proxies.
func (t Totals) Add(o Totals) Totals {
	t.Started += o.Started
	for i := range t.ByOutcome {
		t.ByOutcome[i] += o.ByOutcome[i]
	}
	return t
}

// Sub returns what came after the earlier reading o of the same recorders.
func (t Totals) Sub(o Totals) Totals {
	t.Started -= min(t.Started, o.Started)
	for i := range t.ByOutcome {
		t.ByOutcome[i] -= min(t.ByOutcome[i], o.ByOutcome[i])
	}
	return t
}

func (t Totals) sum(from, to Outcome) uint64 {
	var n uint64
	for _, c := range t.ByOutcome[from : to+1] {
		n += c
	}
	return n
}

// good is what the trip needs at every failure: three loads a shard, of one cache line.
func (r *Recorder) good() (n uint64) {
	set := r.set.Load()
	if set == nil {
		return 0
	}
	for i := range set.shards {
		if s := set.shards[i].Load(); s != nil {
			n += s.byOutcome[Success].Load() + s.byOutcome[Redirect].Load() + s.byOutcome[ClientError].Load()
		}
	}
	return n
}

// Counts are those of Totals, for eight loads a shard.
func (r *Recorder) Counts() Counts {
	var c Counts
	set := r.set.Load()
	if set == nil {
		return c
	}
	for i := range set.shards {
		s := set.shards[i].Load()
		if s == nil {
			continue
		}
		for o := Success; o <= BadResponse; o++ {
			n := s.byOutcome[o].Load()
			c.Requests += n
			if o.Failed() {
				c.Failed += n
			}
		}
	}
	return c
}

// Counts are requests and those of them that failed.
type Counts struct {
	Requests uint64 `json:"requests"`
	Failed   uint64 `json:"failed"`
}

// Add returns the counts of both.
func (c Counts) Add(o Counts) Counts {
	return Counts{Requests: c.Requests + o.Requests, Failed: c.Failed + o.Failed}
}

// Sub returns what came after the earlier reading o; never less than zero.
func (c Counts) Sub(o Counts) Counts {
	return Counts{Requests: c.Requests - min(c.Requests, o.Requests), Failed: c.Failed - min(c.Failed, o.Failed)}
}

// Rate is the share that failed, 0…1; 0 without requests.
func (c Counts) Rate() float64 {
	if c.Requests == 0 {
		return 0
	}
	return float64(c.Failed) / float64(c.Requests)
}

func (c Counts) good() uint64 { return c.Requests - min(c.Requests, c.Failed) }
