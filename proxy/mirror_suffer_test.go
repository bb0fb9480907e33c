package proxy

import (
	"testing"
	"time"
)

// experiment makes a value of Inject's third parameter, whose package the proxy
// has no business importing.
func experiment[I any](func(service, version string, in I, until time.Time) error) *I { return new(I) }

// Copies suffer what is injected at their target; users and the comparison don't.
func TestMirrorSuffers(t *testing.T) {
	v1, v2 := replying(t, fixed(`{}`)), replying(t, fixed(`{}`))
	w := startComparing(t, comparing(v1.URL(), v2.URL(), ""), nil)
	c := w.dial()
	inject := func(version string, abort int, delay time.Duration, blackhole bool) {
		t.Helper()
		in := experiment(w.live.Inject)
		in.Percent, in.Abort, in.Delay, in.Blackhole = 100, abort, delay, blackhole
		in.Duration = time.Hour
		if err := w.live.Inject("shop", version, *in, time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	end := func(version string) {
		t.Helper()
		if _, err := w.live.EndInjection("shop", version); err != nil {
			t.Fatal(err)
		}
	}

	inject("v2", 503, 0, false)
	c.get("/")
	await(t, "the copy is counted as injected", func() bool { return w.mirrorCount("injected") == 1 })
	end("v2")
	w.idle()

	inject("v2", 0, time.Hour, false)
	c.get("/")
	await(t, "a copy waits", func() bool { return w.server.mirrors.inFlight.Load() == 1 })
	end("v2") // it goes on
	await(t, "the late copy is sent", func() bool { return w.mirrorCount("sent") == 1 })
	w.idle()

	inject("v2", 0, 0, true)
	c.get("/")
	await(t, "a copy is held", func() bool { return w.server.mirrors.inFlight.Load() == 1 })
	end("v2")
	await(t, "the held copy is sent", func() bool { return w.mirrorCount("sent") == 2 })
	w.idle()

	inject("v1", 503, 0, false) // previews and copies only: neither users nor the noise
	if r := c.get("/"); r.status != 200 {
		t.Errorf("a user got %d", r.status)
	}
	await(t, "the copy for the noise is answered", func() bool { return w.report().NoiseCompared == 4 })
	if r := w.report(); r.Compared != 3 || r.Skipped["skipped_injected"] != 1 || r.Differing+r.NoiseDiffering != 0 || v2.Requests() != 3 {
		t.Errorf("%d copies came; %+v", v2.Requests(), r)
	}
}

// A black hole lasts as long as the mirror waits for answers, no longer.
func TestMirrorSuffersUntilItsTimeout(t *testing.T) {
	v1, v2 := replying(t, fixed(`{}`)), replying(t, fixed(`{}`))
	w := startComparing(t, comparing(v1.URL(), v2.URL(), `, "Timeout": 20000000`), nil)
	in := experiment(w.live.Inject)
	in.Percent, in.Blackhole, in.Duration = 100, true, time.Hour
	if err := w.live.Inject("shop", "v2", *in, time.Time{}); err != nil {
		t.Fatal(err)
	}
	w.dial().get("/")
	await(t, "the copy is given up", func() bool { return w.mirrorCount("injected") == 1 })
	w.idle()
	if v2.Requests() != 0 {
		t.Errorf("%d copies came", v2.Requests())
	}
}
