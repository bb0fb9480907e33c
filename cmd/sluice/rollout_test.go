package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"sluice/internal/backend"
	"sluice/rollout"
)

// rolling is an app whose shop has a rollout with these settings, and the flag that leads to its admin API.
func rolling(t *testing.T, settings string) (s *stage, admin string) {
	t.Helper()
	b := start(t)
	s = raise(t, func(s *stage) string { return rollingFile(s, b, settings) })
	ln, _ := s.adminHost.current()
	return s, "--admin=" + ln.Addr().String()
}

func rollingFile(s *stage, b *backend.Server, settings string) string {
	text := s.file("127.0.0.1:0", "127.0.0.1:0", fmt.Sprintf("%q", b.URL()), "access_log: {path: off}")
	return strings.Replace(text, "    versions: [{name: v1, weight: 100,", fmt.Sprintf(`    stable: v1
    rollout: {strategy: canary, canary: v2, preflight: off, %s}
    faults: [{name: slow, version: v2, percent: 50, duration: 1m, delay: 1ms, traffic: all}]
    versions: [{name: v2, weight: 0, endpoints: [%q]}, {name: v1, weight: 100,`, settings, b.URL()), 1)
}

const (
	quick  = `analysis: none, stages: [{name: half, weight: 50, duration: 0s}, {name: whole, weight: 100, duration: 0s}]`
	manual = `stages: [{name: initial, weight: 5, duration: 1h, approval: manual}]`
)

func (s *stage) atGate(t *testing.T) {
	t.Helper()
	until(t, "at the gate", func() bool { return s.controller.Rollout("shop").Gate != "" })
}

func TestRolloutWaitForPromotion(t *testing.T) {
	s, admin := rolling(t, quick)
	if out, err := call(t, "rollout", "status", "shop", admin); err != nil || !strings.Contains(out, "no rollout yet") {
		t.Errorf("before the first: %v, %q", err, out)
	}
	if _, err := call(t, "rollout", "status", "shop", "--wait", admin); err == nil || errors.Is(err, errUsage) {
		t.Errorf("waiting for none: got %v, want a failure", err)
	}
	out, err := call(t, "rollout", "start", "shop", "--reason", "release 2", admin)
	if err != nil || !strings.Contains(out, "v1 → v2") {
		t.Fatalf("start: %v, %q", err, out)
	}
	out, err = call(t, "rollout", "status", "shop", "--wait", "--timeout", "30s", admin)
	if err != nil || !strings.Contains(out, "promoted") || strings.Contains(out, "\x1b") {
		t.Errorf("wait: %v, %q", err, out)
	}
	if w, _ := s.live.Weights("shop"); w.Stable != "v2" {
		t.Errorf("stable is %s", w.Stable)
	}
	out, err = call(t, "rollout", "watch", "shop", admin)
	if err != nil || !strings.Contains(out, "promoted") || strings.Contains(out, "\x1b") {
		t.Errorf("watch in a pipe: %v, %q", err, out)
	}
	out, err = call(t, "rollout", "watch", "shop", "--output", "json", admin)
	if err != nil || strings.Count(out, "\n") != 1 || !json.Valid([]byte(out)) {
		t.Errorf("watch as JSON: %v, %q", err, out)
	}
	if code := execute(t.Context(), []string{"rollout", "status", "shop", "--wait", "--output", "json", admin}); code != exitOK {
		t.Errorf("exit code %d for a promotion, want %d", code, exitOK)
	}
	if out, err = call(t, "rollout", "undo", "shop", admin); err != nil {
		t.Errorf("undo: %v, %q", err, out)
	}
	if code := execute(t.Context(), []string{"rollout", "status", "shop", "--wait", "--output", "json", admin}); code != exitFailed {
		t.Errorf("exit code %d after an undo, want %d", code, exitFailed)
	}
	if w, _ := s.live.Weights("shop"); w.Stable != "v1" {
		t.Errorf("after undo stable is %s", w.Stable)
	}
	if out, err = call(t, "rollout", "history", "shop", admin); err != nil || !strings.Contains(out, "undone") || !strings.Contains(out, "v1 → v2") {
		t.Errorf("history: %v, %q", err, out)
	}
	if out, err = call(t, "rollout", "kpis", admin); err != nil || !strings.Contains(out, "change-failure rate") || !strings.Contains(out, "100.0%") {
		t.Errorf("kpis: %v, %q", err, out)
	}
}

