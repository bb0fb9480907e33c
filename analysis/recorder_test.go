package analysis

import (
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sort"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

const sec = int64(time.Second)

// record counts one request that began at start and took ns.
func record(r *Recorder, shard uint32, start, ns int64, o Outcome) {
	r.Start(shard, start)
	r.Record(shard, start, start+ns, o)
}

func TestBucketOfAgreesWithSearch(t *testing.T) {
	var upper []float64
	for k := lowOctave * perOctave; k <= highOctave*perOctave; k++ {
		upper = append(upper, math.Ldexp(bounds[(k+320)%perOctave], lowOctave+(k+320)/perOctave))
	}
	if !sort.Float64sAreSorted(upper) || len(upper) != Buckets-1 {
		t.Fatalf("bounds: sorted %v, %d of them, want %d", sort.Float64sAreSorted(upper), len(upper), Buckets-1)
	}
	check := func(ns int64) {
		t.Helper()
		want := sort.SearchFloat64s(upper, float64(ns)*1e-9)
		if got := bucketOf(ns); got != want {
			t.Fatalf("bucketOf(%d) = %d, want %d", ns, got, want)
		}
	}
	for _, b := range upper {
		for d := int64(-2); d <= 2; d++ {
			check(int64(b*1e9) + d)
		}
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 500_000 {
		check(int64(math.Exp(rng.Float64() * math.Log(2e11))))
	}
	for _, ns := range []int64{0, 1, 953, 954, 1e9, 64e9, 64e9 + 20, math.MaxInt64} {
		check(ns)
	}
	if bucketOf(-5) != 0 || bucketOf(math.MinInt64) != 0 {
		t.Error("a negative latency must fall into the first bucket")
	}
}

func TestBoundsAreInclusiveAtPowersOfTwo(t *testing.T) {
	for ns, want := range map[int64]float64{1e9: 1, 5e8: .5, 25e7: .25, 2e9: 2, 64e9: 64, 1953125: math.Ldexp(1, -9)} {
		if got := UpperBound(bucketOf(ns)); got != want {
			t.Errorf("%d ns fell under bound %g s, want %g", ns, got, want)
		}
	}
	if !math.IsInf(UpperBound(bucketOf(64e9+100)), 1) {
		t.Error("over 64 s must fall into the last bucket")
	}
}

// Prometheus' own histogram is the judge of our buckets.
func TestNativeExportIsWhatPrometheusCounts(t *testing.T) {
	var r Recorder
	theirs := prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "x", NativeHistogramBucketFactor: 1.05, NativeHistogramZeroThreshold: math.Ldexp(1, -20),
	})
	rng := rand.New(rand.NewPCG(3, 4))
	for range 20_000 {
		ns := int64(math.Exp(rng.Float64() * math.Log(6e10)))
		record(&r, rng.Uint32(), 0, ns, Success)
		theirs.Observe(float64(ns) * 1e-9)
	}
	want, got := metric(t, theirs), r.Histogram().Native()
	m, err := prometheus.NewConstNativeHistogram(prometheus.NewDesc("x", "", nil, nil), got.Count, got.Sum,
		got.Positive, nil, got.ZeroCount, got.Schema, got.ZeroThreshold, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	have := metric(t, m)
	if have.GetSchema() != want.GetSchema() || have.GetZeroCount() != want.GetZeroCount() ||
		have.GetSampleCount() != want.GetSampleCount() {
		t.Errorf("schema, zero count, count: %d %d %d, want %d %d %d", have.GetSchema(), have.GetZeroCount(),
			have.GetSampleCount(), want.GetSchema(), want.GetZeroCount(), want.GetSampleCount())
	}
	if math.Abs(have.GetSampleSum()-want.GetSampleSum()) > 1e-6 {
		t.Errorf("sum %g, want %g", have.GetSampleSum(), want.GetSampleSum())
	}
	if !slices.Equal(populations(have), populations(want)) {
		t.Error("bucket populations differ from Prometheus' own")
	}
}

func metric(t *testing.T, m prometheus.Metric) *dto.Histogram {
	t.Helper()
	var out dto.Metric
	if err := m.Write(&out); err != nil {
		t.Fatal(err)
	}
	return out.GetHistogram()
}

// populations lists key and count of each bucket that is not empty.
func populations(h *dto.Histogram) (out [][2]int64) {
	key, i, count := int64(0), 0, int64(0)
	for _, s := range h.GetPositiveSpan() {
		key += int64(s.GetOffset())
		for range s.GetLength() {
			count += h.GetPositiveDelta()[i]
			if count > 0 {
				out = append(out, [2]int64{key, count})
			}
			key, i = key+1, i+1
		}
	}
	return out
}

func TestClassicExport(t *testing.T) {
	var r Recorder
	for _, ms := range []int64{1, 200, 250, 251, 900, 70_000} {
		record(&r, 0, 0, ms*int64(time.Millisecond), Success)
	}
	record(&r, 0, 0, sec/2, ServerError)
	c := r.Histogram().Classic()
	for _, tt := range []struct {
		bound float64
		want  uint64
	}{{0.25, 3}, {0.3535534, 4}, {0.5, 5}, {1, 6}, {64, 6}} {
		if got, ok := c.Buckets[tt.bound]; !ok || got != tt.want {
			t.Errorf("le=%g: %d (present %v), want %d", tt.bound, got, ok, tt.want)
		}
	}
	if c.Count != 7 || len(c.Buckets) != 33 || math.Abs(c.Sum-72.102) > 1e-6 {
		t.Errorf("count %d, %d bounds, sum %g", c.Count, len(c.Buckets), c.Sum)
	}
	if only := r.Histogram().Classic(ClassOK); only.Count != 6 {
		t.Errorf("good answers: %d, want 6", only.Count)
	}
	if _, err := prometheus.NewConstHistogram(prometheus.NewDesc("x", "", nil, nil), c.Count, c.Sum, c.Buckets); err != nil {
		t.Error(err)
	}
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
		if c := r.counts(); c != n.Counts() || r.good() != c.good() {
			t.Errorf("outcome %d: quick counts %+v and %d, totals %+v", tt.outcome, c, r.good(), n.Counts())
		}
	}
}

