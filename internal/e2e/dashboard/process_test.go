package dashboard

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"sluice/internal/trial"
)

// binary is the sluice under test: $SLUICE_BIN, or one built for this run.
var binary = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("SLUICE_BIN"); path != "" {
		return path, nil
	}
	dir, err := os.MkdirTemp("", "sluice-dashboard")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "sluice")
	cmd := exec.Command("go", "build", "-o", path, "./cmd/sluice")
	cmd.Dir = filepath.Join("..", "..", "..")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w: %s", err, out)
	}
	return path, nil
})

// process is one running sluice.
type process struct {
	t      testing.TB
	cmd    *exec.Cmd
	dir    string
	listen string
	admin  string // address, as the page and the tests use it
	token  string // sent with calls of the API, if set
	exited chan struct{}

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

func tail(s string, n int) string {
	if len(s) > n {
		return "…" + s[len(s)-n:]
	}
	return s
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

// boot starts sluice on services, with what admin adds to the admin block, and waits until it is ready.
func boot(t testing.TB, admin, services string) *process {
	t.Helper()
	return bootWith(t, "", admin, services)
}

// bootWith is boot for a process that asks for tokens; the test's own calls send token.
func bootWith(t testing.TB, token, admin, services string) *process {
	t.Helper()
	p := &process{t: t, token: token, dir: t.TempDir(), listen: freeAddress(t), admin: freeAddress(t)}
	file := fmt.Sprintf("listeners:\n  - address: %q\nadmin: {address: %q%s}\nstate: {dir: %q}\naccess_log: {path: off}\ndrain: {delay: 0s, timeout: 2s}\n%s",
		p.listen, p.admin, admin, filepath.Join(p.dir, "state"), services)
	if err := os.WriteFile(p.config(), []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	p.start()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("sluice's log:\n%s", tail(p.logs(), 4000))
		}
	})
	return p
}

func (p *process) config() string { return filepath.Join(p.dir, "sluice.yaml") }

func (p *process) start() {
	p.t.Helper()
	path, err := binary()
	if err != nil {
		p.t.Fatal(err)
	}
	p.cmd = exec.Command(path, "run", "--config", p.config())
	p.cmd.Dir = p.dir
	p.cmd.Stdout, p.cmd.Stderr = p, p
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.exited = make(chan struct{})
	go func(cmd *exec.Cmd, exited chan struct{}) {
		_ = cmd.Wait() // killed, mostly
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

func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended already
	<-p.exited
}

// patience is how long tests wait for sluice or the browser. It ends a test that would never
// end, and says nothing about speed.
const patience = time.Minute

// until polls for a condition of the process; it fails the test at the end of its patience.
func (p *process) until(what string, ok func() bool) {
	p.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); !ok(); <-tick.C {
		select {
		case <-p.exited:
			p.t.Fatalf("waiting for %q: sluice exited\n%s", what, p.logs())
		default:
		}
		if time.Since(began) > patience {
			p.t.Fatalf("waiting for %q: still not after %v\n%s", what, patience, tail(p.logs(), 4000))
		}
	}
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
	if p.token != "" {
		req.Header.Set("Authorization", "Bearer "+p.token)
	}
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
