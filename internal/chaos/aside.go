package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// aside is a further process of this program.
type aside struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Reader
	said string // its first line, once it was ready
}

func (l *lab) aside(args ...string) (*aside, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	a := &aside{cmd: exec.CommandContext(l.ctx, "nice", append([]string{"-n", "5", self}, args...)...)}
	a.cmd.Stderr = os.Stderr
	if a.in, err = a.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := a.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	a.out = bufio.NewReader(out)
	if err := a.cmd.Start(); err != nil {
		return nil, err
	}
	if a.said, err = a.line(); err != nil {
		a.end()
		return nil, fmt.Errorf("%q: %w", args, err)
	}
	return a, nil
}

func (a *aside) line() (string, error) {
	s, err := a.out.ReadString('\n')
	return strings.TrimSpace(s), err
}

// end lets the process end and returns its last word.
func (a *aside) end() string {
	a.in.Close()
	last, _ := a.line() // "" if it is gone
	_ = a.cmd.Wait()    // it has said what it had to say
	return last
}

// beCrowd is the process of count slow clients: it says when they are there, and at the end how many stayed.
func beCrowd(ctx context.Context, address string, count int) error {
	c, err := gather(ctx, address, count)
	if err != nil {
		return err
	}
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin) // until the parent lets go
	fmt.Println(c.open.Load())
	c.leave()
	return nil
}

// beSlowBackend is the process of their backend: it says its address.
func beSlowBackend() error {
	b, err := server("slow", slowAnswer)
	if err != nil {
		return err
	}
	defer b.Close()
	fmt.Println(b.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin) // until the parent lets go
	return nil
}
