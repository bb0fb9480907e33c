package conformance

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

// built is the sluice under test: $SLUICE_BIN, or one built for this run.
var built = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("SLUICE_BIN"); path != "" {
		return path, nil
	}
	path := filepath.Join(os.TempDir(), fmt.Sprintf("sluice-conformance-%d", os.Getpid()))
	cmd := exec.Command("go", "build", "-o", path, "./cmd/sluice")
	cmd.Dir = filepath.Join("..", "..")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w: %s", err, out)
	}
	return path, nil
})

// freeAddress returns a loopback address for one server. Its host is this process's own,
// as internal/trial has it: a port of 127.0.0.1 may be a client's by the time it is used.
func freeAddress(t testing.TB) string {
	t.Helper()
	pid := os.Getpid()
	own := net.IPv4(127, 64|byte(pid>>16)&63, byte(pid>>8), byte(pid))
	ln, err := net.Listen("tcp", net.JoinHostPort(own.String(), "0"))
	if err != nil { // macOS has 127.0.0.1 alone
		ln, err = net.Listen("tcp", "127.0.0.1:0")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// program is a process that a test started, and what it printed.
type program struct {
	cmd    *exec.Cmd
	exited chan struct{}

	mu  sync.Mutex
	out bytes.Buffer
}

func (p *program) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.Write(b)
}

func (p *program) printed() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

// launch starts a program. The end of the test kills it.
func launch(t testing.TB, name string, args ...string) *program {
	t.Helper()
	p := &program{cmd: exec.Command(name, args...), exited: make(chan struct{})}
	p.cmd.Dir = t.TempDir()
	p.cmd.Stdout, p.cmd.Stderr = p, p
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait() // how it ended is told by what it printed
		close(p.exited)
	}()
	t.Cleanup(func() { p.end(syscall.SIGKILL) })
	return p
}

// end sends a signal and waits for the end.
func (p *program) end(s syscall.Signal) {
	_ = p.cmd.Process.Signal(s) // it may have ended already
	select {
	case <-p.exited:
	case <-time.After(5 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.exited
	}
}

// until polls for a condition of another process.
func (p *program) until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for tick := time.NewTicker(2 * time.Millisecond); ; <-tick.C {
		if ok() {
			tick.Stop()
			return
		}
		select {
		case <-p.exited:
			t.Fatalf("waiting for %s: it exited\n%s", what, p.printed())
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("waiting for %s: still not after 20s\n%s", what, p.printed())
		}
	}
}

// boot runs sluice before one origin and returns the address it listens on.
// settings are further lines of the service.
func boot(t testing.TB, origin, settings string) (address string, p *program) {
	t.Helper()
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	address, admin, dir := freeAddress(t), freeAddress(t), t.TempDir()
	config := filepath.Join(dir, "sluice.yaml")
	text := fmt.Sprintf(`listeners: [{address: %q}]
admin: {address: %q}
state: {dir: %q}
access_log: {path: off}
drain: {delay: 0s, timeout: 5s}
services:
  - name: origin
    routes: [{path: /}]
    stable: v1
    versions: [{name: v1, weight: 100, endpoints: ["http://%s"]}]
%s`, address, admin, filepath.Join(dir, "state"), origin, settings)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p = launch(t, path, "run", "--config", config)
	p.until(t, "sluice", func() bool {
		resp, err := http.Get("http://" + admin + "/readyz")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("sluice printed:\n%s", p.printed())
		}
	})
	return address, p
}

// need finds a foreign program. Where it is missing the test is skipped and
// says what to install; in CI that is a failure.
func need(t testing.TB, name, debian string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	if !errors.Is(err, exec.ErrNotFound) {
		t.Fatal(err)
	}
	text := fmt.Sprintf("%s is missing: install the package %s", name, debian)
	if os.Getenv("CI") == "true" {
		t.Fatal(text)
	}
	tally.lacks(text)
	t.Skip(text)
	return ""
}
