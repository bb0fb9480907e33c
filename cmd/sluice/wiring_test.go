package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"sluice/internal/backend"
	"sluice/rollout"
)

// answerer sends one request through the proxy and returns the name of the backend that answered.
func (s *stage) answerer(t *testing.T) string {
	t.Helper()
	resp, err := http.Get("http://" + s.proxy.Addresses()[0].String())
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Fatal(err)
	}
	return resp.Header.Get("X-Backend")
}

// named is a backend that answers with its name.
func named(t *testing.T, name string) string {
	t.Helper()
	b, err := backend.Start(backend.Options{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b.URL()
}

// rollingText is the file of rolling.
func rollingText(t *testing.T, s *stage) string {
	t.Helper()
	text, err := os.ReadFile(s.path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// told is a message as a generic webhook gets it.
type told struct {
	Type  string `json:"type"`
	Links struct{ Approve, Abort string }
}

// A hook that never answers, and a dead target of messages, delay no abort: the next request goes to stable.
func TestAbortIsInForceForTheNextRequest(t *testing.T) {
	called, release := make(chan struct{}, 1), make(chan struct{})
	deaf := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		select {
		case called <- struct{}{}:
		default:
		}
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(deaf.Close)
	t.Cleanup(func() { close(release) })
	v1, v2 := named(t, "one"), named(t, "two")
	s := raise(t, func(s *stage) string {
		return strings.Replace(s.file("127.0.0.1:0", "127.0.0.1:0", fmt.Sprintf("%q", v1), "access_log: {path: off}"),
			"    versions: [{name: v1, weight: 100,", fmt.Sprintf(`    stable: v1
    rollout:
      strategy: canary
      canary: v2
      preflight: off
      stages: [{name: all, weight: 100, duration: 1h}]
      hooks: [{name: deaf, on: during_stage, url: %q, timeout: 10m}]
      notify: [{type: webhook, url: %q, on: [aborted, started]}]
    versions: [{name: v2, weight: 0, endpoints: [%q]}, {name: v1, weight: 100,`, deaf.URL, deaf.URL, v2), 1)
	})
	ln, _ := s.adminHost.current()
	admin := "--admin=" + ln.Addr().String()
	if out, err := call(t, "rollout", "start", "shop", admin); err != nil {
		t.Fatalf("start: %v, %q", err, out)
	}
	until(t, "answered by v2", func() bool { return strings.Contains(s.answerer(t), "two") })
	<-called
	if out, err := call(t, "rollout", "abort", "shop", "--reason", "hangs", admin); err != nil {
		t.Fatalf("abort: %v, %q", err, out)
	}
	for range 20 {
		if got := s.answerer(t); !strings.Contains(got, "one") {
			t.Fatalf("after abort a request was answered by %q", got)
		}
	}
}

// The message about a gate holds links; the one that approves opens the gate.
func TestMessageCarriesLinks(t *testing.T) {
	messages := make(chan told, 16)
	target := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var m told
		if json.NewDecoder(r.Body).Decode(&m) == nil {
			messages <- m
		}
	}))
	t.Cleanup(target.Close)
	s, admin := rolling(t, fmt.Sprintf(`%s, notify: [{type: webhook, url: %q, on: [approval]}]`, manual, target.URL))
	s.write(t, strings.Replace(rollingText(t, s), "admin: {address:", `admin: {public_url: "http://ops.example.com/x/", address:`, 1))
	s.reload(s.path)
	if out, err := call(t, "rollout", "start", "shop", admin); err != nil {
		t.Fatalf("start: %v, %q", err, out)
	}
	m := <-messages
	path, ok := strings.CutPrefix(m.Links.Approve, "http://ops.example.com/x")
	if !ok || m.Links.Abort == "" {
		t.Fatalf("got %+v, want links below public_url", m)
	}
	resp, err := http.Post("http://"+strings.TrimPrefix(admin, "--admin=")+path, "application/x-www-form-urlencoded", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("the link answers %d", resp.StatusCode)
	}
	until(t, "in its stage", func() bool { return s.controller.Rollout("shop").Phase == rollout.PhaseRunning })
}

// An experiment that ends by itself is told of.
func TestExperimentEndsByItself(t *testing.T) {
	s, admin := rolling(t, manual)
	s.write(t, strings.Replace(rollingText(t, s), "duration: 1m, delay", "duration: 1s, delay", 1))
	s.reload(s.path)
	if out, err := call(t, "faults", "shop", "start", "slow", admin); err != nil {
		t.Fatalf("start: %v, %q", err, out)
	}
	until(t, "told", func() bool {
		all := s.messages("fault")
		return len(all) == 2 && strings.Contains(all[1], "experiment slow ended by itself")
	})
	if got := s.live.Injections(); len(got) != 0 {
		t.Errorf("still in force: %+v", got)
	}
}
