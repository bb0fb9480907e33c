package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"sluice/admin"
	"sluice/config"
	"sluice/notify"
	"sluice/promql"
	"sluice/proxy"
	"sluice/rollout"
	"sluice/router"
	"sluice/series"
	"sluice/upstream"
	"sluice/webhook"
)

// app is one running sluice: every part, and how they hang together.
type app struct {
	logger     *slog.Logger
	config     atomic.Pointer[config.Config]
	watcher    *config.Watcher // nil: nobody watches the file
	live       *router.Live
	controller *rollout.Controller
	proxy      *proxy.Server
	admin      *admin.Server
	adminHost  adminHost
	prober     *upstream.Prober
	accessLog  *proxy.AccessLog
	poller     *promql.Poller
	sender     *notify.Sender
	scaling    *router.Scaling
	series     *series.Keeper
	certs      certificateSet
	tapes      []*tape // what is recorded; empty: nothing

	sockets     *sockets // given to the process when it began
	supervisor  supervisor
	predecessor *predecessor    // nil: none
	binary      string          // that an upgrade starts
	pidFile     pidFile         // "": none
	successors  chan *successor // ready to take over

	reloading sync.Mutex     // one reload at a time
	began     *config.Config // the one that the process started with
	reloads   reloadCount
	draining  atomic.Bool
}

// reloadCount is what the metrics tell of reloads.
type reloadCount struct {
	failed    atomic.Bool // the last one
	successes atomic.Uint64
	failures  atomic.Uint64
}

// newApp builds every part for cfg and opens the sockets, but serves nothing yet.
func newApp(cfg *config.Config, logger *slog.Logger) (*app, error) {
	return newAppOn(&sockets{}, cfg, logger)
}

// newAppOn is newApp with sockets that are open already.
func newAppOn(given *sockets, cfg *config.Config, logger *slog.Logger) (*app, error) {
	a := &app{logger: logger, live: router.NewLive(), certs: certificateSet{logger: logger}, sockets: given, successors: make(chan *successor)}
	a.adminHost.inherit = given.inherit
	var err error
	if a.accessLog, err = proxy.OpenAccessLog(accessLogOptions(cfg.AccessLog, logger)); err != nil {
		return nil, fmt.Errorf("access_log: %w", err)
	}
	a.prober = upstream.NewProber(a.endpointChanged)
	a.poller = promql.NewPoller(a.measured)
	a.sender = notify.New(notify.Options{Client: &webhook.Client{Version: version}, Logger: logger})
	a.scaling = router.NewScaling(a.live)
	a.series = series.New(series.Options{Source: a.live})
	a.controller, err = rollout.New(rollout.Options{
		Traffic: a.live, StateDir: cfg.State.Dir, Usable: a.usable, Ready: a.readyEndpoints, Logger: logger,
		Outside: newOutside(a), Difference: a.difference, Compare: a.compareAnew,
	})
	if err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	if err := a.serve(cfg); err != nil {
		a.close()
		return nil, err
	}
	return a, nil
}

// serve builds what answers requests, and brings cfg into force.
func (a *app) serve(cfg *config.Config) (err error) {
	a.proxy, err = proxy.New(proxy.Options{Live: a.live, AccessLog: a.accessLog, Logger: a.logger, Inherit: a.sockets.inherit})
	if err != nil {
		return err
	}
	a.admin, err = admin.New(admin.Options{
		Config: a.config.Load, Live: a.live, Controller: a.controller, Ready: a.notReady, Comparison: a.proxy.Comparison,
		Scaling: a.scaling, Series: a.series, StateDir: cfg.State.Dir, Reloads: a.reloadFigures, BuildVersion: version, Logger: a.logger,
		Collectors: append(collectors(a.proxy), stateFailures(a.controller), notificationFigures(a.sender)),
	})
	if err != nil {
		return err
	}
	return a.apply(cfg)
}

// teller tells people and programs what happens.
func (a *app) teller() *teller {
	return &teller{
		journal: a.controller.Journal(), config: a.config.Load, sender: a.sender, links: a.admin.Links, logger: a.logger,
	}
}

// close gives back what an app holds that never ran.
func (a *app) close() {
	a.adminHost.close()
	a.controller.Close()
	if a.proxy != nil {
		a.proxy.Close()
	}
}

