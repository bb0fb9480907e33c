package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"sluice/config"
	"sluice/internal/backend"
)

// stage is a running app with its configuration file.
type stage struct {
	*app
	dir, path string
}

// file is a configuration whose places are under dir.
func (s *stage) file(listener, admin, endpoints string, further ...string) string {
	return fmt.Sprintf(`listeners: [{address: %q}]
admin: {address: %q}
state: {dir: %q}
drain: {delay: 0s, timeout: 1s}
services:
  - name: shop
    routes: [{path: /}]
    versions: [{name: v1, weight: 100, endpoints: [%s]}]
%s
`, listener, admin, filepath.Join(s.dir, "state"), endpoints, strings.Join(further, "\n"))
}

func (s *stage) write(t *testing.T, text string) {
	t.Helper()
	if err := os.WriteFile(s.path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// raise starts an app with the text that file makes.
func raise(t *testing.T, text func(*stage) string) *stage {
	t.Helper()
	s := &stage{dir: t.TempDir()}
	s.path = filepath.Join(s.dir, "sluice.yaml")
	s.write(t, text(s))
	cfg, err := config.Load(s.path)
	if err != nil {
		t.Fatal(err)
	}
	if s.app, err = newApp(cfg, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s
}

func start(t *testing.T) *backend.Server {
	t.Helper()
	b, err := backend.Start(backend.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

// messages are those of the journal's events of a kind, oldest first.
func (s *stage) messages(kind string) (all []string) {
	events, _ := s.controller.Journal().Since(0)
	for _, e := range events {
		if e.Type == kind {
			all = append(all, e.Message)
		}
	}
	return all
}

// until asks again and again until it holds, for ten seconds at most.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("after 10 s: not %s", what)
		}
	}
}

func TestReloadTellsWhatNeedsARestart(t *testing.T) {
	b := start(t)
	plain := func(s *stage) string {
		return s.file("127.0.0.1:0", "127.0.0.1:0", fmt.Sprintf("%q", b.URL()), "access_log: {path: off}")
	}
	s := raise(t, plain)
	for _, c := range []struct{ change, with, want string }{
		{"", "", ""},
		{"path: off", "path: stderr", "access_log"},
		{"path: off", "path: off, sample: 50%", "access_log"},
		{"/state", "/other", "state.dir"},
		{"services:", "log: {level: debug}\nservices:", "log"},
	} {
		text := plain(s)
		if c.change != "" {
			text = strings.Replace(text, c.change, c.with, 1)
		}
		s.write(t, text)
		s.reload(s.path)
		all := s.messages("reload")
		got := all[len(all)-1]
		if want := "; waiting for a restart: " + c.want; c.want != "" && !strings.Contains(got, want) {
			t.Errorf("%s → %s: got %q, want %q in it", c.change, c.with, got, want)
		}
		if c.want == "" && strings.Contains(got, "restart") {
			t.Errorf("without a change: got %q", got)
		}
	}
}

// A table that was built and never stored must leave no trace in the pools: the
// cap on ejections counts the endpoints of the newest.
func TestRefusedReloadLeavesThePoolsInForce(t *testing.T) {
	one, two, other := start(t), start(t), start(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	both := fmt.Sprintf("%q, %q", one.URL(), two.URL())
	s := raise(t, func(s *stage) string { return s.file("127.0.0.1:0", "127.0.0.1:0", both, "access_log: {path: off}") })
	s.write(t, s.file(taken.Addr().String(), "127.0.0.1:0", fmt.Sprintf("%q", other.URL())))
	s.reload(s.path)
	if got := s.messages("reload"); len(got) != 1 || !strings.Contains(got[0], "refused") {
		t.Fatalf("got %q, want one refused reload", got)
	}
	one.Set(backend.Behaviour{FailShare: 1})
	two.Set(backend.Behaviour{FailShare: 1})
	endpoints := s.live.Load().Pools()[0].Endpoints()
	url := "http://" + s.proxy.Addresses()[0].String()
	until(t, "ejected", func() bool {
		resp, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		return endpoints[0].Ejected() || endpoints[1].Ejected()
	})
}

// A reload while the process leaves must not open the listeners again.
func TestNoReloadWhileShuttingDown(t *testing.T) {
	b := start(t)
	s := raise(t, func(s *stage) string { return s.file("127.0.0.1:0", "127.0.0.1:0", fmt.Sprintf("%q", b.URL())) })
	signals, changed := make(chan os.Signal), make(chan struct{})
	ctx, stop := context.WithCancel(t.Context())
	stopped, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- s.handle(ctx, func() { close(stopped) }, s.path, signals, changed) }()
	signals <- syscall.SIGTERM
	<-stopped
	signals <- syscall.SIGHUP
	changed <- struct{}{}
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got := s.messages("reload"); len(got) != 0 {
		t.Errorf("got %q, want no reload after SIGTERM", got)
	}
}

// A file saved just before the successor began to watch it is told of here only, maybe after the upgrade.
func TestChangeSeenAfterAnUpgradeIsTheSuccessors(t *testing.T) {
	ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
	defer stop()
	successor := exec.CommandContext(ctx, "sleep", "60")
	if err := successor.Start(); err != nil {
		t.Fatal(err)
	}
	a := &attendant{app: &app{logger: slog.New(slog.DiscardHandler)}, giveUp: func() {}}
	a.upgraded(outcome{successor: successor.Process})
	a.reload()
	_ = successor.Wait() // its error says what the state does
	if how := successor.ProcessState.Sys().(syscall.WaitStatus); how.Signal() != syscall.SIGHUP {
		t.Errorf("the successor ended by %v, want the signal to reload", how.Signal())
	}
}

// An admin socket that is replaced before it was served must be closed.
func TestAdminSocketReplacedBeforeServed(t *testing.T) {
	var h adminHost
	listen := func() net.Listener {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { ln.Close() })
		return ln
	}
	first, second, third := listen(), listen(), listen()
	h.replace("first", first)
	if ln, _ := h.take(); ln != first {
		t.Fatal("took another listener")
	}
	h.replace("second", second)
	h.replace("third", third)
	if _, err := net.Dial("tcp", second.Addr().String()); err == nil {
		t.Error("the second socket is open and nobody's")
	}
	for _, ln := range []net.Listener{first, third} {
		c, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Errorf("a socket that is served, or will be, is closed: %v", err)
			continue
		}
		c.Close()
	}
}
