package e2e

import (
	"net/http"
	"strings"
	"testing"
)

// canaryExample is the canary of the examples, with stages of a second.
func canaryExample(t testing.TB, v1, v2 *shop, more ...string) string {
	return example(t, "canary.yaml", append(at([]*shop{v1, v2},
		"weight: 5, duration: 10m, min_requests: 500", "weight: 20, duration: 1s, min_requests: 300",
		"weight: 25, duration: 30m", "weight: 50, duration: 1s", "duration: 1h", "duration: 1s",
		"standby: 10m", "standby: 2s"), more...)...)
}

// endedRollout is one of the history.
type endedRollout struct {
	Outcome, Canary, Reason string
	UndoReason              string `json:"undo_reason"`
	Evidence                map[string]any
}

func (p *process) history() []endedRollout {
	p.t.Helper()
	var past struct{ Rollouts []endedRollout }
	if code := p.api("GET", "/api/v1/services/shop/rollout/history", nil, &past); code != http.StatusOK {
		p.t.Fatalf("GET history: status %d", code)
	}
	return past.Rollouts
}

// wantNoMoreTraffic lets more requests come, and wants none of them at s.
func (l *traffic) wantNoMoreTraffic(t testing.TB, p *process, s *shop) {
	t.Helper()
	mark := l.answered.Load()
	p.until("requests in flight are answered", func() bool { return l.answered.Load() > mark+100 })
	before := s.sold.Load()
	p.until("more requests", func() bool { return l.answered.Load() > mark+600 })
	if n := s.sold.Load() - before; n != 0 {
		t.Errorf("release %s had %d requests of 500 after its end", s.release, n)
	}
}

// The example of a canary, from its start to its promotion, at 1,000 requests a second and with
// WebSockets open: nobody notices.
func TestCanaryExample(t *testing.T) {
	v1, v2 := startShop(t, "1"), startShop(t, "2")
	p := boot(t, canaryExample(t, v1, v2))
	talk := openDialogues(t, p, 20)
	load := startTraffic(t, p, 1000, "/")
	p.until("v1 has traffic", func() bool { return v1.sold.Load() > 200 })
	if n := v2.sold.Load(); n != 0 {
		t.Errorf("v2 had %d requests before its rollout", n)
	}
	p.begin()
	r := p.untilPhase("promoted")
	for _, s := range r.Stages {
		if s.State != "passed" {
			t.Errorf("stage %s: %s", s.Name, s.State)
		}
	}
	if s, v := p.stable("shop"), p.version("shop", "v2"); s != "v2" || v.Weight != 100 {
		t.Errorf("stable %s; %+v", s, v)
	}
	p.until("the standby is over", func() bool { return p.rollout("shop").Waiting == "" })
	load.wantNoMoreTraffic(t, p, v1)
	talk.wantWhole(t)
	load.wantNoFailure(t)
	if past := p.history(); len(past) != 1 || past[0].Outcome != "promoted" || past[0].Canary != "v2" {
		t.Errorf("history: %+v", past)
	}
}

// A bad canary goes back to nothing, and its shield keeps that from users.
func TestCanaryExampleOfABadVersion(t *testing.T) {
	t.Parallel()
	v1, v2 := startShop(t, "1"), startShop(t, "2")
	v2.failing.Store(3)
	p := boot(t, canaryExample(t, v1, v2, "max_wait: 2h", "max_wait: 2s"))
	load := startTraffic(t, p, 500, "/")
	p.until("v1 has traffic", func() bool { return v1.sold.Load() > 200 })
	p.begin()
	r := p.untilPhase("rolled_back")
	t.Logf("%s; v2 had %d requests", r.Reason, v2.sold.Load())
	if n := v2.sold.Load(); n > 100 {
		t.Errorf("v2 had %d requests before it was cut", n)
	}
	load.wantNoMoreTraffic(t, p, v2)
	if s, v := p.stable("shop"), p.version("shop", "v2"); s != "v1" || v.Weight != 0 {
		t.Errorf("stable %s; %+v", s, v)
	}
	load.wantNoFailure(t)
	if past := p.history(); len(past) != 1 || past[0].Outcome != "rolled_back" || len(past[0].Evidence) == 0 {
		t.Errorf("history: %+v", past)
	}
	if out, code := p.run("rollout", "history", "shop"); code != 0 || !strings.Contains(out, "rolled") {
		t.Errorf("exit %d: %s", code, out)
	}
}
