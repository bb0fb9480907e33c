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
	var o runOptions
	cmd := &cobra.Command{
		Use:   "run",
		Short: "serve traffic",
		Long: `Serve traffic until SIGTERM or SIGINT, which let the requests in flight end; a second one ends
at once. SIGHUP, or saving the file, reloads it; SIGUSR1 reopens the access log; SIGUSR2 starts the
binary on disk, hands the sockets and the state over to it, and drains once that serves.

Sockets that systemd passes on are used by the listeners that have their addresses.`,
		Example: "  sluice run\n  sluice run -c /etc/sluice/sluice.yaml --pid-file /run/sluice/pid\n  sluice run --record shop=shop.jsonl",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return serve(cmd.Context(), o)
		},
	}
	cmd.Flags().StringVarP(&o.config, "config", "c", "", "configuration file (default $SLUICE_CONFIG, ./sluice.yaml, /etc/sluice/sluice.yaml)")
	cmd.Flags().StringArrayVar(&o.record, "record", nil, "SERVICE=FILE: append the service's counts of every second, for sluice simulate --replay; may be repeated")
	cmd.Flags().StringVar(&o.pidFile, "pid-file", "", "file to hold the number of the process that serves; an upgrade puts the new one there")
	return cmd
}

// runOptions are the flags of run.
type runOptions struct {
	config, pidFile string // "": found; none
	record          []string
}

// serve is the whole life of a process: load, build, serve, drain.
func serve(ctx context.Context, o runOptions) error {
	given, before, err := receive()
	if err != nil {
		return err
	}
	path, err := config.Find(o.config)
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

	// Signals are caught before the first socket opens, so that none is lost.
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGTERM, syscall.SIGINT)
	defer signal.Stop(signals)

	if err := before.awaitState(logger); err != nil {
		return err
	}
	tapes, err := openTapes(o.record, cfg)
	if err != nil {
		return err
	}
	a, err := newAppOn(given, cfg, logger)
	if err != nil {
		return err
	}
	a.tapes, a.predecessor, a.pidFile, a.supervisor = tapes, before, pidFile(o.pidFile), newSupervisor()
	if a.binary, err = ownBinary(); err != nil {
		logger.Warn("upgrades are not possible", "error", err)
	}
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

// announce logs where the process can be reached.
func (a *app) announce() {
	for _, l := range a.config.Load().Listeners {
		a.logger.Info("listening", "address", l.Address, "tls", l.TLS != nil)
	}
	if ln, _ := a.adminHost.current(); ln != nil {
		a.logger.Info("admin API listening", "address", ln.Addr().String())
	}
}
