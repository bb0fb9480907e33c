package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// quick is a rollout that a test can wait for: time alone passes its stages.
func quick(v1, v2 *shop, more string) string {
	return fmt.Sprintf(`services:
  - name: shop
    routes: [{path: /}]
    stable: v1
    versions:
      - {name: v1, weight: 100, endpoints: [%q]}
      - {name: v2, weight: 0, endpoints: [%q]}
    rollout:
      strategy: canary
      canary: v2
      analysis: none
      stages: [{name: half, weight: 50, duration: 1s}, {name: all, weight: 100, duration: 1s}]
%s`, v1.URL, v2.URL, more)
}

// A pipeline starts a rollout, waits for its end and goes by the exit code.
func TestPipeline(t *testing.T) {
	t.Parallel()
	v1, v2 := startShop(t, "1"), startShop(t, "2")
	gate := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if body, _ := io.ReadAll(r.Body); strings.Contains(string(body), `"release":"bad"`) {
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	t.Cleanup(gate.Close)
	hooked := fmt.Sprintf("      hooks: [{name: gate, on: after_stage, stages: [half], url: %q}]\n", gate.URL)
	text := func(release string) string {
		return strings.Replace(quick(v1, v2, hooked), "weight: 0,", "weight: 0, labels: {release: "+release+"},", 1)
	}
	p := boot(t, text("bad"))
	startTraffic(t, p, 100, "/")
	call := func(code int, want string, args ...string) {
		t.Helper()
		if out, got := p.run(args...); got != code || !strings.Contains(out, want) {
			t.Errorf("sluice %s: exit %d, want %d and %q:\n%s", strings.Join(args, " "), got, code, want, out)
		}
	}
	call(1, "had no rollout yet", "rollout", "status", "shop", "--wait")
	call(1, "", "rollout", "start", "nobody")
	call(2, "", "rollout", "status", "shop", "--timeout", "1s")
	call(1, "", "rollout", "promote", "shop")
	call(0, "v2", "rollout", "start", "shop", "--reason", "release 2")
	call(1, "gate", "rollout", "status", "shop", "--wait", "--timeout", "15s")
	if n := p.version("shop", "v2").Weight; n != 0 {
		t.Errorf("v2 has %g %% after its hook failed", n)
	}
	p.write(text("good"))
	p.signal(syscall.SIGHUP)
	p.until("the file is read", func() bool { return strings.Contains(p.logs(), "reloaded") })
	call(0, "", "rollout", "retry", "shop")
	call(1, "not ended within", "rollout", "status", "shop", "--wait", "--timeout", "100ms")
	call(0, "promoted", "rollout", "status", "shop", "--wait", "--timeout", "18s")
	out, code := p.run("rollout", "status", "shop", "--output", "json")
	var r runRollout
	if err := json.Unmarshal([]byte(out), &r); err != nil || code != 0 || r.Phase != "promoted" || len(r.Stages) != 2 {
		t.Errorf("status in JSON: exit %d, %v: %s", code, err, out)
	}
	call(0, "", "rollout", "undo", "shop")
	call(0, "change", "rollout", "kpis")
}

// The board of a terminal, as a person sees it.
func TestWatchAtATerminal(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("tmux"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("tmux is missing")
		}
		t.Skip("tmux is missing: install the package tmux")
	}
	v1, v2 := startShop(t, "1"), startShop(t, "2")
	p := boot(t, quick(v1, v2, ""))
	startTraffic(t, p, 100, "/")
	p.begin()
	socket := filepath.Join(t.TempDir(), "tmux")
	tmux := func(args ...string) string {
		t.Helper()
		cmd := exec.Command("tmux", append([]string{"-S", socket, "-f", os.DevNull}, args...)...)
		cmd.Env = append(os.Environ(), "TERM=xterm-256color")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("tmux %s: %v: %s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	tmux("new-session", "-d", "-x", "110", "-y", "40", fmt.Sprintf("%s rollout watch shop --admin http://%s; echo the exit code was $?; exec cat", sluiceBinary(t), p.admin))
	t.Cleanup(func() { tmux("kill-server") })
	screen := ""
	p.until("the board", func() bool {
		screen = tmux("capture-pane", "-p")
		return strings.Contains(screen, "shop") && strings.Contains(screen, "half") && strings.Contains(screen, "all")
	})
	t.Cleanup(func() { t.Log(screen) })
	p.until("its end", func() bool {
		screen = tmux("capture-pane", "-p")
		return strings.Contains(screen, "the exit code was 0") && strings.Contains(screen, "v2 is stable now")
	})
}

// told is what a generic notification says of a gate.
type told struct {
	Type, Message string
	Links         struct{ Approve, Abort string }
}

// A chat message carries links that approve and abort. Fetching them changes nothing, a POST
// acts, and only once.
func TestLinksOfAChatMessage(t *testing.T) {
	t.Parallel()
	messages := make(chan told, 64)
	chat := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var m told
		if err := json.NewDecoder(r.Body).Decode(&m); err == nil && m.Links.Approve != "" {
			messages <- m
		}
	}))
	t.Cleanup(chat.Close)
	v1, v2 := startShop(t, "1"), startShop(t, "2")
	p := &process{t: t, dir: t.TempDir(), listen: freeAddress(t), admin: freeAddress(t)}
	text := quick(v1, v2, fmt.Sprintf("      approval: manual\n      notify: [{type: webhook, url: %q, on: [approval]}]\n", chat.URL))
	p.launch(strings.Replace(p.prelude(), fmt.Sprintf("admin: {address: %q}", p.admin), fmt.Sprintf("admin: {address: %q, public_url: \"http://%s\"}", p.admin, p.admin), 1) +
		strings.Replace(text, "{name: all,", "{name: all, approval: manual,", 1))
	startTraffic(t, p, 100, "/")
	p.begin()
	first := awaitMessage(t, messages)
	for range 3 { // as a chat program does that shows what is behind a link
		if code, body := visit(t, "GET", first.Links.Approve); code != http.StatusOK || !strings.Contains(body, "<form method=\"post\"") {
			t.Errorf("GET: status %d: %s", code, body)
		}
		visit(t, "HEAD", first.Links.Abort)
	}
	if r := p.rollout("shop"); r.Gate != "stage:all" {
		t.Fatalf("after GETs alone: gate %q, %s: %s", r.Gate, r.Phase, r.Reason)
	}
	if code, body := visit(t, "POST", first.Links.Approve); code != http.StatusOK {
		t.Errorf("POST: status %d: %s", code, body)
	}
	for _, link := range []string{first.Links.Approve, first.Links.Abort} {
		if code, _ := visit(t, "POST", link); code != http.StatusGone {
			t.Errorf("POST of a used link: status %d", code)
		}
	}
	second := awaitMessage(t, messages)
	forged := second.Links.Abort[:len(second.Links.Abort)-4] + "AAAA"
	if code, _ := visit(t, "POST", forged); code != http.StatusNotFound {
		t.Errorf("POST of a forged link: status %d", code)
	}
	if r := p.rollout("shop"); r.Gate != "promotion" || r.Weight != 100 {
		t.Errorf("before the promotion: gate %q, weight %g", r.Gate, r.Weight)
	}
	if code, body := visit(t, "POST", second.Links.Abort); code != http.StatusOK {
		t.Errorf("POST of abort: status %d: %s", code, body)
	}
	p.untilPhase("aborted")
	if n := p.version("shop", "v2").Weight; n != 0 {
		t.Errorf("v2 has %g %% after the abort", n)
	}
}

func awaitMessage(t testing.TB, from <-chan told) told {
	t.Helper()
	select {
	case m := <-from:
		return m
	case <-time.After(patience):
		t.Fatal("no message with links after 20s")
		return told{}
	}
}

func visit(t testing.TB, method, url string) (int, string) {
	t.Helper()
	req, err := http.NewRequest(method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, body, err := fetch(http.DefaultClient, req)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}
