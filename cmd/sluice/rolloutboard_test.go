package main

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"sluice/rollout"
)

// sample is a look at a rollout in its second stage, with everything in it.
func sample(now time.Time) look {
	a := &rolloutAnswer{Status: rollout.Status{
		ID: "20261122T100000.000-shop", Service: "shop", Strategy: "canary", Canary: "v2", From: "v1",
		Phase: rollout.PhaseWaiting, Reason: "waits for a person", Waiting: "approval", Gate: "stage:final", Stage: 1,
		Stages: []rollout.StageStatus{
			{Name: "initial", Weight: 5, State: "passed", Duration: 600, Spent: 600, Requests: 900},
			{Name: "expansion", Weight: 25, State: "running", Duration: 1800, Spent: 190, MinRequests: 500, Requests: 321},
			{Name: "final", Weight: 100, State: "pending", Approval: true},
		},
		Weight: 25, By: "api:ci", StartedAt: now.Add(-13 * time.Minute), DeadlineAt: now.Add(time.Hour),
		Hooks: []rollout.HookResult{{Time: now, Name: "load-test", Point: "before_stage", Stage: "expansion", OK: true, Status: 200, Attempts: 2, Took: 12.5}},
	}, Promotion: &promotionAnswer{M: 4.47, Bound: 20, Missing: 1200, Summary: "error_rate < 1% is likely, not shown"}}
	return look{at: now, rollout: a,
		service: &serviceView{Versions: []versionView{
			{Name: "v1", State: "active", Share: 75, RPS: 90, ErrorRate: 0.001}, {Name: "v2", State: "active", Share: 25, RPS: 30, ErrorRate: 0.002},
		}},
		events: []rollout.Event{{ID: 7, Time: now, Type: "stage", Message: "stage expansion: 25 % for v2 " + strings.Repeat("and so on ", 20)}},
	}
}

func TestBoardShowsARollout(t *testing.T) {
	var out bytes.Buffer
	now := time.Now()
	b := &rolloutBoard{screen: screen{w: &out, terminal: true}, now: func() time.Time { return now }}
	for range 40 { // more looks than a sparkline is wide
		out.Reset()
		if err := b.show(sample(now)); err != nil {
			t.Fatal(err)
		}
	}
	frame := out.String()
	for _, want := range []string{
		"WAITING", "● initial 5% ─ ◉ expansion 25% ─ ○ final 100%", "3m10s of 30m", "321 of 500 requests", "M 4.47 of 20", "about 1200 requests to go",
		"waits for approval of stage:final: sluice rollout promote shop (1h left)", "load-test", "before_stage expansion", "████████████", "stage expansion: 25 %",
	} {
		if !strings.Contains(frame, want) {
			t.Errorf("no %q in\n%s", want, frame)
		}
	}
	if !strings.HasPrefix(frame, "\x1b[H") || strings.Contains(frame, "\x1b[2J") {
		t.Error("the frame is not drawn in place")
	}
	plain := strings.NewReplacer("\x1b[H", "", "\x1b[K", "", "\x1b[0m", "", "\x1b[J", "").Replace(frame)
	lines := strings.Split(strings.TrimSuffix(plain, "\n"), "\n")
	if len(lines) > 24 {
		t.Errorf("%d lines on a terminal of 24", len(lines))
	}
	for _, line := range lines {
		if n := utf8.RuneCountInString(line); n > 80 || strings.Contains(line, "\x1b") {
			t.Errorf("line of %d characters: %q", n, line)
		}
	}
}

func TestLongPathFits(t *testing.T) {
	var stages []rollout.StageStatus
	for i := range 20 {
		stages = append(stages, rollout.StageStatus{Name: fmt.Sprintf("stage-%d", i+1), Weight: float64(5 * (i + 1)), State: "pending"})
	}
	s := screen{w: &bytes.Buffer{}, terminal: true}
	for at := -1; at <= 20; at++ {
		a := &rolloutAnswer{Status: rollout.Status{Stage: at, Stages: stages, Phase: rollout.PhaseRunning}}
		path := stagePath(s, a)
		if n := utf8.RuneCountInString(path); n > 78 || n < 45 {
			t.Errorf("at %d: %d characters: %s", at, n, path)
		}
		if at >= 0 && at < 20 && !strings.Contains(path, fmt.Sprintf("◉ stage-%d ", at+1)) {
			t.Errorf("at %d: the stage is not on %s", at, path)
		}
	}
	if path := stagePath(screen{w: &bytes.Buffer{}}, &rolloutAnswer{Status: rollout.Status{Stage: -1, Stages: stages}}); strings.Count(path, "○") != 20 {
		t.Errorf("a pipe gets %s", path)
	}
	if got := stagePath(s, &rolloutAnswer{}); got != "" {
		t.Errorf("without stages: %q", got)
	}
}

func TestBoardWithoutColours(t *testing.T) {
	text := renderRollout(screen{w: &bytes.Buffer{}}, sample(time.Now()).rollout)
	if strings.Contains(text, "\x1b") {
		t.Errorf("colours in a pipe: %q", text)
	}
	for _, want := range []string{"HOOKS", "✓ ", "needs approval", "321 of 500"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

func TestSpark(t *testing.T) {
	for _, tc := range []struct {
		in    []float64
		width int
		least float64
		want  string
	}{
		{nil, 3, 0, "   "},
		{[]float64{0, 0}, 3, 0, "   "},
		{[]float64{1, 2, 4, 8}, 4, 0, "▁▂▄█"},
		{[]float64{9, 1, 1}, 2, 0, "██"},
		{[]float64{0.001}, 1, 0.01, "▁"},
	} {
		if got := spark(tc.in, tc.width, tc.least); got != tc.want {
			t.Errorf("spark(%v, %d, %v) = %q, want %q", tc.in, tc.width, tc.least, got, tc.want)
		}
	}
}

func TestLogShare(t *testing.T) {
	for _, tc := range []struct{ m, bound, want float64 }{
		{0, 20, 0}, {1, 20, 0}, {math.Sqrt(20), 20, 0.5}, {20, 20, 1}, {1e9, 20, 1}, {math.NaN(), 20, 0}, {5, 1, 0},
	} {
		if got := logShare(tc.m, tc.bound); math.Abs(got-tc.want) > 1e-9 {
			t.Errorf("logShare(%v, %v) = %v, want %v", tc.m, tc.bound, got, tc.want)
		}
	}
}

// What other servers say must not move the cursor.
func TestTextsAreHarmless(t *testing.T) {
	a, err := readRollout([]byte(`{"id":"x","phase":"running","reason":"a\u001b[2Jb","hooks":[{"message":"\u0007\u009bx\r\n"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if a.Reason != "a [2Jb" || strings.ContainsAny(a.Hooks[0].Message, "\x07\u009b\r\n") {
		t.Errorf("got %q and %q", a.Reason, a.Hooks[0].Message)
	}
}

func TestLinesTellWhatChanged(t *testing.T) {
	var out strings.Builder
	v := &lineView{screen: screen{w: &out}, every: time.Hour}
	l := sample(time.Now())
	for range 3 {
		if err := v.show(l); err != nil {
			t.Fatal(err)
		}
		l.events = nil
	}
	l.err = errSilent
	for range 3 {
		if err := v.show(l); err != nil {
			t.Fatal(err)
		}
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 3 || !strings.Contains(lines[1], "stage 2/3 expansion at 25%, waiting for approval") || !strings.Contains(lines[1], "v2 30.0/s") || !strings.Contains(lines[2], "trying again") {
		t.Errorf("got %q, want the event, the state and the outage, each once", lines)
	}
}