// apply brings cfg into force: validate → build → one swap → retire what left.
// An error leaves everything as it was.
func (a *app) apply(cfg *config.Config) error {
	a.reloading.Lock()
	defer a.reloading.Unlock()
	certs, listeners, err := a.certs.build(cfg)
	if err != nil {
		return err
	}
	old := a.live.Load()
	err = a.controller.Reload(cfg, func(fresh map[string]config.Weights) error {
		table, err := router.Build(cfg, old, fresh)
		if err != nil {
			return err
		}
		if err := a.openSockets(cfg, listeners); err != nil {
			a.discard(table, old)
			return err
		}
		a.proxy.Configure(settings(cfg))
		a.live.Store(table)
		a.config.Store(cfg)
		return nil
	})
	if err != nil {
		return err
	}
	if a.began == nil {
		a.began = cfg
	}
	a.certs.adopt(certs)
	if a.watcher != nil {
		a.watcher.WatchAlso(cfg.Files()...)
	}
	pools := a.live.Load().Pools()
	a.prober.Watch(pools)
	a.poller.Watch(questions(cfg))
	a.sender.Watch(cfg.Services)
	for _, p := range old.Pools() {
		p.Retire(pools)
	}
	return nil
}

// openSockets makes those of cfg the open ones. An error leaves all as it was.
func (a *app) openSockets(cfg *config.Config, listeners []proxy.Listener) error {
	commitAdmin, err := a.adminHost.prepare(cfg.Admin)
	if err != nil {
		return err
	}
	if err := a.proxy.Listen(listeners); err != nil {
		commitAdmin(false)
		return err
	}
	commitAdmin(true)
	return nil
}

// discard lets go of a table that never came into force: the pools of the one
// that is are the newest of their versions again.
func (a *app) discard(table, inForce *router.Table) {
	for _, p := range table.Pools() {
		p.Retire(inForce.Pools())
	}
	a.prober.Watch(inForce.Pools())
}

// reload reads the file, and those that it names, again. A bad file changes nothing.
func (a *app) reload(path string) {
	a.supervisor.reloading()
	defer a.tellReady()
	a.certs.refresh()
	cfg, err := config.Load(path)
	if err == nil {
		err = a.apply(cfg)
	}
	if err != nil {
		a.reloads.failed.Store(true)
		a.reloads.failures.Add(1)
		logFaults(a.logger, "reload refused, the old configuration stays", err)
		a.controller.Journal().Add(rollout.Event{Type: "reload", Message: "reload refused: " + firstLine(err)})
		return
	}
	a.reloads.failed.Store(false)
	a.reloads.successes.Add(1)
	a.logger.Info("configuration reloaded", "config", path, "config_version", cfg.Version, "services", len(cfg.Services))
	message := "configuration " + cfg.Version + " is in force"
	if parts := needRestart(a.began, cfg); len(parts) > 0 {
		message += "; waiting for a restart: " + strings.Join(parts, ", ")
		a.logger.Warn("settings need a restart to come into force", "settings", parts)
	}
	a.controller.Journal().Add(rollout.Event{Type: "reload", Message: message})
	logInactive(a.logger, cfg)
	freeMemory(cfg)
}

func (a *app) reloadFigures() admin.Reloads {
	return admin.Reloads{LastOK: !a.reloads.failed.Load(), Successes: a.reloads.successes.Load(), Failures: a.reloads.failures.Load()}
}

// notReady says why the process should get no new traffic; nothing means ready.
func (a *app) notReady() []string {
	if a.draining.Load() {
		return []string{"draining"}
	}
	if a.config.Load() == nil {
		return []string{"no configuration yet"}
	}
	return nil
}

// usable tells the controller whether any endpoint of a version passes its checks.
func (a *app) usable(service, version string) bool {
	s := a.live.Load().Service(service)
	if s == nil {
		return true
	}
	for i, v := range s.Versions {
		if v.Name == version {
			return s.Pools[i].Usable()
		}
	}
	return true
}

// readyEndpoints counts the endpoints of the file that at least one usable address stands behind.
func (a *app) readyEndpoints(service, version string) (ready, unchecked int) {
	s := a.live.Load().Service(service)
	if s == nil {
		return 0, 0
	}
	pool := poolOf(s, version)
	if pool == nil {
		return 0, 0
	}
	good, fresh := map[string]bool{}, map[string]bool{}
	for _, e := range pool.Endpoints() {
		switch {
		case !e.Healthy() || e.Ejected():
		case e.Proven() || !pool.Checked():
			good[e.URL()] = true
		default:
			fresh[e.URL()] = true
		}
	}
	for url := range good {
		delete(fresh, url)
	}
	return len(good), len(fresh)
}

