package rollout

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sluice/analysis"
	"sluice/config"
)

// hang lets n requests of a version begin that nobody answers.
func (v *labVersion) hang(n int) (began int64) {
	began = analysis.Now()
	for range n {
		v.split.Start(0, began)
	}
	return began
}

// answer ends n requests that began at a time.
func (v *labVersion) answer(n int, began int64) {
	for range n {
		v.split.Record(0, began, analysis.Now(), analysis.Success)
	}
}

// hungFor waits for the cut of v2 and returns how long it took; a minute at most.
func (b *bench) hungFor(each func()) time.Duration {
	began := time.Now()
	for b.lab.state("shop", "v2") != config.Tripped && time.Since(began) < time.Minute {
		each()
		time.Sleep(50 * time.Millisecond)
	}
	return time.Since(began)
}

// Stable hangs together with the canary, for two seconds. The canary goes on hanging, and its
// clients wait: nothing new comes that could be held against it.
func TestHangOutlivesStables(t *testing.T) {
	for _, tt := range []struct {
		name   string
		stable int  // requests of stable that hang
		more   bool // stable goes on answering others
	}{{"all of both", 20, false}, {"some of stable's", 20, true}, {"a few of stable's", 4, true}} {
		t.Run(tt.name, func(t *testing.T) {
			running(t, Options{}, one(shop(5000, 5000)), func(b *bench) {
				v1, v2 := b.lab.version("shop", "v1"), b.lab.version("shop", "v2")
				good := func() { b.lab.send("shop", "v1", 5, analysis.Success) }
				b.lab.send("shop", "v1", 500, analysis.Success)
				b.lab.send("shop", "v2", 500, analysis.Success)
				time.Sleep(2 * time.Second)
				v2.hang(20)
				began := v1.hang(tt.stable)
				for range 70 {
					time.Sleep(50 * time.Millisecond)
					if tt.more {
						good()
					}
				}
				v1.answer(tt.stable, began)
				if took := b.hungFor(good); took > 15*time.Second {
					t.Errorf("cut %v after stable was well again, want at most 15s", took)
				}
			})
		})
	}
}

// Nobody could take over when the canary hung. It is cut when somebody can.
func TestHangOutlivesTheLackOfOthers(t *testing.T) {
	var down atomic.Bool
	s := shop(5000, 5000)
	s.Health = &config.Health{}
	running(t, Options{Usable: func(_, version string) bool { return version != "v1" || !down.Load() }}, one(s), func(b *bench) {
		b.lab.send("shop", "v1", 500, analysis.Success)
		b.lab.send("shop", "v2", 500, analysis.Success)
		time.Sleep(2 * time.Second)
		down.Store(true)
		b.lab.version("shop", "v2").hang(20)
		time.Sleep(5 * time.Second)
		b.wantState("v2", config.Active)
		down.Store(false)
		if took := b.hungFor(func() {}); took > 5*time.Second {
			t.Errorf("cut %v after stable was there again, want at most 5s", took)
		}
	})
}

// paused is a bench whose controller ticks by hand. v1 answers in a millisecond, and 20 requests
// to v2 are in flight at any time.
func paused(t *testing.T, f func(b *bench, v2 *labVersion, began int64)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		today()
		b := newBench(t, Options{}, shop(5000, 5000))
		b.ticks(10, tickEvery)
		b.lab.send("shop", "v1", 500, analysis.Success)
		v2 := b.lab.version("shop", "v2")
		for range 10 {
			began := v2.hang(20)
			b.ticks(2, tickEvery)
			v2.answer(20, began)
		}
		f(b, v2, v2.hang(20))
	})
}

// ticks lets n ticks come, each so long after the one before, and blocks when they are due.
func (b *bench) ticks(n int, every time.Duration) {
	for range n {
		before := time.Now()
		time.Sleep(every)
		now := time.Now()
		b.tick(now)
		if now.Truncate(blockEvery).After(before) {
			b.block(now)
		}
	}
}

// A process that did not run for a while finds all its requests old. That is nobody's fault.
func TestPausedProcessCutsNobody(t *testing.T) {
	for _, pause := range []time.Duration{2 * time.Second, 20 * time.Second, 2 * time.Minute} {
		paused(t, func(b *bench, v2 *labVersion, began int64) {
			b.ticks(1, pause)
			b.ticks(2, tickEvery)
			v2.answer(20, began)
			b.ticks(50, tickEvery)
			b.wantState("v2", config.Active)
		})
	}
}

// What goes on hanging after a pause is found.
func TestHangIsFoundAfterAPause(t *testing.T) {
	paused(t, func(b *bench, _ *labVersion, _ int64) {
		b.ticks(1, 5*time.Second)
		b.ticks(30, tickEvery)
		b.wantState("v2", config.Tripped)
	})
}

// A process that gets a quarter of the time it wants finds a hang later, but does.
func TestHangIsFoundByASlowProcess(t *testing.T) {
	paused(t, func(b *bench, _ *labVersion, _ int64) {
		b.ticks(20, 4*tickEvery)
		b.wantState("v2", config.Tripped)
	})
}
