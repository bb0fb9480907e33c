package e2e

import (
	"bufio"
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"
)

// reload replaces the file and waits until it is read.
func (p *process) reload(services string) {
	p.t.Helper()
	before := p.metric(`sluice_config_reloads_total{result="success"}`)
	p.write(services)
	p.until("the file is read", func() bool {
		return p.metric(`sluice_config_reloads_total{result="success"}`) > before
	})
}

func (p *process) setWeights(v1, v2 float64) int {
	p.t.Helper()
	return p.api("PUT", "/api/v1/services/shop/weights", map[string]any{"weights": map[string]float64{"v1": v1, "v2": v2}}, nil)
}

// A rollout stands through reloads and restarts, refuses hands in its weights but while it is paused, gives way to
// a newer start, and to the file when that changes the weights. No user notices any of it.
func TestRolloutIsInterrupted(t *testing.T) {
	t.Parallel()
	v1, v2, more := startShop(t, "1"), startShop(t, "2"), startShop(t, "2")
	gated := strings.Replace(quick(v1, v2, ""), "{name: all,", "{name: all, approval: manual,", 1)
	p := boot(t, gated)
	load := startTraffic(t, p, 300, "/")
	p.begin()
	atGate := func() bool { r := p.rollout("shop"); return r.Gate == "stage:all" && r.Weight == 50 }
	p.until("the gate", atGate)
	first := p.rollout("shop").ID

	if code := p.setWeights(90, 10); code != http.StatusConflict {
		t.Errorf("PUT weights while it runs: status %d", code)
	}
	if code := p.order("pause"); code != http.StatusOK {
		t.Fatalf("pause: status %d", code)
	}
	if code := p.setWeights(90, 10); code != http.StatusOK || p.version("shop", "v2").Weight != 10 {
		t.Errorf("PUT weights while it is paused: status %d, %+v", code, p.version("shop", "v2"))
	}
	if code := p.setWeights(50, 50); code != http.StatusOK {
		t.Errorf("PUT weights back: status %d", code)
	}
	if code := p.order("resume"); code != http.StatusOK {
		t.Fatalf("resume: status %d", code)
	}
	p.until("the gate after the pause", atGate)

	grown := strings.Replace(gated, fmt.Sprintf("[%q]", v2.URL), fmt.Sprintf("[%q, %q]", v2.URL, more.URL), 1)
	p.reload(grown)
	p.until("the new endpoint has traffic", func() bool { return more.sold.Load() > 20 })
	if r := p.rollout("shop"); r.ID != first || !atGate() {
		t.Errorf("after a reload: %s: %s, weight %g", r.Phase, r.Reason, r.Weight)
	}
	load.wantNoFailure(t)

	p.signal(syscall.SIGTERM)
	if code := p.exitCode(patience); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	p.start()
	if r := p.rollout("shop"); r.ID != first || !atGate() {
		t.Errorf("after a restart: %s: %s, weight %g, gate %q", r.Phase, r.Reason, r.Weight, r.Gate)
	}
	load = startTraffic(t, p, 300, "/")
	p.begin()
	if r, v := p.rollout("shop"), p.version("shop", "v2"); r.ID == first || r.Phase != "checking" || v.Weight != 0 {
		t.Errorf("after a newer start: %s %s, v2 has %g %%", r.ID, r.Phase, v.Weight)
	}
	if past := p.history(); len(past) != 1 || past[0].Outcome != "superseded" {
		t.Errorf("history: %+v", past)
	}
	p.until("the gate of the newer one", atGate)
	p.reload(strings.NewReplacer("weight: 100, endpoints", "weight: 95, endpoints", "weight: 0, endpoints", "weight: 5, endpoints").Replace(grown))
	r := p.untilPhase("aborted")
	if v := p.version("shop", "v2"); v.Weight != 5 {
		t.Errorf("after the file changed its weights: %s; v2 has %g %%, want the file's 5", r.Reason, v.Weight)
	}
	load.wantNoFailure(t)
}

// auto_start begins a rollout when the candidate becomes another deployment, and only then.
func TestAutoStart(t *testing.T) {
	t.Parallel()
	v1, v2 := startShop(t, "1"), startShop(t, "2")
	text := func(release string) string {
		return strings.Replace(quick(v1, v2, "      auto_start: true\n"), "weight: 0,", "weight: 0, labels: {release: "+release+"},", 1)
	}
	p := boot(t, text("2.0"))
	startTraffic(t, p, 200, "/")
	p.untilPhase("promoted")
	if code := p.order("undo"); code != http.StatusOK {
		t.Fatalf("undo: status %d", code)
	}
	first := p.rollout("shop").ID
	p.reload(text("2.0") + "    timeouts: {response: 7s}\n")
	p.kill()
	p.start()
	if r := p.rollout("shop"); r.ID != first || p.version("shop", "v2").Weight != 0 {
		t.Errorf("the same deployment began again: %s %s", r.ID, r.Phase)
	}
	p.reload(text("2.1"))
	p.until("another rollout", func() bool { return p.rollout("shop").ID != first })
	p.untilPhase("promoted")
}

// A download that began before a switch goes on after it, from the version that it began on.
func TestDownloadOutlivesASwitch(t *testing.T) {
	t.Parallel()
	v1, v2 := startOrigin(t), startOrigin(t)
	p := boot(t, fmt.Sprintf(`services:
  - name: shop
    routes: [{path: /}]
    stable: v1
    versions:
      - {name: v1, weight: 100, endpoints: [%q]}
      - {name: v2, weight: 0, endpoints: [%q]}
    rollout: {strategy: blue_green, canary: v2, analysis: none, standby: 1s}
`, v1.URL, v2.URL))
	resp, err := client(t, 1).Get(p.url("/long"))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewReader(resp.Body)
	piece := func(when string) {
		t.Helper()
		v1.pieces <- struct{}{}
		if line, err := lines.ReadString('\n'); err != nil || line != "piece\n" {
			t.Fatalf("%s: got %q, %v", when, line, err)
		}
	}
	piece("before")
	p.begin()
	p.untilPhase("promoted")
	piece("after the switch")
	p.until("the standby is over", func() bool { return p.rollout("shop").Waiting == "" })
	piece("after the standby")
	close(v1.pieces)
	if rest, err := lines.ReadString('\n'); rest != "" || err == nil || err.Error() != "EOF" {
		t.Errorf("its end: %q, %v", rest, err)
	}
}
