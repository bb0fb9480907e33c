package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"sluice/internal/trial"
)

// line is a sluice that upgrades: its shell stays, while one process takes over from the other.
type line struct {
	*trial.Process
	file string // holds the number of the one that serves
}

// line starts one. The shell's commands come first.
func (l *lab) line(services, commands string, more ...func(*trial.Options)) (*line, error) {
	p := &line{file: filepath.Join(l.dir, fmt.Sprintf("pid%d", l.started))}
	wrap := func(o *trial.Options) {
		o.Wrap = []string{"sh", "-c", commands + fmt.Sprintf(`; "$@" --pid-file '%s' & while :; do sleep 1; done`, p.file), "sh"}
	}
	var err error
	p.Process, err = l.start(services, append(more, wrap)...)
	return p, err
}

func (p *line) serving() int {
	text, _ := os.ReadFile(p.file)
	pid, _ := strconv.Atoi(strings.TrimSpace(string(text))) // 0: none
	return pid
}

func (p *line) signal(s syscall.Signal) error {
	pid := p.serving()
	if pid <= 0 {
		return fmt.Errorf("nobody serves")
	}
	return syscall.Kill(pid, s)
}

// end kills whoever serves, and then the shell.
func (p *line) end() {
	_ = p.signal(syscall.SIGKILL) // it may have ended
	p.Kill()
}

// upgrade asks for a successor and waits until another serves, or the attempt is given up.
func (p *line) upgrade() (succeeded bool, err error) {
	before, failed := p.serving(), strings.Count(p.Logs(), "upgrade failed")
	if err := p.signal(syscall.SIGUSR2); err != nil {
		return false, err
	}
	err = p.Until("an upgrade's end", 30*time.Second, func() bool {
		now := p.serving()
		succeeded = now != before && now != 0
		return succeeded || strings.Count(p.Logs(), "upgrade failed") > failed
	})
	return succeeded, err
}
