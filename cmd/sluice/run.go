package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"sluice/config"

	"github.com/spf13/cobra"
)

func newRunCommand() *cobra.Command {
	var path string
	var record []string
	cmd := &cobra.Command{
		Use:   "run",
		Short: "serve traffic",
		Long: `Serve traffic until SIGTERM or SIGINT, which let the requests in flight end; a second one ends
at once. SIGHUP, or saving the file, reloads it; SIGUSR1 reopens the access log.`,
		Example: "  sluice run\n  sluice run -c /etc/sluice/sluice.yaml\n  sluice run --record shop=shop.jsonl",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return serve(cmd.Context(), path, record)
		},
	}
	cmd.Flags().StringVarP(&path, "config", "c", "", "configuration file (default $SLUICE_CONFIG, ./sluice.yaml, /etc/sluice/sluice.yaml)")
	cmd.Flags().StringArrayVar(&record, "record", nil, "SERVICE=FILE: append the service's counts of every second, for sluice simulate --replay; may be repeated")
	return cmd
}

// serve is the whole life of a process: load, build, serve, drain.
func serve(ctx context.Context, flag string, record []string) error {
	path, err := config.Find(flag)
	if err != nil {
		return err
	}
	cfg, err := config.Load(path)
	if err != nil {
		return tellFaults(err)
	}
	logger := newLogger(cfg.Log)
	if limit := setMemoryLimit(); limit > 0 {
		logger.Info("memory limit set", "bytes", limit)
	}
	logger.Info("configuration loaded", "config", path, "config_version", cfg.Version, "services", len(cfg.Services))
	logInactive(logger, cfg)

	tapes, err := openTapes(record, cfg)
	if err != nil {
		return err
	}

	// Signals are caught before the first socket opens, so that none is lost.
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGTERM, syscall.SIGINT)
	defer signal.Stop(signals)

	a, err := newApp(cfg, logger)
	if err != nil {
		return err
	}
	a.tapes = tapes
	return a.serveSignals(ctx, path, signals)
}

// tellFaults prints every fault on a line of its own.
func tellFaults(err error) error {
	var faults config.Faults
	if !errors.As(err, &faults) {
		return err
	}
	for _, f := range faults {
		fmt.Fprintln(os.Stderr, f)
	}
	return errSilent
}

// serveSignals runs the app, reloading and draining as signals and the watched
// file ask.
func (a *app) serveSignals(ctx context.Context, path string, signals <-chan os.Signal) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	changed := make(chan struct{}, 1)
	watcher, err := config.NewWatcher(path, func() { wake(changed) }, a.logger)
	if err != nil {
		a.close()
		return err
	}
	watcher.WatchAlso(a.config.Load().Files()...)
	a.watcher = watcher
	var parts lifetimes
	background := context.WithoutCancel(ctx) // they outlast the shutdown: a second signal must be heard
	parts.start(background, "config watcher", watcher.Run)
	parts.start(background, "signals", func(ctx context.Context) error {
		return a.handle(ctx, stop, path, signals, changed)
	})
	for _, t := range a.tapes {
		parts.start(background, "recording", func(ctx context.Context) error { return a.record(ctx, t) })
	}
	a.announce()
	freeMemory(a.config.Load())
	return errors.Join(a.run(ctx), parts.stop())
}

// wake leaves a token in c unless one waits there already.
func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// handle turns signals and file changes into reloads and the shutdown. It goes
// on while draining, so that a second signal ends the process at once.
func (a *app) handle(ctx context.Context, shutdown func(), path string, signals <-chan os.Signal, changed <-chan struct{}) error {
	stopping := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
			if !stopping { // a reload would open sockets again
				a.reload(path)
			}
		case s := <-signals:
			switch {
			case s == syscall.SIGHUP && stopping:
				a.logger.Warn("not reloading: the process is shutting down")
			case s == syscall.SIGHUP:
				a.reload(path)
			case s == syscall.SIGUSR1:
				if err := a.accessLog.Reopen(); err != nil {
					a.logger.Error("access log not reopened", "error", err)
				}
			case stopping:
				a.logger.Warn("second signal, leaving at once", "signal", s.String())
				os.Exit(exitFailed)
			default:
				a.logger.Info("shutting down", "signal", s.String())
				stopping = true
				shutdown()
			}
		}
	}
}

// announce logs where the process can be reached.
func (a *app) announce() {
	for _, l := range a.config.Load().Listeners {
		a.logger.Info("listening", "address", l.Address, "tls", l.TLS != nil)
	}
	if ln, _ := a.adminHost.current(); ln != nil {
		a.logger.Info("admin API listening", "address", ln.Addr().String())
	}
}
