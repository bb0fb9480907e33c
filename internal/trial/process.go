package trial

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Options of a Process. Binary, Dir and Services are required.
type Options struct {
	Binary   string
	Dir      string // holds the configuration, the state and the access log
	Services string // the list under services:, as YAML
	Prelude  string // further top-level keys
	State    string // directory; default state under Dir
	Log      string // access_log as YAML; default {path: off}
	Env      []string
	Wrap     []string // a command that runs the rest of its arguments: prlimit, unshare, …
}

// Process is one running sluice. Its methods are safe for concurrent use, but for Write.
type Process struct {
	Listen, Admin string // host:port
	Config        string // file
	PID           int    // of sluice, or of what Wrap began and became sluice

	options Options
	cmd     *exec.Cmd
	client  *http.Client
	exited  chan struct{}
	err     error // valid once exited is closed

	mu  sync.Mutex
	log bytes.Buffer
}

// Start writes the configuration, starts sluice and waits until it is ready, for 20 s at most.
func Start(o Options) (*Process, error) {
	p := &Process{options: o, Config: filepath.Join(o.Dir, "sluice.yaml"), client: &http.Client{Timeout: 20 * time.Second}}
	var err error
	if p.Listen, err = FreeAddress(); err != nil {
		return nil, err
	}
	if p.Admin, err = FreeAddress(); err != nil {
		return nil, err
	}
	if err := p.Write(o.Services); err != nil {
		return nil, err
	}
	return p, p.Restart()
}

// Write replaces the configuration as an editor does, by a rename: sluice takes it up by itself.
func (p *Process) Write(services string) error {
	o := p.options
	if o.State == "" {
		o.State = filepath.Join(o.Dir, "state")
	}
	if o.Log == "" {
		o.Log = "{path: off}"
	}
	text := fmt.Sprintf("listeners: [{address: %q}]\nadmin: {address: %q}\nstate: {dir: %q}\naccess_log: %s\ndrain: {delay: 100ms, timeout: 10s}\n%s\nservices:\n%s",
		p.Listen, p.Admin, o.State, o.Log, o.Prelude, services)
	next := p.Config + ".new"
	if err := os.WriteFile(next, []byte(text), 0o600); err != nil {
		return err
	}
	return os.Rename(next, p.Config)
}

// Restart starts sluice anew once the one before has ended.
func (p *Process) Restart() error {
	argv := append(append([]string(nil), p.options.Wrap...), p.options.Binary, "run", "--config", p.Config)
	p.cmd = exec.Command(argv[0], argv[1:]...)
	p.cmd.Env = append(os.Environ(), p.options.Env...)
	p.cmd.Stdout, p.cmd.Stderr = writer{p}, writer{p}
	if err := p.cmd.Start(); err != nil {
		return err
	}
	p.PID = p.cmd.Process.Pid
	p.exited = make(chan struct{})
	go func(cmd *exec.Cmd, exited chan struct{}) {
		p.err = cmd.Wait()
		close(exited)
	}(p.cmd, p.exited)
	return p.Until("ready", 20*time.Second, func() bool {
		resp, err := p.client.Get("http://" + p.Admin + "/readyz")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}

type writer struct{ p *Process }

func (w writer) Write(b []byte) (int, error) {
	w.p.mu.Lock()
	defer w.p.mu.Unlock()
	if w.p.log.Len() > 1<<20 {
		w.p.log.Reset()
	}
	return w.p.log.Write(b)
}

// Logs is what sluice has written lately, a megabyte at most.
func (p *Process) Logs() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

// Until polls for a condition. An error says that it did not come about in time, or that sluice ended.
func (p *Process) Until(what string, within time.Duration, holds func() bool) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(within); !holds(); <-tick.C {
		if !p.Alive() {
			return fmt.Errorf("waiting for %s: sluice ended: %v\n%s", what, p.err, p.tail())
		}
		if time.Now().After(end) {
			return fmt.Errorf("waiting for %s: not after %v\n%s", what, within, p.tail())
		}
	}
	return nil
}

func (p *Process) tail() string {
	s := p.Logs()
	return s[max(0, len(s)-2000):]
}

// Alive reports whether the process runs.
func (p *Process) Alive() bool {
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// Signal sends s to sluice.
func (p *Process) Signal(s syscall.Signal) error { return p.cmd.Process.Signal(s) }

// Kill ends sluice at once, and returns when it has ended.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // it may have ended already
	<-p.exited
}

// Stop asks sluice to end and returns its exit code, -1 if it had to be killed after the time given.
func (p *Process) Stop(within time.Duration) int {
	_ = p.Signal(syscall.SIGTERM) // it may have ended already
	select {
	case <-p.exited:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(within):
		p.Kill()
		return -1
	}
}

// ErrStatus is in the error of an API call that was answered by another status than 200.
var ErrStatus = errors.New("not 200")

// API calls the admin API with body as JSON (nil: none) and decodes the answer into out (nil: ignored).
func (p *Process) API(ctx context.Context, method, path string, body, out any) error {
	var payload io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return err
		}
		payload = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://"+p.Admin+path, payload)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := p.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %w: %d %s", method, path, ErrStatus, resp.StatusCode, strings.TrimSpace(string(data)))
	}
	if text, ok := out.(*string); ok {
		*text = string(data)
		return nil
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(data, out)
}
