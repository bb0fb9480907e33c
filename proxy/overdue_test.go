package proxy

import (
	"strings"
	"sync/atomic"
	"testing"

	"sluice/analysis"
)

// One of three endpoints hangs: it is ejected by the age of its requests in
// flight, long before they time out, and they are answered all the same when it
// comes back. Nobody failed.
func TestStallEjectsTheEndpointAlone(t *testing.T) {
	var stalled atomic.Bool
	release := make(chan struct{})
	stalling := newOrigin(t, func(r *originRequest) bool {
		if stalled.Load() {
			<-release
		}
		return r.ok("stalling")
	})
	urls := []string{echo(t).URL(), stalling.URL(), echo(t).URL()}
	w := start(t, service{urls: map[string]string{"v1": strings.Join(urls, " ")}}, Settings{})
	endpoints := w.live.Load().Pools()[0].Endpoints()
	c := w.dial()
	for range 2 * overdueSample {
		c.get("/")
	}
	stalled.Store(true)
	var waiting []*client
	for len(waiting) < 1000 && endpoints[1].InFlight() < 2 {
		// Two at a time, so that one may be chosen although it is busier.
		waiting = append(waiting, w.dial().send("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), w.dial().send("GET / HTTP/1.1\r\nHost: a\r\n\r\n"))
		await(t, "all that are not held are answered", func() bool { return w.version("v1").Active.Load() <= endpoints[1].InFlight() })
	}
	await(t, "the one that hangs is ejected", endpoints[1].Ejected)
	if endpoints[0].Ejected() || endpoints[2].Ejected() {
		t.Error("another endpoint is ejected too")
	}
	close(release)
	for _, c := range waiting {
		if got := c.receive("GET"); got.status != 200 {
			t.Errorf("got %d", got.status)
		}
	}
	w.allIdle()
	w.wantRecorded("v1", map[analysis.Outcome]uint64{analysis.Success: uint64(2*overdueSample + len(waiting))})
}