func TestRolloutVerbsAndExitCodes(t *testing.T) {
	s, admin := rolling(t, manual)
	if out, err := call(t, "rollout", "start", "shop", "--dry-run", admin); err != nil || !strings.Contains(out, "dry run") || s.controller.Rollout("shop").ID != "" {
		t.Errorf("dry run: %v, %q", err, out)
	}
	if out, err := call(t, "rollout", "start", "shop", "--version", "v2", "--output", "json", admin); err != nil || !json.Valid([]byte(out)) {
		t.Fatalf("start: %v, %q", err, out)
	}
	s.atGate(t)
	out, err := call(t, "rollout", "status", "shop", admin)
	if err != nil || !strings.Contains(out, "waits for approval of stage:initial: sluice rollout promote shop") {
		t.Errorf("at the gate: %v, %q", err, out)
	}
	if out, err := call(t, "status", "shop", admin); err != nil || !strings.Contains(out, "rollout of v2: waiting, stage 1/1 initial, waits for approval of stage:initial") {
		t.Errorf("among the services: %v, %q", err, out)
	}
	out, err = call(t, "rollout", "status", "shop", "--wait", "--timeout", "300ms", admin)
	if err == nil || !strings.Contains(err.Error(), "not ended within 300ms") || !strings.Contains(out, "waiting") {
		t.Errorf("a wait that takes too long: %v, %q", err, out)
	}
	var refused *apiError
	if _, err := call(t, "rollout", "resume", "shop", admin); !errors.As(err, &refused) || refused.Status != 409 {
		t.Errorf("resume of what is not paused: %v, want 409", err)
	}
	if _, err := call(t, "rollout", "promote", "shop", "--gate", "promotion", admin); !errors.As(err, &refused) || refused.Status != 409 {
		t.Errorf("promote meant for another gate: %v, want 409", err)
	}
	for _, verb := range []string{"promote", "pause", "resume", "abort"} {
		if out, err := call(t, "rollout", verb, "shop", "--reason", "test", admin); err != nil {
			t.Errorf("%s: %v, %q", verb, err, out)
		}
		if verb == "promote" {
			until(t, "in the stage", func() bool { return s.controller.Rollout("shop").Phase == rollout.PhaseRunning })
		}
	}
	out, err = call(t, "rollout", "status", "shop", "--wait", "--output", "json", admin)
	if err == nil || !strings.Contains(err.Error(), "aborted") || !strings.Contains(out, `"phase":"aborted"`) {
		t.Errorf("wait for what was aborted: %v, %q", err, out)
	}
	if out, err := call(t, "rollout", "retry", "shop", admin); err != nil {
		t.Errorf("retry: %v, %q", err, out)
	}
	s.atGate(t)
	if out, err := call(t, "rollout", "promote", "shop", "--full", admin); err != nil {
		t.Errorf("promote --full: %v, %q", err, out)
	}
	until(t, "promoted", func() bool { return s.controller.Rollout("shop").Phase == rollout.PhasePromoted })
}

// A pipeline that waits for a rollout fails when a newer one takes its place.
func TestRolloutWaitEndsWhenSuperseded(t *testing.T) {
	s, admin := rolling(t, manual)
	start := func() {
		t.Helper()
		if _, err := s.controller.StartRollout(rollout.Command{Service: "shop", By: "test"}, ""); err != nil {
			t.Fatal(err)
		}
		s.atGate(t)
	}
	start()
	flags := adminFlags{admin: strings.TrimPrefix(admin, "--admin="), timeout: 5 * time.Second}
	client, err := flags.client()
	if err != nil {
		t.Fatal(err)
	}
	f := follower{client: client, service: "shop", view: &lineView{screen: screen{w: &strings.Builder{}}}, interval: time.Millisecond}
	if done, err := f.step(t.Context()); done || err != nil {
		t.Fatalf("first look: %v, %v", done, err)
	}
	start()
	if done, err := f.step(t.Context()); !done || err == nil || !strings.Contains(err.Error(), "superseded") {
		t.Errorf("after a newer start: %v, %v", done, err)
	}
}

func TestFaultsCommand(t *testing.T) {
	s, admin := rolling(t, manual)
	if out, err := call(t, "faults", "shop", admin); err != nil || !strings.Contains(out, "declared slow") {
		t.Errorf("list: %v, %q", err, out)
	}
	if out, err := call(t, "faults", "shop", "start", "slow", "--dry-run", admin); err != nil || len(s.live.Injections()) != 0 || !strings.Contains(out, "dry run") {
		t.Errorf("dry run: %v, %q", err, out)
	}
	if out, err := call(t, "faults", "shop", "start", "slow", "--reason", "game day", admin); err != nil || !strings.Contains(out, "running  slow") || !strings.Contains(out, "delay 1ms on 50%") {
		t.Errorf("start: %v, %q", err, out)
	}
	var refused *apiError
	if _, err := call(t, "faults", "shop", "start", "slow", admin); !errors.As(err, &refused) || refused.Status != 409 {
		t.Errorf("a second start: %v, want 409", err)
	}
	if out, err := call(t, "faults", "shop", "start", "own", "--version", "v1", "--percent", "12.5", "--duration", "90s", "--delay", "5ms", "--reset", "--traffic", "all", admin); err != nil || !strings.Contains(out, "delay 5ms, reset on 12.5% of all traffic") {
		t.Errorf("one of our own: %v, %q", err, out)
	}
	if out, err := call(t, "faults", "shop", "start", "lame", "--version", "v2", admin); !errors.As(err, &refused) || refused.Status != 422 {
		t.Errorf("one that lacks everything: %v, %q", err, out)
	}
	if out, err := call(t, "faults", "shop", "stop", "--output", "json", admin); err != nil || len(s.live.Injections()) != 0 || !json.Valid([]byte(out)) {
		t.Errorf("stop: %v, %q", err, out)
	}
}

func TestServiceNamesAreCompleted(t *testing.T) {
	_, admin := rolling(t, manual)
	for _, command := range []string{"rollout status", "rollout abort", "faults", "weights", "status"} {
		out, err := call(t, append(append([]string{"__complete"}, strings.Fields(command)...), admin, "")...)
		if err != nil || !strings.HasPrefix(out, "shop\n") {
			t.Errorf("%s: %v, %q", command, err, out)
		}
	}
}
