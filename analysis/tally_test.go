package analysis

import (
	"testing"
	"time"
)

// clock drives a recorder's seconds by hand: Start, Record and Take are given them.
const ms = int64(time.Millisecond)

func TestTallyTakesWhatIsNew(t *testing.T) {
	var split, ruled Recorder
	var tally Tally
	record(&split, 0, 0, ms, Success)
	if s := tally.Take(10*sec, &split, &ruled, true); s.All != (Counts{}) || s.AllLatency != nil {
		t.Fatalf("the first call saw %+v", s)
	}
	record(&split, 1, 10*sec, 100*ms, Success)
	record(&split, 2, 10*sec, 3000*ms, Timeout)
	record(&split, 2, 10*sec, ms, ClientError)
	record(&ruled, 0, 10*sec, 200*ms, ServerError)
	s := tally.Take(11*sec, &split, &ruled, true)
	if s.Split != (Counts{3, 1}) || s.All != (Counts{4, 2}) {
		t.Errorf("counts %+v and %+v", s.Split, s.All)
	}
	if good, slow := s.SplitLatency.split(bucketOf(150 * ms)); good != 1 || slow != 1 {
		t.Errorf("split: %d good, %d slow, want 1 and the timeout", good, slow)
	}
	if good, slow := s.AllLatency.split(bucketOf(150 * ms)); good != 1 || slow != 2 {
		t.Errorf("all: %d good, %d slow, want 1 and 2", good, slow)
	}
	if good, slow := s.AllLatency.split(bucketOf(250 * ms)); good != 1 || slow != 1 {
		t.Errorf("a fast failure counts: %d good, %d slow, want 1 and 1", good, slow)
	}
	if s := tally.Take(12*sec, &split, &ruled, true); s.All != (Counts{}) || s.AllLatency.OK != [Buckets]uint32{} {
		t.Errorf("nothing is new, and yet: %+v", s.All)
	}
	if split, all := tally.Seen(); split.Finished() != 4 || all.Finished() != 5 {
		t.Errorf("seen %d and %d", split.Finished(), all.Finished())
	}
}

// Whatever way requests end, each slow one is counted once, and as soon as it is known.
func TestEachSlowRequestCountsOnce(t *testing.T) {
	var r, ruled Recorder
	var tally Tally
	var p pace
	cell := bucketOf(500 * ms)
	total, at := uint64(0), int64(0)
	take := func(now int64) {
		at = now
		s := tally.Take(now, &r, &ruled, true)
		total += p.count(s.SplitLatency, s.SplitOverdue, cell).Failed
	}
	take(10 * sec)
	take(11 * sec)
	for range 6 { // six requests that hang, started in second 11
		r.Start(0, 11*sec)
	}
	record(&r, 0, 11*sec, 100*ms, Success) // fast
	record(&r, 0, 11*sec, 700*ms, Success) // slow
	for s := int64(12); s < 13; s++ {
		take(s * sec)
	}
	if total != 1 {
		t.Errorf("at %d s: %d slow, want the one that answered", at/sec, total)
	}
	take(13 * sec)
	if total != 7 {
		t.Errorf("after two seconds: %d slow, want 7 with those in flight", total)
	}
	r.Record(0, 11*sec, 14*sec, Success)
	r.Record(0, 11*sec, 14*sec, Timeout)
	r.Record(0, 11*sec, 14*sec, ClientGone)
	r.Record(0, 11*sec, 14*sec, ClientError)
	take(15 * sec)
	r.Record(0, 11*sec, 90*sec, ClientGone) // beyond the ring
	take(91 * sec)
	r.Record(0, 11*sec, 92*sec, Success)
	take(93 * sec)
	if total != 7 {
		t.Errorf("as they end: %d slow, want 7 still", total)
	}
	record(&r, 0, 93*sec, 700*ms, Success)
	record(&r, 0, 93*sec, 100*ms, Success)
	take(95 * sec)
	if total != 8 {
		t.Errorf("a fresh one: %d slow, want 8", total)
	}
}

func TestOverdueByAge(t *testing.T) {
	var r Recorder
	r.Start(0, 10*sec)
	for _, tt := range []struct {
		now  int64
		want Overdue
	}{
		{11 * sec, Overdue{}},
		{12 * sec, Overdue{1}},
		{15 * sec, Overdue{1, 1, 1}},
		{16 * sec, Overdue{2, 1, 1}},
		{43 * sec, Overdue{2, 2, 2, 2, 2, 1}},
	} {
		if tt.now == 15*sec {
			r.Start(0, 14*sec)
		}
		if got := r.Overdue(tt.now); got != tt.want {
			t.Errorf("at %d s: %v, want %v", tt.now/sec, got, tt.want)
		}
	}
	r.Record(0, 10*sec, 43*sec, ClientGone)
	if got, want := r.Overdue(43*sec), (Overdue{2, 2, 2, 2, 2, 1}); got != want {
		t.Errorf("one left: %v, want %v", got, want)
	}
}

