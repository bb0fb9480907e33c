package analysis

import (
	"math/bits"
	"runtime"
	"sync/atomic"
)

// Recorder counts what became of the requests sent to one version. The zero
// value is ready; it is two pointers until the first request, and each shard
// (5 KiB, and 3 KiB for each further class of outcomes) is allocated when it is first used. Counters only grow: who wants a
// window subtracts two readings. Start and Record are wait-free, allocate
// nothing once their shard exists and has seen the class, and are safe for concurrent use. shard is any
// number that the caller keeps stable (a connection's id); it is masked. Start
// and Record of one request may name different shards.
type Recorder struct {
	set  atomic.Pointer[shardSet]
	keys atomic.Pointer[keyFilter] // nil until a key fails
}

type shardSet struct {
	mask   uint32
	shards []atomic.Pointer[shard]
}

// shard is written mostly by one core. Every cell is a counter that never falls,
// so a reader needs no lock: what it misses it finds the next time.
type shard struct {
	byOutcome [Outcomes]atomic.Uint64
	sumNs     [Classes]atomic.Uint64
	started   [ringSeconds]atomic.Uint64 // by second of start, modulo the ring
	finished  [ringSeconds]atomic.Uint64 // by second of *start* too
	left      [overdueAges]atomic.Uint64 // ended late, and stand in no Latency
	ok        buckets
	others    [Classes - 1]atomic.Pointer[buckets] // of the classes after ClassOK; nil: none so far
	_         [128]byte                            // keeps the next shard off this one's last cache lines
}

// Start counts a request sent at start (Now). Each must be followed by one
// Record, else the request counts as in flight for ever.
func (r *Recorder) Start(shard uint32, start int64) {
	r.shard(shard).started[second(start)&ringMask].Add(1)
}

// Record counts the end of a request that Start counted with the same start.
// The latency is end − start. ClientGone and LocalRefusal enter no histogram: their
// time says nothing about the version.
func (r *Recorder) Record(shard uint32, start, end int64, o Outcome) {
	s := r.shard(shard)
	if int(o) >= Outcomes {
		o = 0 // counted nowhere but as the end of a request
	}
	if c := classOf(o); int(c) < Classes {
		ns := max(end-start, 0)
		b := &s.ok
		if c != ClassOK {
			b = s.of(c)
		}
		b[bucketOf(ns)].Add(1)
		s.sumNs[c].Add(uint64(ns))
	}
	if c := classOf(o); c != ClassOK && c != ClassFailed {
		s.leave(start, end)
	}
	s.byOutcome[o].Add(1)
	s.finished[second(start)&ringMask].Add(1)
}

// buckets count the latencies of one class. Most versions only ever have good answers.
type buckets [Buckets]atomic.Uint64

// of are the buckets of a class, made with its first outcome.
func (s *shard) of(c Class) *buckets {
	if b := s.seen(c); b != nil {
		return b
	}
	s.others[c-1].CompareAndSwap(nil, new(buckets))
	return s.seen(c)
}

// seen are the buckets of a class; nil: it had no outcome.
func (s *shard) seen(c Class) *buckets {
	if c == ClassOK {
		return &s.ok
	}
	return s.others[c-1].Load()
}

func (r *Recorder) shard(hint uint32) *shard {
	set := r.set.Load()
	if set == nil {
		set = r.newSet()
	}
	p := &set.shards[hint&set.mask]
	if s := p.Load(); s != nil {
		return s
	}
	p.CompareAndSwap(nil, new(shard))
	return p.Load()
}

// newSet makes as many places for shards as a power of two that gives every
// processor one. Whoever loses the race takes the winner's.
func (r *Recorder) newSet() *shardSet {
	n := 1 << bits.Len(uint(runtime.GOMAXPROCS(0)-1))
	r.set.CompareAndSwap(nil, &shardSet{mask: uint32(n - 1), shards: make([]atomic.Pointer[shard], n)})
	return r.set.Load()
}

// each calls f with every shard in use.
func (r *Recorder) each(f func(*shard)) {
	set := r.set.Load()
	if set == nil {
		return
	}
	for i := range set.shards {
		if s := set.shards[i].Load(); s != nil {
			f(s)
		}
	}
}
