package rollout

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"sluice/analysis"
	"sluice/config"
)

// A cut that nobody has looked at yet when the controller ends is in what it leaves: the next process has no other way
// to know why the version is out. Which of the two a select takes is chance, hence the repetitions.
func TestCutAtTheEndIsKept(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 20 {
		synctest.Test(t, func(t *testing.T) {
			today()
			dir := t.TempDir()
			b := newBench(t, Options{StateDir: dir}, shop(5000, 5000))
			b.lab.send("shop", "v2", 9, analysis.ServerError)
			if err := b.Run(ctx); err != nil {
				t.Fatal(err)
			}
			next := newBench(t, Options{StateDir: dir}, shop(5000, 5000))
			defer next.Close()
			if got := next.Decisions("shop"); len(got) != 1 {
				t.Errorf("the next process knows of %d decisions, want the trip", len(got))
			}
		})
	}
}

// A process that gave its state away to one that then failed goes on where it stood: with its rollout,
// whose unfinished task is asked for again, with its events told once, and with the state on disk its own.
func TestRunAgainAfterTheStateWasGivenAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		today()
		dir := t.TempDir()
		let := make(chan struct{})
		out := &world{smoke: func(ctx context.Context) []SmokeResult {
			select {
			case <-let:
				return []SmokeResult{{Name: "home", OK: true}}
			case <-ctx.Done():
				return nil
			}
		}}
		s := canaryShop(500, 2500)
		s.Rollout.SmokeTests = []config.SmokeTest{{Name: "home"}}
		b := newBench(t, Options{StateDir: dir, Outside: out}, s)
		run := func(f func()) {
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- b.Run(ctx) }()
			settle()
			f()
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
		run(func() { b.start() })
		if out.asked("smoke") != 1 {
			t.Fatalf("asked for %v", out.points())
		}

		other := newBench(t, Options{StateDir: dir}, s)
		if other.Rollout("shop").Phase != b.Rollout("shop").Phase {
			t.Errorf("the other process knows of %q", other.Rollout("shop").Phase)
		}
		if _, err := New(Options{Traffic: newLab(), StateDir: dir}); err == nil {
			t.Error("the state belongs to two")
		}
		other.Close()
		b.TakeBack()

		run(func() {
			if out.asked("smoke") != 2 {
				t.Errorf("asked for %v, want the smoke test again", out.points())
			}
			close(let)
			settle()
			b.serve(2*time.Second, 100, nil)
			b.wantWeights(9500, 500)
			if _, err := New(Options{Traffic: newLab(), StateDir: dir}); err == nil {
				t.Error("the directory was not taken back")
			}
		})
		after := newBench(t, Options{StateDir: dir}, s)
		defer after.Close()
		after.wantWeights(9500, 500)
		if b.Unheard() != 0 {
			t.Errorf("%d events unheard", b.Unheard())
		}
	})
}