func TestHangingVersionIsCondemned(t *testing.T) {
	for _, c := range []Criterion{
		{Metric: Hangs, Limit: 6}, {Metric: Hangs, Ratio: 2},
		{Metric: P99Latency, Latency: time.Second}, {Metric: P90Latency, Ratio: 2},
	} {
		var canary, stable, ruled Recorder
		var a, b Tally
		j := NewJudge(JudgeOptions{Breach: []Criterion{c}, Alpha: 0.01, WarmUp: -1, HangAge: 2 * time.Second})
		if !j.Latencies() {
			t.Fatalf("%+v needs no latencies", c)
		}
		var v Verdict
		from, condemned := int64(40), int64(0)
		for s := int64(1); s < 80 && condemned == 0; s++ {
			for i := range uint32(90) {
				record(&stable, i, s*sec, 20*ms, Success)
				if i%9 == 0 && s < from {
					record(&canary, i, s*sec, 20*ms, Success)
				} else if i%9 == 0 {
					canary.Start(i, s*sec) // and nothing more
				}
			}
			x, y := a.Take((s+1)*sec, &canary, &ruled, true), b.Take((s+1)*sec, &stable, &ruled, true)
			if v = j.Add(x.Against(y, day.Add(time.Duration(s)*time.Second))); v.Standing == Breach {
				condemned = s
			}
		}
		if condemned < from || condemned > from+22 {
			t.Errorf("%+v: condemned in second %d, want %d to %d: %+v", c, condemned, from, from+22, v)
		}
		t.Log(v.Summary)
	}
}

func TestRepeatsOfOneKey(t *testing.T) {
	var r, ruled Recorder
	var tally Tally
	tally.Take(0, &r, &ruled, false)
	fail := func(key uint64, at int64) {
		record(&r, 0, at, ms, ServerError)
		r.FailedKey(key, at+ms)
	}
	for range 10 {
		fail(7<<40|7, 5*sec)
	}
	fail(9<<40|9, 5*sec)
	fail(0, 5*sec) // no key
	fail(0, 5*sec)
	fail(7<<40|7, 6*sec)
	s := tally.Take(7*sec, &r, &ruled, false)
	if s.Split.Failed != 14 || s.SplitRepeats != 9 || s.AllRepeats != 9 {
		t.Errorf("%+v, want 14 failures and 9 repeats", s)
	}
	if n := testing.AllocsPerRun(100, func() { r.FailedKey(3, sec) }); n != 0 {
		t.Errorf("FailedKey allocates %v times", n)
	}
}

// A client that a sticky hash has pinned to the canary and that always fails does not
// condemn it; the same failures of many clients do.
func TestOneBadClientDoesNotCondemn(t *testing.T) {
	for _, tt := range []struct {
		name    string
		repeats uint64
		want    bool
	}{{"of one client", 9, false}, {"of ten clients", 0, true}} {
		j := NewJudge(JudgeOptions{Breach: append(ratios(1.5), limits(0.05)...), Alpha: 0.01})
		got := false
		for s := range 120 {
			c := Counts{100, 10}
			v := j.Add(Block{At: day.Add(time.Duration(s) * time.Second), Canary: c, CanaryAll: c, Stable: Counts{900, 10},
				CanaryRepeats: tt.repeats, CanaryAllRepeats: tt.repeats, StableRepeats: tt.repeats})
			got = got || v.Standing == Breach
		}
		if got != tt.want {
			t.Errorf("%s: condemned: %v", tt.name, got)
		}
	}
}

// What stands still is no traffic: a request that hangs for ever, or one that left late.
func TestOldOverdueCostsNoBudget(t *testing.T) {
	j := NewJudge(rollout)
	k := quiet()
	k.CanaryAllOverdue = Overdue{3, 1}
	j.Add(k)
	idle := Block{At: day, Stable: Counts{100, 0}, CanaryAllOverdue: k.CanaryAllOverdue}
	rest := j.rest
	for range 10 {
		j.Add(idle)
	}
	if j.rest != rest || j.blocks != 1 {
		t.Errorf("%d blocks, mass %g left of %g", j.blocks, j.rest, rest)
	}
	idle.CanaryAllOverdue[0]++
	if j.Add(idle); j.blocks != 2 {
		t.Errorf("a fresh one that hangs: %d blocks, want 2", j.blocks)
	}
}

func BenchmarkTallyTake(b *testing.B) {
	var split, ruled Recorder
	var tally Tally
	for i := range uint32(1000) {
		record(&split, i, sec, int64(i)*ms, Success)
	}
	b.ReportAllocs()
	for b.Loop() {
		tally.Take(2*sec, &split, &ruled, true)
	}
}
