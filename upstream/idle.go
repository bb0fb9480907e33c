package upstream

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
)

// idle is an endpoint's stack of idle connections: the last one used is the
// first one used again, so that those not needed grow old and are closed. It is
// sharded as soon as there are processors to fight over a lock: a connection goes
// back to its own shard, a caller starts at any and goes on to the others. The
// zero value is ready; shards are allocated by the first push.
type idle struct {
	shards atomic.Pointer[[]shard]
}

// shard holds its links in a list through link.next, newest first. The lock is
// held for a handful of instructions.
type shard struct {
	mu  sync.Mutex
	n   atomic.Int32 // readable without the lock
	top *link
	_   [64 - 8 - 8 - 8]byte // a cache line each
}

// maxShards bounds what an endpoint costs on large machines (64 bytes a shard).
const maxShards = 8

// shardCount is a power of two. With 2 processors, 64 goroutines and 64
// connections, Conn and Release took 320 ns on one shard, 200 ns on two.
func shardCount() int {
	n := 1
	for n < maxShards && n < runtime.GOMAXPROCS(0) {
		n *= 2
	}
	return n
}

func (i *idle) allocated() []shard {
	if s := i.shards.Load(); s != nil {
		return *s
	}
	s := make([]shard, shardCount())
	i.shards.CompareAndSwap(nil, &s)
	return *i.shards.Load()
}

// push adds l unless closed is set. It reports whether it did.
func (i *idle) push(l *link, closed *atomic.Bool) bool {
	all := i.allocated()
	s := &all[int(l.shard)%len(all)]
	s.mu.Lock()
	// Under the lock: drain follows the setting of closed and takes every lock.
	if closed.Load() {
		s.mu.Unlock()
		return false
	}
	l.next, s.top = s.top, l
	s.n.Add(1)
	s.mu.Unlock()
	return true
}

// pop takes the newest link of a shard that has one, or nil.
func (i *idle) pop() *link {
	p := i.shards.Load()
	if p == nil {
		return nil
	}
	all := *p
	start := 0
	if len(all) > 1 {
		start = int(rand.Uint32N(uint32(len(all))))
	}
	for k := range all {
		s := &all[(start+k)%len(all)]
		if s.n.Load() == 0 {
			continue
		}
		if l := s.pop(); l != nil {
			return l
		}
	}
	return nil
}

func (s *shard) pop() *link {
	s.mu.Lock()
	l := s.top
	if l != nil {
		s.top, l.next = l.next, nil
		s.n.Add(-1)
	}
	s.mu.Unlock()
	return l
}

// len counts the idle connections.
func (i *idle) len() int {
	n := 0
	if p := i.shards.Load(); p != nil {
		for k := range *p {
			n += int((*p)[k].n.Load())
		}
	}
	return n
}

// drain takes all.
func (i *idle) drain() []*link { return i.older(1<<63 - 1) }

// older takes those that were released before the given clock reading. They are
// the lower end of each stack.
func (i *idle) older(than int64) []*link {
	p := i.shards.Load()
	if p == nil {
		return nil
	}
	var taken []*link
	for k := range *p {
		s := &(*p)[k]
		if s.n.Load() == 0 && than != 1<<63-1 {
			continue
		}
		taken = s.older(than, taken)
	}
	return taken
}

func (s *shard) older(than int64, taken []*link) []*link {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := &s.top
	for *at != nil && (*at).since >= than {
		at = &(*at).next
	}
	l := *at
	*at = nil
	for l != nil {
		next := l.next
		l.next = nil
		s.n.Add(-1)
		taken = append(taken, l)
		l = next
	}
	return taken
}
