package e2e

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"sluice/bench"
)

// bootBlueGreen starts the example of blue/green, whose listeners are its own, with shortened times.
func bootBlueGreen(t testing.TB, blue, green *shop, more ...string) (p *process, preview string) {
	t.Helper()
	p = &process{t: t, dir: t.TempDir(), listen: freeAddress(t), admin: freeAddress(t)}
	preview = freeAddress(t)
	text := example(t, "blue-green.yaml", append(at([]*shop{blue, green}, "127.0.0.1:8080", p.listen, "127.0.0.1:8081", preview), more...)...)
	p.launch(fmt.Sprintf("admin: {address: %q}\nstate: {dir: %q}\naccess_log: {path: off}\ndrain: {delay: 100ms, timeout: 10s}\n", p.admin, p.dir+"/state") + text)
	return p, preview
}

// launch starts p on a configuration as it stands.
func (p *process) launch(text string) {
	p.t.Helper()
	p.config = p.dir + "/sluice.yaml"
	if err := os.WriteFile(p.config, []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
	p.start()
	p.t.Cleanup(func() {
		p.kill()
		if p.t.Failed() {
			p.t.Logf("sluice's log:\n%s", tail(p.logs(), 6000))
		}
	})
}

// release is which version answers a request.
func release(t testing.TB, url string, header ...string) string {
	t.Helper()
	req, err := http.NewRequest("GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.Header.Get("X-Release")
}

// The example of blue/green at 1,000 requests a second with WebSockets open: testers see green, users
// don't; then all of them do, and none notices; blue stands by, and comes back for who asks.
func TestBlueGreenExample(t *testing.T) {
	blue, green := startShop(t, "1.0.0"), startShop(t, "2.0.0")
	p, preview := bootBlueGreen(t, blue, green, "duration: 0s", "duration: 2s", "# approval: manual ", "approval: manual ")
	talk := openDialogues(t, p, 20)
	load := startTraffic(t, p, 1000, "/", func(o *bench.LoadOptions) { o.CountHeader = "X-Release" })
	p.until("blue has traffic", func() bool { return blue.sold.Load() > 200 })
	p.begin()
	p.until("the gate", func() bool { return p.rollout("shop").Gate == "promotion" })
	if got := release(t, p.url("/"), "X-Preview", "green"); got != "2.0.0" {
		t.Errorf("preview by header: release %q", got)
	}
	if got := release(t, "http://"+preview+"/"); got != "2.0.0" {
		t.Errorf("preview by listener: release %q", got)
	}
	if got := release(t, p.url("/")); got != "1.0.0" {
		t.Errorf("a user before the switch: release %q", got)
	}
	if n := green.sold.Load(); n != 2 {
		t.Errorf("green had %d requests before the switch, of which 2 were testers'", n)
	}
	r := p.rollout("shop")
	for _, test := range r.Smoke {
		if !test.OK {
			t.Errorf("smoke test: %+v", test)
		}
	}
	if len(r.Smoke) != 2 {
		t.Errorf("smoke tests: %+v", r.Smoke)
	}
	if out, code := p.run("rollout", "promote", "shop"); code != 0 {
		t.Fatalf("promote: exit %d: %s", code, out)
	}
	p.untilPhase("promoted")
	load.wantNoMoreTraffic(t, p, blue)
	if got := release(t, p.url("/")); got != "2.0.0" {
		t.Errorf("a user after the switch: release %q", got)
	}
	if out, code := p.run("rollout", "undo", "shop"); code != 0 {
		t.Fatalf("undo: exit %d: %s", code, out)
	}
	if got := release(t, p.url("/")); got != "1.0.0" {
		t.Errorf("a user after undo: release %q", got)
	}
	load.wantNoMoreTraffic(t, p, green)
	talk.wantWhole(t)
	report := load.stop()
	if report.Failed()+report.Abandoned > 0 || report.Labels["1.0.0"] == 0 || report.Labels["2.0.0"] == 0 {
		t.Errorf("%s%v", report.String(), report.Labels)
	}
	t.Logf("%d requests, %v, %d failed; %d lines by WebSockets", report.Requests, report.Labels, report.Failed(), talk.said.Load())
}

// Green that is another build than it says never sees a user.
func TestBlueGreenExampleOfTheWrongBuild(t *testing.T) {
	t.Parallel()
	blue, green := startShop(t, "1.0.0"), startShop(t, "1.9.9")
	p, _ := bootBlueGreen(t, blue, green)
	load := startTraffic(t, p, 200, "/")
	p.begin()
	r := p.untilPhase("rolled_back")
	if !strings.Contains(r.Reason, "version") || len(r.Smoke) != 2 || r.Smoke[1].OK || !strings.Contains(r.Smoke[1].Message, "1.9.9") {
		t.Errorf("%s: %+v", r.Reason, r.Smoke)
	}
	load.wantNoFailure(t)
	if n := green.sold.Load(); n != 0 {
		t.Errorf("%d users met green", n)
	}
}

// Green that goes bad within the standby gives all traffic back by itself.
func TestBlueGreenExampleSwitchesBack(t *testing.T) {
	t.Parallel()
	blue, green := startShop(t, "1.0.0"), startShop(t, "2.0.0")
	p, _ := bootBlueGreen(t, blue, green)
	load := startTraffic(t, p, 500, "/")
	p.until("blue has traffic", func() bool { return blue.sold.Load() > 200 })
	p.begin()
	p.untilPhase("promoted")
	p.until("green has traffic", func() bool { return green.sold.Load() > 1000 })
	green.failing.Store(3)
	p.until("switched back", func() bool { return p.rollout("shop").Phase == "rolled_back" })
	load.wantNoMoreTraffic(t, p, green)
	if s, v := p.stable("shop"), p.version("shop", "green"); s != "blue" || v.Weight != 0 || v.State != "quarantined" {
		t.Errorf("stable %s; %+v", s, v)
	}
	t.Logf("%d users met a failure: %s", load.failed.Load(), p.rollout("shop").Reason)
	if n := load.failed.Load(); n > 60 {
		t.Errorf("%d users met a failure", n)
	}
	if past := p.history(); len(past) != 1 || past[0].UndoReason == "" {
		t.Errorf("history: %+v", past)
	}
}

// The first requests that fail cut the new stable, also at many requests a second and in a process that
// knows of the promotion from disk: none waits for a clock.
func TestSwitchBackIsInline(t *testing.T) {
	for name, restart := range map[string]bool{"at once": false, "after kill -9": true} {
		t.Run(name, func(t *testing.T) {
			blue, green := startShop(t, "1.0.0"), startShop(t, "2.0.0")
			p, _ := bootBlueGreen(t, blue, green)
			startTraffic(t, p, 500, "/")
			p.until("blue has traffic", func() bool { return blue.sold.Load() > 200 })
			p.begin()
			p.untilPhase("promoted")
			if restart {
				p.kill()
				p.start()
			}
			load := startTraffic(t, p, 3500, "/")
			mark := green.sold.Load()
			p.until("green has traffic", func() bool { return green.sold.Load() > mark+2000 })
			green.failOf(0.3)
			p.until("switched back", func() bool { return p.rollout("shop").Phase == "rolled_back" })
			load.wantNoMoreTraffic(t, p, green)
			t.Logf("%d users met a failure: %s", load.failed.Load(), p.rollout("shop").Reason)
			// The trip needs about 10 failures of 34; what was in flight then may fail as well.
			if n := load.failed.Load(); n > 40 {
				t.Errorf("%d users met a failure", n)
			}
		})
	}
}
