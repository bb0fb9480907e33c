package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"

	"golang.org/x/sys/unix"
)

// predecessor is the old process, as the new one sees it. nil: there is none.
type predecessor struct {
	control *os.File
}

// receive takes what the process was given when it began: the sockets, and the process
// that it takes over from.
func receive() (*sockets, *predecessor, error) {
	given, err := activated()
	if err != nil {
		return nil, nil, err
	}
	all := &sockets{given: given}
	note, ok := os.LookupEnv(takeoverVariable)
	if !ok {
		return all, nil, nil
	}
	_ = os.Unsetenv(takeoverVariable) // fails for malformed names only
	var t takeover
	if err := json.Unmarshal([]byte(note), &t); err != nil || t.Control < firstDescriptor || len(t.Sockets) > mostDescriptors {
		return nil, nil, fmt.Errorf("%s: got %.100q, want what a process that upgrades itself sets", takeoverVariable, note)
	}
	for _, p := range t.Sockets {
		file, err := listening(p.Descriptor, p.Name)
		if err != nil {
			return nil, nil, err
		}
		all.add(&givenSocket{file: file, name: p.Name, address: p.Address, lasting: p.Lasting})
	}
	unix.CloseOnExec(t.Control)
	return all, &predecessor{control: os.NewFile(uintptr(t.Control), "control")}, nil
}

// awaitState says that all is ready but for the state, and waits for it. A
// predecessor that is gone has left it to us.
func (p *predecessor) awaitState(logger *slog.Logger) error {
	if p == nil {
		return nil
	}
	if _, err := io.WriteString(p.control, wordReady+"\n"); err != nil {
		logger.Warn("the process before has gone", "error", err)
		return nil
	}
	line, err := bufio.NewReaderSize(p.control, 64).ReadString('\n')
	switch {
	case err != nil:
		logger.Warn("the process before has gone", "error", err)
	case line != wordState+"\n":
		return fmt.Errorf("the process before said %.40q, want %s", line, wordState)
	}
	return nil
}

// serving lets the predecessor drain.
func (p *predecessor) serving() {
	if p == nil {
		return
	}
	_, _ = io.WriteString(p.control, wordServing+"\n") // one that is gone need not know
	_ = p.control.Close()
}
