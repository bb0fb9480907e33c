package main

import (
	"context"
	"os"
	"syscall"
)

// attendant turns signals and file changes into reloads, upgrades and the shutdown. It goes
// on while the process drains, so that a second signal ends it at once.
type attendant struct {
	app      *app
	path     string
	shutdown func()

	stopping  bool         // asked to end
	replaced  bool         // a successor serves
	successor *os.Process  // that serves; nil: none
	postponed bool         // a reload was asked for during an upgrade
	upgrading chan outcome // of the upgrade; nil: none goes on
	giveUp    func()       // ends it
}

// outcome is what came of an upgrade: who serves now, or why nobody else does.
type outcome struct {
	successor *os.Process
	err       error
}

// handle attends until ctx ends.
func (a *app) handle(ctx context.Context, shutdown func(), path string, signals <-chan os.Signal, changed <-chan struct{}) error {
	t := &attendant{app: a, path: path, shutdown: shutdown, giveUp: func() {}}
	defer func() {
		t.giveUp()
		if t.upgrading != nil {
			<-t.upgrading
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
			t.reload()
		case s := <-signals:
			t.signal(ctx, s)
		case o := <-t.upgrading:
			t.upgraded(o)
		}
	}
}

func (t *attendant) signal(ctx context.Context, s os.Signal) {
	logger := t.app.logger
	switch {
	case s == syscall.SIGUSR1:
		if err := t.app.accessLog.Reopen(); err != nil {
			logger.Error("access log not reopened", "error", err)
		}
	case s == syscall.SIGHUP && (t.stopping || t.replaced):
		logger.Warn("not reloading: the process is shutting down")
	case s == syscall.SIGHUP:
		t.reload()
	case s == syscall.SIGUSR2:
		t.upgrade(ctx)
	case t.stopping:
		logger.Warn("second signal, leaving at once", "signal", s.String())
		os.Exit(exitFailed)
	default:
		logger.Info("shutting down", "signal", s.String())
		t.stopping = true
		t.giveUp()
		t.shutdown()
	}
}

// reload reads the file again, but for a process that shuts down, as that would open
// sockets again. During an upgrade it waits for the end. A change that is seen after it
// may have come before the successor began to watch, so that it is told.
func (t *attendant) reload() {
	switch {
	case t.replaced:
		t.passOn()
	case t.stopping:
	case t.upgrading != nil:
		t.postponed = true
	default:
		t.app.reload(t.path)
	}
}

// passOn lets the successor reload.
func (t *attendant) passOn() {
	if err := t.successor.Signal(syscall.SIGHUP); err != nil {
		t.app.logger.Error("reload not passed on", "error", err)
	}
}

func (t *attendant) upgrade(ctx context.Context) {
	switch {
	case t.stopping || t.replaced:
		t.app.logger.Warn("not upgrading: the process is shutting down")
		return
	case t.upgrading != nil:
		t.app.logger.Warn("not upgrading: an upgrade goes on already")
		return
	}
	ctx, t.giveUp = context.WithCancel(ctx)
	done := make(chan outcome, 1)
	t.upgrading = done
	go func() {
		successor, err := t.app.upgrade(ctx)
		done <- outcome{successor, err}
	}()
}

// upgraded ends an upgrade. A reload that was put off is the business of whoever serves now.
func (t *attendant) upgraded(o outcome) {
	t.giveUp()
	t.upgrading, t.replaced, t.successor = nil, o.err == nil, o.successor
	switch {
	case t.replaced && t.postponed:
		t.passOn()
	case t.replaced || t.stopping:
	default:
		t.app.tellUpgrade(o.err)
		if t.postponed {
			t.app.reload(t.path)
		}
	}
	t.postponed = false
}
