package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"
)

// call runs one command line and returns what it printed.
func call(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(&out)
	root.SetErr(&out)
	err := root.ExecuteContext(t.Context())
	return out.String(), err
}

func TestWrongUsage(t *testing.T) {
	for _, line := range []string{
		"bogus", "run extra", "completion nope", "status a b", "status --output yaml", "status --bogus",
		"weights", "weights shop v1", "weights shop v1=NaN v2=10", "weights shop v1=101", "weights shop v1=-1 v2=101",
		"weights shop v1=1 v1=99", "weights shop --state v2=tripped", "weights shop --dry-run",
		"weights shop v1=90 v2=10 --state v2=drain --dry-run",
		"rollout explode", "rollout start", "rollout start a b", "rollout status", "rollout promote a b", "rollout pause a --full",
		"rollout status shop --timeout 1m", "rollout status shop --wait --timeout -1m", "rollout status shop --output yaml",
		"rollout history", "rollout history shop --limit 0", "rollout kpis a b", "rollout watch",
		"faults", "faults shop start", "faults shop begin x", "faults shop stop a b", "faults shop --delay 1s", "faults shop stop --version v2",
		"demo --rate 1", "demo --duration 1s", "demo --fault none", "status --admin=",
	} {
		if out, err := call(t, strings.Fields(line)...); !errors.Is(err, errUsage) {
			t.Errorf("sluice %s: got %v and %q, want wrong usage", line, err, out)
		}
	}
}

// two is an app with two versions, and the flags that lead to its admin API.
func two(t *testing.T) (s *stage, admin string) {
	b := start(t)
	s = raise(t, func(s *stage) string {
		text := s.file("127.0.0.1:0", "127.0.0.1:0", fmt.Sprintf("%q", b.URL()), "access_log: {path: off}")
		return strings.Replace(text, "    versions: [{name: v1, weight: 100,", fmt.Sprintf(
			"    stable: v1\n    versions: [{name: v2, weight: 10, endpoints: [%q]}, {name: v1, weight: 90,", b.URL()), 1)
	})
	ln, _ := s.adminHost.current()
	return s, "--admin=" + ln.Addr().String()
}

func TestWeightsCommand(t *testing.T) {
	s, admin := two(t)
	out, err := call(t, "weights", "shop", "v1=80", "v2=20", "--dry-run", admin)
	if err != nil || !strings.Contains(out, "dry run") {
		t.Errorf("dry run: got %v and %q", err, out)
	}
	if w, _ := s.live.Weights("shop"); w.BP["v2"] != 1000 {
		t.Errorf("a dry run set v2 to %d", w.BP["v2"])
	}
	tag := s.controller.ETag("shop")
	if out, err = call(t, "weights", "shop", "v1=100", "v2=0", "--state", "v2=drain", "--if-match", tag, admin); err != nil {
		t.Errorf("two changes based on one tag: %v, %q", err, out)
	}
	if w, _ := s.live.Weights("shop"); w.BP["v2"] != 0 || w.States["v2"].String() != "drain" {
		t.Errorf("got %v %v", w.BP, w.States)
	}
	var refused *apiError
	if _, err = call(t, "weights", "shop", "v1=50", "v2=50", "--if-match", tag, admin); !errors.As(err, &refused) || refused.Status != http.StatusPreconditionFailed {
		t.Errorf("a stale tag: got %v, want 412", err)
	}
	for _, command := range []string{"status", "weights shop", "version", "events"} {
		args := append(strings.Fields(command), "--output=json")
		if command != "version" {
			args = append(args, admin)
		}
		out, err := call(t, args...)
		for line := range strings.Lines(out) {
			if !json.Valid([]byte(line)) {
				t.Errorf("%s: %v, %q is no JSON", command, err, line)
			}
		}
	}
}

// frames is a writer that counts what is written at once.
type frames struct{ written chan string }

func (f frames) Write(p []byte) (int, error) {
	f.written <- string(p)
	return len(p), nil
}

func TestWatchOutlivesARestart(t *testing.T) {
	var down atomic.Bool
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if down.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		fmt.Fprint(w, `{"services":[{"name":"shop","stable":"v1","versions":[{"name":"v1","state":"active"}]}]}`)
	}))
	defer api.Close()
	flags := adminFlags{admin: api.URL, timeout: 5 * time.Second}
	client, err := flags.client()
	if err != nil {
		t.Fatal(err)
	}
	shown := frames{make(chan string)}
	view := statusView{client: client, screen: screen{w: shown, terminal: true}}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- view.watch(ctx, time.Millisecond) }()
	expect := func(want string) {
		t.Helper()
		for range 3 { // one frame may have been on its way
			if frame := <-shown.written; strings.Contains(frame, want) {
				if strings.Contains(frame, "\x1b[2J") || !strings.HasPrefix(frame, "\x1b[H") {
					t.Errorf("frame %q clears the screen before it is drawn", frame)
				}
				return
			}
		}
		t.Errorf("no frame shows %q", want)
	}
	expect("v1")
	down.Store(true)
	expect("503")
	down.Store(false)
	expect("v1")
	stop()
	for {
		select {
		case <-shown.written:
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
			return
		}
	}
}

func TestTableFitsTheTerminal(t *testing.T) {
	for _, width := range []int{80, 100, 120, 200} {
		if got := widthOf(fitting(statusColumns(), width)); got > width {
			t.Errorf("at %d characters the table takes %d", width, got)
		}
	}
	if got := len(fitting(statusColumns(), 0)); got != len(statusColumns()) {
		t.Errorf("a pipe gets %d columns, want all", got)
	}
}

func TestFrameFitsTheTerminal(t *testing.T) {
	s := screen{w: &bytes.Buffer{}, terminal: true}
	frame := s.inPlace(strings.Repeat(strings.Repeat("ä", 200)+"\n", 100))
	lines := strings.Split(strings.TrimPrefix(frame, "\x1b[H"), "\n")
	if len(lines) > 24 {
		t.Errorf("got %d lines, want at most 24", len(lines))
	}
	for _, line := range lines {
		plain := strings.NewReplacer("\x1b[K", "", "\x1b[0m", "", "\x1b[J", "").Replace(line)
		if n := utf8.RuneCountInString(plain); n > 80 {
			t.Errorf("line of %d characters", n)
		}
	}
}

func TestWrap(t *testing.T) {
	for _, tc := range []struct {
		in, indent string
		width      int
		want       []string
	}{
		{"", "", 10, []string{""}},
		{"one two three", "", 20, []string{"one two three"}},
		{"one two three", "", 7, []string{"one two", "three"}},
		{"one two three", "  ", 7, []string{"one two", "  three"}},
		{"unbreakable word", "", 4, []string{"unbreakable", "word"}},
	} {
		if got := wrap(tc.in, tc.width, tc.indent); strings.Join(got, "|") != strings.Join(tc.want, "|") {
			t.Errorf("wrap(%q, %d) = %q, want %q", tc.in, tc.width, got, tc.want)
		}
	}
}
