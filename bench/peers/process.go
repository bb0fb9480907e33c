package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"sluice/bench"
)

// process is a running program with its children.
type process struct {
	cmd    *exec.Cmd
	exited chan struct{}
	log    string // file
}

// startProcess runs a program in dir and waits until all addresses answer.
func startProcess(ctx context.Context, dir string, env []string, addresses []string, name string, args ...string) (*process, error) {
	log := filepath.Join(dir, filepath.Base(name)+".out")
	out, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, out, out
	cmd.Env = append(os.Environ(), env...)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, exited: make(chan struct{}), log: log}
	go func() {
		_ = cmd.Wait() // told by the log
		close(p.exited)
	}()
	for _, address := range addresses {
		if err := p.answers(ctx, address); err != nil {
			p.stop()
			return nil, err
		}
	}
	return p, nil
}

// answers waits until somebody listens on address.
func (p *process) answers(ctx context.Context, address string) error {
	deadline := time.After(60 * time.Second)
	for tick := time.NewTicker(10 * time.Millisecond); ; {
		if conn, err := net.Dial("tcp", address); err == nil {
			conn.Close()
			tick.Stop()
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		case <-p.exited:
			return fmt.Errorf("%s exited: %s", p.cmd.Path, p.tail())
		case <-deadline:
			return fmt.Errorf("%s does not listen on %s: %s", p.cmd.Path, address, p.tail())
		}
	}
}

func (p *process) tail() string {
	b, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-2000):])
}

func (p *process) stop() {
	p.freeze(false)
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-p.exited:
	case <-time.After(3 * time.Second):
		for _, pid := range p.pids() {
			_ = syscall.Kill(pid, syscall.SIGKILL) // its own children, which may have ended
		}
		<-p.exited
	}
}

// freeze keeps the process from running, or lets it run again, so that what it
// does by itself is not in another's way.
func (p *process) freeze(on bool) {
	s := syscall.SIGCONT
	if on {
		s = syscall.SIGSTOP
	}
	for _, pid := range p.pids() {
		_ = syscall.Kill(pid, s) // its own children, which may have ended
	}
}

// pids are the process and all that descend from it.
func (p *process) pids() []int {
	all := []int{p.cmd.Process.Pid}
	for i := 0; i < len(all); i++ {
		pid := strconv.Itoa(all[i])
		tasks, _ := filepath.Glob(filepath.Join("/proc", pid, "task", "*", "children")) // the pattern is well-formed
		for _, task := range tasks {
			out, err := os.ReadFile(task)
			if err != nil {
				continue // the thread has ended
			}
			for _, child := range strings.Fields(string(out)) {
				if n, err := strconv.Atoi(child); err == nil {
					all = append(all, n)
				}
			}
		}
	}
	return all
}

// cpu is the time used so far, user and system, by all of them.
func (p *process) cpu() (total time.Duration, err error) {
	for _, pid := range p.pids() {
		used, err := bench.ProcessCPU(pid)
		if err != nil {
			return 0, err
		}
		total += used
	}
	return total, nil
}

// memory is the proportional set size of all of them, in KiB.
func (p *process) memory() (kib int, err error) {
	for _, pid := range p.pids() {
		out, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "smaps_rollup"))
		if err != nil {
			return 0, err
		}
		for line := range strings.Lines(string(out)) {
			if rest, ok := strings.CutPrefix(line, "Pss:"); ok {
				n, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")))
				if err != nil {
					return 0, err
				}
				kib += n
			}
		}
	}
	return kib, nil
}

// freeAddress returns a loopback address that nobody listens on at the moment.
func freeAddress() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer ln.Close()
	return ln.Addr().String(), nil
}
