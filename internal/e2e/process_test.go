package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"sluice/internal/trial"
)

// binary is the sluice under test: $SLUICE_BIN, or one built for this run.
var binary = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("SLUICE_BIN"); path != "" {
		return path, nil
	}
	dir, err := os.MkdirTemp("", "sluice-e2e")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "sluice")
	cmd := exec.Command("go", "build", "-o", path, "./cmd/sluice")
	cmd.Dir = filepath.Join("..", "..")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w: %s", err, out)
	}
	return path, nil
})

func sluiceBinary(t testing.TB) string {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// freeAddress returns a loopback address that nobody else takes.
func freeAddress(t testing.TB) string {
	t.Helper()
	address, err := trial.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// process is one running sluice.
type process struct {
	t      testing.TB
	cmd    *exec.Cmd
	config string // file
	flags  []string
	inside []string // command that starts sluice in surroundings of its own; nil: none
	dir    string
	listen string
	admin  string
	exited chan struct{}
	err    error // valid once exited is closed

	mu  sync.Mutex
	log bytes.Buffer
}

func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.Write(b)
}

func (p *process) logs() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

// prelude is the head of every test's configuration.
func (p *process) prelude() string {
	return fmt.Sprintf("listeners:\n  - address: %q\nadmin: {address: %q}\nstate: {dir: %q}\n"+
		"access_log: {path: off}\ndrain: {delay: 100ms, timeout: 10s}\n",
		p.listen, p.admin, filepath.Join(p.dir, "state"))
}

// boot writes the prelude and services as a configuration, starts sluice on it and waits until it is ready.
func boot(t testing.TB, services string) *process {
	t.Helper()
	p := &process{t: t, dir: t.TempDir(), listen: freeAddress(t), admin: freeAddress(t)}
	p.config = filepath.Join(p.dir, "sluice.yaml")
	p.write(services)
	p.start()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("sluice's log:\n%s", tail(p.logs(), 6000))
		}
	})
	return p
}

func tail(s string, n int) string {
	if len(s) > n {
		return "…" + s[len(s)-n:]
	}
	return s
}

// write replaces the configuration file as an editor does: new file, rename.
func (p *process) write(services string) {
	p.t.Helper()
	next := p.config + ".new"
	if err := os.WriteFile(next, []byte(p.prelude()+services), 0o600); err != nil {
		p.t.Fatal(err)
	}
	if err := os.Rename(next, p.config); err != nil {
		p.t.Fatal(err)
	}
}

func (p *process) start() {
	p.t.Helper()
	call := append(slices.Clone(p.inside), sluiceBinary(p.t), "run", "--config", p.config)
	p.cmd = exec.Command(call[0], append(call[1:], p.flags...)...)
	p.cmd.Dir = p.dir
	p.cmd.Stdout, p.cmd.Stderr = p, p
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.exited = make(chan struct{})
	go func(cmd *exec.Cmd, exited chan struct{}) {
		p.err = cmd.Wait()
		close(exited)
	}(p.cmd, p.exited)
	p.until("ready", func() bool {
		resp, err := http.Get("http://" + p.admin + "/readyz")
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}

// patience is how long users and tests wait for sluice. It ends a test that would never end
// and says nothing about speed: what is to be fast is measured, or has an order. Evidence of some
// thousand requests has taken 30 s where two suites shared a core.
const patience = time.Minute

// until polls for a condition of another process; it fails the test at the end of its patience.
func (p *process) until(what string, ok func() bool) {
	p.t.Helper()
	deadline := time.Now().Add(patience)
	for tick := time.NewTicker(2 * time.Millisecond); ; <-tick.C {
		if ok() {
			tick.Stop()
			return
		}
		select {
		case <-p.exited:
			p.t.Fatalf("waiting for %q: sluice exited: %v\n%s", what, p.err, p.logs())
		default:
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("waiting for %q: still not after %v\n%s\n%s", what, patience, p.standing(), tail(p.logs(), 6000))
		}
	}
}

// standing is what sluice says of its services, to explain a failure.
func (p *process) standing() string {
	c := &http.Client{Timeout: 5 * time.Second}
	resp, err := c.Get("http://" + p.admin + "/api/v1/services")
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, 8192))
	if err != nil {
		return err.Error()
	}
	return string(data)
}

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatalf("signal %v: %v", s, err)
	}
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended already
	<-p.exited
}

// exitCode waits for the end of the process.
func (p *process) exitCode(within time.Duration) int {
	p.t.Helper()
	select {
	case <-p.exited:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(within):
		p.t.Fatalf("sluice still runs after %v\n%s", within, tail(p.logs(), 6000))
		return -1
	}
}

func (p *process) url(path string) string { return "http://" + p.listen + path }

// run calls the sluice binary as a user would, against this process.
func (p *process) run(args ...string) (stdout string, code int) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, sluiceBinary(p.t), args...)
	cmd.Env = append(os.Environ(), "SLUICE_ADMIN=http://"+p.admin)
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		p.t.Fatalf("sluice %s: %v", strings.Join(args, " "), err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// api calls the admin API and decodes the answer.
func (p *process) api(method, path string, body, out any) int {
	p.t.Helper()
	var payload io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			p.t.Fatal(err)
		}
		payload = bytes.NewReader(data)
	}
	req, err := http.NewRequest(method, "http://"+p.admin+path, payload)
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatalf("%s %s: %v", method, path, err)
	}
	if out != nil {
		if err := json.Unmarshal(data, out); err != nil {
			p.t.Fatalf("%s %s: %v in %s", method, path, err, data)
		}
	}
	return resp.StatusCode
}

// version is what the API tells of one version.
type version struct {
	Name     string
	Weight   float64
	Share    float64
	State    string
	Requests uint64
	Errors   uint64
}

func (p *process) version(service, name string) version {
	p.t.Helper()
	var s struct{ Versions []version }
	if code := p.api("GET", "/api/v1/services/"+service, nil, &s); code != http.StatusOK {
		p.t.Fatalf("GET service %s: status %d", service, code)
	}
	for _, v := range s.Versions {
		if v.Name == name {
			return v
		}
	}
	p.t.Fatalf("service %s has no version %s", service, name)
	return version{}
}

// metric reads one sample of /metrics, 0 if it is absent.
func (p *process) metric(sample string) float64 {
	p.t.Helper()
	resp, err := http.Get("http://" + p.admin + "/metrics")
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, sample+" "); ok {
			var value float64
			if _, err := fmt.Sscan(rest, &value); err != nil {
				p.t.Fatalf("metric %s: %v", line, err)
			}
			return value
		}
	}
	return 0
}