func (a *app) endpointChanged(c upstream.Change) {
	state := "unhealthy"
	switch {
	case c.Healthy && !c.Ejected:
		state = "healthy"
	case c.Ejected:
		state = "ejected"
	}
	a.logger.Warn("endpoint changed", "service", c.Service, "version", c.Version, "endpoint", c.Endpoint,
		"state", state, "reason", c.Reason, "last", c.Last)
	a.controller.Journal().Add(rollout.Event{
		Type: "endpoint", Service: c.Service, Version: c.Version,
		Message: c.Endpoint + " is " + state + ": " + c.Reason,
		Fields:  map[string]any{"endpoint": c.Endpoint, "state": state, "last": c.Last},
	})
}

// run serves until ctx ends or a successor has taken over, then drains and stops the parts
// in order: the proxy before what it depends on, the admin listener last.
func (a *app) run(ctx context.Context) error {
	background := context.WithoutCancel(ctx)
	var parts lifetimes
	parts.start(background, "admin", a.serveAdmin)
	parts.start(background, "access log", a.accessLog.Run)
	parts.start(background, "prober", a.prober.Run)
	parts.start(background, "notifications", a.sender.Run)
	parts.start(background, "events", a.teller().Run) // until all that the controller told is told
	parts.start(background, "scaling", a.scaling.Run)
	for _, t := range a.tapes {
		parts.start(background, "recording", func(ctx context.Context) error { return a.record(ctx, t) })
	}
	parts.start(background, "series", a.series.Run)
	parts.start(background, "controller", a.controller.Run)
	parts.start(background, "experiments", a.tellExperiments)
	parts.start(background, "metrics", a.poller.Run)
	parts.start(background, "proxy", a.proxy.Run)
	parts.start(background, "watchdog", func(ctx context.Context) error {
		return a.supervisor.guard(ctx, func() { a.proxy.Addresses() })
	})
	a.begun()
	upgraded, cause := a.await(ctx, &parts)
	if cause == nil {
		a.drain(background, upgraded)
	}
	a.pidFile.remove()
	return errors.Join(cause, parts.stop())
}

// begun tells whom it concerns that requests are answered.
func (a *app) begun() {
	if err := a.pidFile.write(); err != nil {
		a.logger.Error("pid file not written", "error", err)
	}
	a.sockets.settle(a.logger)
	a.unlinkSockets(true) // not before: a successor that fails leaves the files to the process before
	a.predecessor.serving()
	a.tellReady()
}

func (a *app) tellReady() {
	a.supervisor.ready(fmt.Sprintf("serving %d services, configuration %s", len(a.config.Load().Services), a.config.Load().Version))
}

// await blocks until ctx ends, a successor has taken over, or a part ends by itself (why).
func (a *app) await(ctx context.Context, parts *lifetimes) (upgraded bool, cause error) {
	for {
		select {
		case <-ctx.Done():
			return false, nil
		case err := <-parts.ended:
			return false, err
		case s := <-a.successors:
			err := a.handOver(ctx, parts, s)
			s.result <- err
			if err == nil {
				return true, nil
			}
		}
	}
}

// drain lets clients finish: /readyz turns 503, the delay gives load balancers
// time to see it, then the listeners close and what is in flight ends. Where a
// successor answers at the same address, no balancer has to see anything.
func (a *app) drain(ctx context.Context, upgraded bool) {
	d := a.config.Load().Drain
	spread := time.Duration(0)
	a.draining.Store(true)
	if upgraded {
		d.Delay, spread = 0, upgradeSpread
	} else {
		a.supervisor.stopping("draining")
	}
	a.logger.Info("draining", "delay", d.Delay, "timeout", d.Timeout)
	time.Sleep(d.Delay)
	ctx, cancel := context.WithTimeout(ctx, d.Timeout)
	defer cancel()
	if err := a.proxy.DrainWithin(ctx, spread); err != nil {
		a.logger.Warn("drain cut short", "error", err)
	}
}

func firstLine(err error) string {
	var faults config.Faults
	if errors.As(err, &faults) && len(faults) > 0 {
		if len(faults) > 1 {
			return fmt.Sprintf("%v (and %d more)", faults[0], len(faults)-1)
		}
		return faults[0].Error()
	}
	return err.Error()
}
