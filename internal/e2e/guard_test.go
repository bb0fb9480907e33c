package e2e

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// pace sends GET requests at a constant rate until stopped and counts the bad answers.
type pace struct {
	sent, bad atomic.Uint64
	stop      func()
}

func startPace(t testing.TB, p *process, perSecond int, path string) *pace {
	t.Helper()
	l := &pace{}
	c := client(t, 64)
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Add(1)
	go func() {
		defer wg.Done()
		tick := time.NewTicker(time.Second / time.Duration(perSecond))
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				wg.Add(1)
				go func() {
					defer wg.Done()
					l.one(c, p.url(path))
				}()
			}
		}
	}()
	l.stop = sync.OnceFunc(func() { close(done); wg.Wait() })
	t.Cleanup(l.stop)
	return l
}

func (l *pace) one(c *http.Client, url string) {
	req, err := http.NewRequest("GET", url, nil)
	if err != nil {
		l.bad.Add(1)
		return
	}
	l.sent.Add(1)
	resp, _, err := fetch(c, req)
	if err != nil || resp.StatusCode >= 500 {
		l.bad.Add(1)
	}
}

// The cut of a version that fails entirely, as users see it.
func TestDeadVersionIsCut(t *testing.T) {
	for _, tt := range []struct {
		name   string
		shield bool
		most   uint64 // bad answers that may reach users
	}{
		{"plain", false, 12},
		{"shield", true, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v1, v2 := startOrigin(t), startOrigin(t)
			p := boot(t, shielded(v1.URL, v2.URL, 10, tt.shield))
			load := startPace(t, p, 1000, "/status/200")
			p.until("v2 takes part", func() bool { return v2.hits.Load() > 50 })
			if bad := load.bad.Load(); bad != 0 {
				t.Fatalf("%d bad answers before anything was wrong", bad)
			}
			v2.fails(1)
			began, before := time.Now(), v2.hits.Load()
			p.until("v2 cut", func() bool { return p.version("shop", "v2").State == "tripped" })
			took := time.Since(began)
			load.stop()
			t.Logf("cut after %v (with the time to ask); %d bad answers among %d", took, load.bad.Load(), load.sent.Load())
			// At 100 requests/s for v2, 20 attempts are 200 ms.
			if attempts := v2.hits.Load() - before; attempts > 20 {
				t.Errorf("attempts until the cut: got %d, want at most 20", attempts)
			}
			if bad := load.bad.Load(); bad > tt.most {
				t.Errorf("bad answers that reached users: got %d, want at most %d", bad, tt.most)
			}
			if share := p.version("shop", "v2").Share; share != 0 {
				t.Errorf("share of v2 after the cut: got %g, want 0", share)
			}
		})
	}
}

func shielded(v1, v2 string, weight float64, shield bool) string {
	return fmt.Sprintf(`services:
  - name: shop
    routes: [{path: /}]
    stable: v1
    versions:
      - {name: v1, weight: %g, endpoints: [%q]}
      - {name: v2, weight: %g, shield: %t, endpoints: [%q]}
    timeouts: {response: 30s}
`, 100-weight, v1, weight, shield, v2)
}

func TestHalfFailingVersionIsCut(t *testing.T) {
	for run := range 5 {
		t.Run(fmt.Sprint(run), func(t *testing.T) {
			v1, v2 := startOrigin(t), startOrigin(t)
			p := boot(t, shielded(v1.URL, v2.URL, 10, false))
			load := startPace(t, p, 1000, "/status/200")
			p.until("v2 takes part", func() bool { return v2.hits.Load() > 50 })
			v2.fails(2)
			before := v2.hits.Load()
			p.until("v2 cut", func() bool { return p.version("shop", "v2").State == "tripped" })
			load.stop()
			if attempts := v2.hits.Load() - before; attempts > 60 {
				t.Errorf("attempts until the cut: got %d, want at most 60", attempts)
			}
		})
	}
}

// A version that hangs trips long before its timeout (30 s here).
func TestHangingVersionIsCut(t *testing.T) {
	v1, v2 := startOrigin(t), startOrigin(t)
	p := boot(t, shielded(v1.URL, v2.URL, 10, false))
	startPace(t, p, 500, "/status/200")
	p.until("v2 takes part", func() bool { return v2.hits.Load() > 50 })
	v2.hangs()
	var cut version
	p.until("v2 cut", func() bool { cut = p.version("shop", "v2"); return cut.State == "tripped" })
	if cut.Errors > 0 {
		t.Errorf("%d requests had failed before the cut, want none: it comes long before the timeout of 30s", cut.Errors)
	}
	p.kill() // let the hanging requests go
}

// A tripped version comes back by itself once it answers well again.
func TestTrippedVersionComesBack(t *testing.T) {
	v1, v2 := startOrigin(t), startOrigin(t)
	p := boot(t, shielded(v1.URL, v2.URL, 10, false)+"    guard: {trip: {cooldown: 500ms}}\n")
	load := startPace(t, p, 500, "/status/200")
	p.until("v2 takes part", func() bool { return v2.hits.Load() > 20 })
	v2.fails(1)
	p.until("v2 cut", func() bool { return p.version("shop", "v2").State == "tripped" })
	mark := load.sent.Load() // what was in flight at the cut may still fail
	p.until("requests in flight at the cut answered", func() bool { return load.sent.Load() > mark+50 })
	seen := load.bad.Load()
	v2.recovers()
	p.until("v2 back", func() bool { return p.version("shop", "v2").State == "active" })
	load.stop()
	if bad := load.bad.Load(); bad != seen {
		t.Errorf("bad answers while v2 was probed: got %d, want 0 (probes are shielded)", bad-seen)
	}
}
