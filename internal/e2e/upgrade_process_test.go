package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// lineage is a sluice and those that took over from it. Its binary is a file of its
// own, which a test may replace as an installation does.
type lineage struct {
	t             *testing.T
	dir, bin      string
	config        string
	pidFile, log  string
	listen, admin string
	first         *exec.Cmd
	env           []string
}

// adopt makes this process the parent of processes whose own has ended, so that their
// exit codes can be read (prctl(2), PR_SET_CHILD_SUBREAPER).
func adopt(t *testing.T) {
	t.Helper()
	const setChildSubreaper = 36
	if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, setChildSubreaper, 1, 0); errno != 0 {
		t.Fatal(errno)
	}
}

// found prepares a lineage; services is the tail of its configuration.
func found(t *testing.T, drain, services string) *lineage {
	t.Helper()
	adopt(t)
	dir := t.TempDir()
	l := &lineage{t: t, dir: dir, bin: filepath.Join(dir, "sluice"), config: filepath.Join(dir, "sluice.yaml"),
		pidFile: filepath.Join(dir, "pid"), log: filepath.Join(dir, "log"), listen: freeAddress(t), admin: freeAddress(t)}
	l.install(sluiceBinary(t))
	l.configure(drain, services)
	return l
}

// in is the same lineage for a subtest.
func (l *lineage) in(t *testing.T) *lineage {
	sub := *l
	sub.t = t
	return &sub
}

func (l *lineage) configure(drain, services string) {
	l.t.Helper()
	text := fmt.Sprintf("listeners:\n  - address: %q\nadmin: {address: %q}\nstate: {dir: %q}\naccess_log: {path: off}\ndrain: {delay: 0s, timeout: %s}\n%s",
		l.listen, l.admin, filepath.Join(l.dir, "state"), drain, services)
	l.replace(l.config, []byte(text), 0o600)
}

// install puts a binary where the running one was started from, as package managers do: a new file, renamed.
func (l *lineage) install(from string) {
	l.t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		l.t.Fatal(err)
	}
	l.replace(l.bin, data, 0o755)
}

func (l *lineage) replace(path string, data []byte, mode os.FileMode) {
	l.t.Helper()
	if err := os.WriteFile(path+".new", data, mode); err != nil {
		l.t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		l.t.Fatal(err)
	}
}

// start runs the first one, with further files from descriptor 3 on.
func (l *lineage) start(files ...*os.File) {
	l.t.Helper()
	log, err := os.OpenFile(l.log, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		l.t.Fatal(err)
	}
	defer log.Close()
	// What names the process is known in the process alone.
	l.first = exec.Command("/bin/sh", "-c", `LISTEN_PID=$$ WATCHDOG_PID=$$ exec "$0" "$@"`, l.bin, "run", "--config", l.config, "--pid-file", l.pidFile)
	l.first.Dir, l.first.Stdout, l.first.Stderr, l.first.ExtraFiles = l.dir, log, log, files
	l.first.Env = append(os.Environ(), l.env...)
	if err := l.first.Start(); err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() {
		if pid := l.pid(); pid > 0 {
			_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended
		}
		_ = l.first.Process.Kill()
		if l.t.Failed() {
			l.t.Logf("the log of all:\n%s", tail(l.logs(), 8000))
		}
	})
	l.until("serving", func() bool { return l.pid() == l.first.Process.Pid })
}

// pid is the number of the process that serves, 0 before there is one.
func (l *lineage) pid() int {
	text, _ := os.ReadFile(l.pidFile)
	pid, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	return pid
}

func (l *lineage) logs() string {
	text, _ := os.ReadFile(l.log)
	return string(text)
}

func (l *lineage) until(what string, holds func() bool) {
	l.t.Helper()
	deadline := time.After(patience)
	poll := time.NewTicker(2 * time.Millisecond)
	defer poll.Stop()
	for !holds() {
		select {
		case <-poll.C:
		case <-deadline:
			l.t.Fatalf("after %v: not %s", patience, what)
		}
	}
}

func (l *lineage) signal(s syscall.Signal) {
	l.t.Helper()
	if err := syscall.Kill(l.pid(), s); err != nil {
		l.t.Fatal(err)
	}
}

// upgrade asks for a successor and waits until it serves.
func (l *lineage) upgrade() (before, after int) {
	l.t.Helper()
	before = l.pid()
	l.signal(syscall.SIGUSR2)
	l.until("upgraded", func() bool { after = l.pid(); return after != before && after != 0 })
	return before, after
}

// failedUpgrades counts attempts after which the old process went on.
func (l *lineage) failedUpgrades() int {
	return strings.Count(l.logs(), "upgrade failed, this process goes on")
}

// end ends the one that serves, and expects exit code 0 of it and of all before it.
func (l *lineage) end(pids ...int) {
	l.t.Helper()
	l.signal(syscall.SIGTERM)
	l.exited(pids...)
}

// exited waits for processes in the order of their descent: each is adopted when the one before has ended.
func (l *lineage) exited(pids ...int) {
	l.t.Helper()
	for _, pid := range pids {
		done := make(chan string, 1)
		go func() {
			if pid == l.first.Process.Pid {
				_ = l.first.Wait() // its state says the same
				done <- l.first.ProcessState.String()
				return
			}
			p, err := os.FindProcess(pid)
			if err != nil {
				done <- err.Error()
				return
			}
			state, err := p.Wait()
			if err != nil {
				done <- err.Error()
				return
			}
			done <- state.String()
		}()
		select {
		case got := <-done:
			if got != "exit status 0" {
				l.t.Errorf("process %d: got %s, want exit status 0", pid, got)
			}
		case <-time.After(patience):
			l.t.Fatalf("process %d has not ended", pid)
		}
	}
}

// api calls the admin API.
func (l *lineage) api(method, path string, body, out any) int {
	l.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		l.t.Fatal(err)
	}
	req, err := http.NewRequest(method, "http://"+l.admin+path, bytes.NewReader(text))
	if err != nil {
		l.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		l.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		l.t.Fatal(err)
	}
	if out != nil {
		if err := json.Unmarshal(data, out); err != nil {
			l.t.Fatalf("%s: %v", data, err)
		}
	}
	return resp.StatusCode
}

// weigh gives v2 so many percent.
func (l *lineage) weigh(percent int) {
	l.t.Helper()
	body := map[string]any{"weights": map[string]int{"v1": 100 - percent, "v2": percent}}
	if got := l.api("PUT", "/api/v1/services/shop/weights", body, nil); got != http.StatusOK {
		l.t.Fatalf("PUT weights: got %d", got)
	}
}

func (l *lineage) weighs(percent float64) {
	l.t.Helper()
	var s struct{ Versions []version }
	if got := l.api("GET", "/api/v1/services/shop", nil, &s); got != http.StatusOK || len(s.Versions) != 2 {
		l.t.Fatalf("GET shop: got %d %+v", got, s)
	}
	if s.Versions[1].Weight != percent {
		l.t.Errorf("v2 has %v %%, want %v", s.Versions[1].Weight, percent)
	}
}
