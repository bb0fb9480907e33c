package analysis

import (
	"runtime"
	"sync"
	"testing"
	"time"
	"unsafe"
)

const sec = int64(time.Second)

// record counts one request that began at start and took ns.
func record(r *Recorder, shard uint32, start, ns int64, o Outcome) {
	r.Start(shard, start)
	r.Record(shard, start, start+ns, o)
}

func TestOutcomesAndClasses(t *testing.T) {
	for _, tt := range []struct {
		outcome           Outcome
		requests, failed  uint64
		ok, client, wrong uint64 // latencies by class
	}{
		{Success, 1, 0, 1, 0, 0}, {Redirect, 1, 0, 1, 0, 0}, {ClientError, 1, 0, 0, 1, 0},
		{ServerError, 1, 1, 0, 0, 1}, {ConnectError, 1, 1, 0, 0, 1}, {Timeout, 1, 1, 0, 0, 1},
		{Reset, 1, 1, 0, 0, 1}, {BadResponse, 1, 1, 0, 0, 1},
		{ClientGone, 0, 0, 0, 0, 0}, {LocalRefusal, 0, 0, 0, 0, 0}, {0, 0, 0, 0, 0, 0}, {200, 0, 0, 0, 0, 0},
	} {
		var r Recorder
		r.Start(7, 5)
		if got := r.Totals().InFlight(); got != 1 {
			t.Errorf("outcome %d: %d in flight before its end, want 1", tt.outcome, got)
		}
		r.Record(7, 5, 10, tt.outcome)
		n, h := r.Totals(), r.Histogram()
		if n.Requests() != tt.requests || n.Failed() != tt.failed || n.Started != 1 || n.InFlight() != 0 {
			t.Errorf("outcome %d: %+v", tt.outcome, n)
		}
		if int(tt.outcome) < Outcomes && n.ByOutcome[tt.outcome] != 1 {
			t.Errorf("outcome %d not counted as itself: %v", tt.outcome, n.ByOutcome)
		}
		if h.Total(ClassOK) != tt.ok || h.Total(ClassClientError) != tt.client || h.Total(ClassFailed) != tt.wrong {
			t.Errorf("outcome %d: latencies %d %d %d", tt.outcome, h.Total(ClassOK), h.Total(ClassClientError), h.Total(ClassFailed))
		}
		if c := r.Counts(); c != n.Counts() || r.good() != c.good() {
			t.Errorf("outcome %d: quick counts %+v and %d, totals %+v", tt.outcome, c, r.good(), n.Counts())
		}
	}
}

func TestIdleRecorderAllocatesNothing(t *testing.T) {
	var r Recorder
	if n := testing.AllocsPerRun(10, func() {
		_ = r.Totals()
		_ = r.InFlightOlder(Now(), 2*time.Second)
		_ = r.Counts()
	}); n != 0 {
		t.Errorf("reading an idle recorder allocates %v times", n)
	}
	if r.set.Load() != nil {
		t.Error("reading an idle recorder made shards")
	}
	r.Start(1, 0)
	used := 0
	r.each(func(*shard) { used++ })
	if used != 1 {
		t.Errorf("one connection uses %d shards", used)
	}
}

func TestHotPathAllocatesNothing(t *testing.T) {
	var r Recorder
	record(&r, 3, 0, 1, Success)
	if n := testing.AllocsPerRun(100, func() { record(&r, 3, 5, 7, ServerError) }); n != 0 {
		t.Errorf("Start and Record allocate %v times", n)
	}
	if n := testing.AllocsPerRun(100, func() { _ = r.Totals() }); n != 0 {
		t.Errorf("Totals allocates %v times", n)
	}
	h := new(Histogram)
	if n := testing.AllocsPerRun(100, func() { r.AddTo(h) }); n != 0 {
		t.Errorf("AddTo allocates %v times", n)
	}
}

// A version whose answers are all good costs no memory for others.
func TestRecorderMakesRoomForClassesThatCome(t *testing.T) {
	var r Recorder
	record(&r, 0, 0, 1, Success)
	record(&r, 0, 0, 1, Redirect)
	record(&r, 0, 0, 1, ClientGone)
	classes := func() (n int) {
		r.each(func(s *shard) {
			for c := range Classes {
				if s.seen(Class(c)) != nil {
					n++
				}
			}
		})
		return n
	}
	if n := classes(); n != 1 {
		t.Errorf("good answers take the room of %d classes", n)
	}
	record(&r, 0, 0, 1, Timeout)
	record(&r, 0, 0, 1, ClientError)
	if n := classes(); n != Classes {
		t.Errorf("%d classes, want all %d", n, Classes)
	}
	if size := unsafe.Sizeof(shard{}); size > 5<<10 {
		t.Errorf("a shard is %d bytes, want at most 5 KiB", size)
	}
}

// Nothing is lost or counted twice, and no reader sees more ends than starts.
func TestConcurrentRecording(t *testing.T) {
	var r Recorder
	const writers, each = 4, 20_000
	var wg sync.WaitGroup
	for w := range uint32(writers) {
		wg.Go(func() {
			for i := range int64(each) {
				record(&r, w, i*1e6, i, Outcome(1+i%int64(LocalRefusal)))
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	var before Totals
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		now := r.Totals()
		if now.Started < now.Finished() || now.Sub(before).Started != now.Started-before.Started {
			t.Fatalf("started %d, finished %d, before %d", now.Started, now.Finished(), before.Started)
		}
		before = now
		runtime.Gosched()
	}
	n, h := r.Totals(), r.Histogram()
	if n.Started != writers*each || n.Finished() != writers*each {
		t.Errorf("started %d, finished %d, want %d", n.Started, n.Finished(), writers*each)
	}
	if h.Total() != n.Requests() {
		t.Errorf("%d latencies of %d requests", h.Total(), n.Requests())
	}
}

func BenchmarkRecord(b *testing.B) {
	var r Recorder
	start := Now()
	b.ReportAllocs()
	for i := range b.N {
		record(&r, 1, start, int64(i)&0xfffffff, Success)
	}
}

func BenchmarkRecordParallel(b *testing.B) {
	var r Recorder
	start := Now()
	var next uint32
	var mu sync.Mutex
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		mu.Lock()
		next++
		shard := next
		mu.Unlock()
		for i := int64(0); pb.Next(); i++ {
			record(&r, shard, start, i&0xfffffff, Success)
		}
	})
}
