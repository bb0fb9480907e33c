package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"sluice/rollout"

	"golang.org/x/sys/unix"
)

// An upgrade replaces the process by one of the binary on disk without closing a
// socket. The two talk over a pair of sockets, a word a line:
//
//	old                            new
//	starts it, listeners passed →  reads and checks the configuration
//	                            ←  ready
//	admin API and controller stop,
//	state saved and unlocked
//	state                       →  reads the state, builds, opens, accepts
//	                            ←  serving
//	drains, exits 0
//
// A new process that fails, or is too slow, is killed, and the old one takes back
// what it gave away. Both accept for a moment; in the backlog of a socket that stays
// open nothing is lost.
const (
	wordReady   = "ready"
	wordState   = "state"
	wordServing = "serving"

	readyTimeout   = 2 * time.Minute // for reading the configuration
	servingTimeout = time.Minute     // nobody decides and the admin API waits meanwhile

	// Within this time clients that go on asking are told to reconnect: until they do, the
	// successor's decisions do not reach them.
	upgradeSpread = 5 * time.Second
)

// takeoverVariable holds a takeover as JSON, for the new process.
const takeoverVariable = "SLUICE_TAKEOVER"

type takeover struct {
	Control int            `json:"control"` // descriptor of the pair's other end
	Sockets []passedSocket `json:"sockets"`
}

// passedSocket is a givenSocket on its way.
type passedSocket struct {
	Descriptor int    `json:"descriptor"` // in the new process
	Name       string `json:"name,omitempty"`
	Address    string `json:"address,omitempty"`
	Lasting    bool   `json:"lasting,omitempty"`

	copy int // ours
}

// successor is the new process, as the old one sees it.
type successor struct {
	process *os.Process
	control *os.File
	words   *bufio.Reader
	passed  []passedSocket
	result  chan error // nil: it serves
}

// ownBinary is the path by which this process was started, so that an upgrade
// follows a symbolic link that points elsewhere by then.
func ownBinary() (string, error) {
	path, err := exec.LookPath(os.Args[0])
	if err == nil {
		path, err = filepath.Abs(path)
	}
	if err != nil {
		return os.Executable()
	}
	return path, nil
}

// upgrade starts a successor and hands over to it. Without an error it serves, and this
// process drains. After one all is as before. ctx ends the attempt.
func (a *app) upgrade(ctx context.Context) (*os.Process, error) {
	if os.Getpid() == 1 {
		return nil, errors.New("process 1 can't be succeeded, as a container ends with it: replace the container instead")
	}
	s, err := a.startSuccessor()
	if err != nil {
		return nil, err
	}
	defer s.close()
	if err := s.expect(ctx, wordReady, readyTimeout); err != nil {
		return nil, s.end(err)
	}
	select {
	case a.successors <- s: // the rest is for the goroutine that runs the parts
		return s.process, <-s.result
	case <-ctx.Done():
		return nil, s.end(ctx.Err())
	}
}

// startSuccessor starts the binary on disk with the arguments and the environment
// of this process, and copies of its listening sockets.
func (a *app) startSuccessor() (*successor, error) {
	passed, err := a.passSockets()
	s := &successor{passed: passed, result: make(chan error, 1)}
	if err != nil {
		s.close()
		return nil, err
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		err = unix.SetNonblock(pair[0], true) // ours, for the deadlines
	}
	if err != nil {
		s.close()
		return nil, os.NewSyscallError("socketpair", err)
	}
	defer unix.Close(pair[1])
	s.control = os.NewFile(uintptr(pair[0]), "control")
	s.words = bufio.NewReaderSize(s.control, 64)
	files := []uintptr{0, 1, 2, uintptr(pair[1])}
	for i := range s.passed {
		s.passed[i].Descriptor = len(files)
		files = append(files, uintptr(s.passed[i].copy))
	}
	note, err := json.Marshal(takeover{Control: firstDescriptor, Sockets: s.passed})
	if err != nil {
		s.close()
		return nil, err
	}
	// Not package os/exec: it makes descriptors blocking, and these are shared with our own.
	pid, err := syscall.ForkExec(a.binary, os.Args, &syscall.ProcAttr{Env: successorEnvironment(string(note)), Files: files})
	if err == nil {
		s.process, err = os.FindProcess(pid)
	}
	if err != nil {
		s.close()
		return nil, fmt.Errorf("start %s: %w", a.binary, err)
	}
	a.logger.Info("upgrade begun", "binary", a.binary, "successor", pid, "sockets", len(s.passed))
	return s, nil
}

// successorEnvironment is ours, but for what was meant for this process alone.
func successorEnvironment(note string) []string {
	env := slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "WATCHDOG_PID=") || strings.HasPrefix(v, takeoverVariable+"=")
	})
	return append(env, takeoverVariable+"="+note)
}

// expect waits for a word. Every other ending is an error.
func (s *successor) expect(ctx context.Context, word string, within time.Duration) error {
	if err := s.control.SetReadDeadline(time.Now().Add(within)); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = s.control.SetReadDeadline(time.Unix(1, 0)) }) // wakes the read
	defer stop()
	line, err := s.words.ReadString('\n')
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("the new process was not %s within %v", word, within)
	case errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET):
		return errEnded
	case err != nil:
		return err
	case line != word+"\n":
		return fmt.Errorf("the new process said %.40q, want %s", line, word)
	}
	return nil
}

var errEnded = errors.New("the new process ended")

// end makes sure that the process is gone, and with it its locks, and says how it ended.
func (s *successor) end(cause error) error {
	if !errors.Is(cause, errEnded) {
		_ = s.process.Kill() // it may be gone already
	}
	state, err := s.process.Wait()
	if err == nil && errors.Is(cause, errEnded) {
		return fmt.Errorf("%w: %s; its log says why", cause, state)
	}
	return cause
}

// close lets go of what the two shared.
func (s *successor) close() {
	if s.control != nil {
		_ = s.control.Close() // nothing is left to say
	}
	for _, p := range s.passed {
		_ = unix.Close(p.copy)
	}
}

// tellUpgrade makes an event of an upgrade that failed.
func (a *app) tellUpgrade(err error) {
	a.logger.Error("upgrade failed, this process goes on", "error", err)
	a.controller.Journal().Add(rollout.Event{Type: "reload", Message: "upgrade failed, the old process goes on: " + err.Error()})
	a.tellReady()
}