func TestInFlightOlder(t *testing.T) {
	var r Recorder
	start := 100 * sec
	for i := range int64(3) {
		r.Start(uint32(i), start+i*sec)
	}
	for _, tt := range []struct {
		name string
		now  int64
		age  time.Duration
		want uint64
	}{
		{"age too small", start + 10*sec, 999 * time.Millisecond, 0},
		{"age too great", start + 10*sec, 61 * time.Second, 0},
		{"all young", start + 2*sec, 3 * time.Second, 0},
		{"the first second is not over yet", start + 2*sec + 1, 2 * time.Second, 0},
		{"one", start + 3*sec, 2 * time.Second, 1},
		{"two", start + 4*sec, 2 * time.Second, 2},
		{"all", start + 30*sec, 2 * time.Second, 3},
		{"all, a minute later", start + 62*sec, 10 * time.Second, 3},
	} {
		if got := r.InFlightOlder(tt.now, tt.age); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
	r.Record(9, start, start+20*sec, Timeout) // another shard than it started in
	if got := r.InFlightOlder(start+30*sec, 2*time.Second); got != 2 {
		t.Errorf("after one ended: %d, want 2", got)
	}
	record(&r, 0, start+64*sec, 5, Success) // the same cell of the ring
	if got := r.InFlightOlder(start+30*sec, 2*time.Second); got != 2 {
		t.Errorf("after the ring came round: %d, want 2", got)
	}
}

func TestIdleRecorderAllocatesNothing(t *testing.T) {
	var r Recorder
	if n := testing.AllocsPerRun(10, func() {
		_ = r.Totals()
		_ = r.InFlightOlder(Now(), 2*time.Second)
		_ = r.counts()
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

func TestMergeIsOrderFree(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	rs := make([]Recorder, 3)
	var all Recorder
	for range 3000 {
		i, ns, o := rng.IntN(3), rng.Int64N(2*sec), Outcome(1+rng.IntN(int(LocalRefusal)))
		record(&rs[i], 0, 0, ns, o)
		record(&all, 0, 0, ns, o)
	}
	merged := func(order ...int) (Histogram, Totals) {
		var h Histogram
		var n Totals
		for _, i := range order {
			h.Merge(rs[i].Histogram())
			n = n.Add(rs[i].Totals())
		}
		return h, n
	}
	h, n := merged(0, 1, 2)
	h2, n2 := merged(2, 0, 1)
	if h != h2 || n != n2 {
		t.Error("the order of merging matters")
	}
	if h != *all.Histogram() || n != all.Totals() {
		t.Error("merging is not what one recorder would have counted")
	}
	h.Sub(rs[1].Histogram())
	if want, _ := merged(0, 2); h != want {
		t.Error("Sub does not undo Merge")
	}
}

func TestQuantile(t *testing.T) {
	var r Recorder
	if got := r.Histogram().Quantile(.5); got != 0 {
		t.Errorf("empty: %v, want 0", got)
	}
	for i := range int64(1000) {
		record(&r, 0, 0, (i+1)*int64(time.Millisecond), Success)
		record(&r, 0, 0, 1000, ServerError) // fast errors flatter nothing
	}
	for _, tt := range []struct {
		q    float64
		want time.Duration
	}{{0, time.Millisecond}, {.5, 500 * time.Millisecond}, {.99, 990 * time.Millisecond}, {1, time.Second}} {
		got := r.Histogram().Quantile(tt.q)
		if ratio := float64(got) / float64(tt.want); ratio < 0.978 || ratio > 1.0222 {
			t.Errorf("q=%g: %v, want %v within 2.2 %%", tt.q, got, tt.want)
		}
	}
	record(&r, 0, 0, 100*sec, Success)
	if got := r.Histogram().Quantile(1); got != 64*time.Second {
		t.Errorf("over 64 s reads %v", got)
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

func BenchmarkHistogram(b *testing.B) {
	var r Recorder
	record(&r, 0, 0, 1, Success)
	h := new(Histogram)
	b.ReportAllocs()
	for b.Loop() {
		r.AddTo(h)
	}
}
