package main

import (
	"fmt"
	"slices"
	"syscall"
	"time"

	"sluice/bench"
	"sluice/internal/trial"
)

// slowClients holds the latency of good clients beside 10,000 slow ones against that without, in turn.
func (l *lab) slowClients() error {
	d := &duel{count: l.slowCount()}
	rounds, length := 5, 5*time.Second
	if l.short {
		d.count, rounds, length = min(d.count, 600), 1, 2*time.Second
	}
	good, err := server("good", 100)
	if err != nil {
		return err
	}
	defer good.Close()
	// What stands for other machines has processes of its own, which give way.
	slow, err := l.aside("-be-slow-backend")
	if err != nil {
		return err
	}
	defer slow.end()
	p, err := l.start(besideSlow(good.URL(), "http://"+slow.said), func(o *trial.Options) {
		o.Prelude = "proxy: {head_timeout: 2m, body_timeout: 1m, write_timeout: 2m}"
	})
	if err != nil {
		return err
	}
	defer p.Kill()
	for range rounds {
		if err := l.round(p, d, length); err != nil {
			return err
		}
	}
	name := fmt.Sprintf("%d slow clients beside 500 good requests/s", d.count)
	l.table.Judge(name+": open to the end of each round", slices.Min(d.held) >= d.count*9/10, d.held, fmt.Sprintf("≥ %d", d.count*9/10))
	if l.short {
		l.table.Skip(name+": p99 with / without", "one short round says nothing of latency")
		return nil
	}
	d.judge(&l.table, name+": p99 with / without, median of 5")
	return nil
}

// besideSlow is a service for good clients and one for slow ones.
func besideSlow(good, slow string) string {
	return fmt.Sprintf(`  - name: shop
    routes: [{hosts: [shop]}]
    versions: [{name: v1, weight: 100, endpoints: [%q]}]
  - name: slow
    routes: [{hosts: [slow]}]
    versions: [{name: v1, weight: 100, endpoints: [%q]}]
    limits: {connections_per_version: 20000, pending_per_version: 20000}
    timeouts: {response: 10m, idle: 10m}
`, good, slow)
}

// good is the load of good clients, and the CPU time of sluice meanwhile.
func (l *lab) good(p *trial.Process, length time.Duration) (report bench.Report, used time.Duration, err error) {
	before, err := p.CPU()
	if err != nil {
		return report, 0, err
	}
	if report, err = l.load(p.Listen, 500, length, func(o *bench.LoadOptions) { o.Connections = 256 }); err != nil {
		return report, 0, err
	}
	after, err := p.CPU()
	return report, after - before, err
}

// slowAnswer is more than fits the buffers of a client that asked for small ones, and its kernel's and sluice's on the way.
const slowAnswer = 512 << 10

// settle waits until sluice has done what the crowd's arrival costs, for 30 s at most: what is measured is their presence.
func (l *lab) settle(p *trial.Process) {
	for range 60 {
		before, _ := p.CPU() // 0 if it can't be read: then this ends at once
		if !l.pause(500 * time.Millisecond) {
			return
		}
		if after, err := p.CPU(); err != nil || after-before < 100*time.Millisecond {
			return
		}
	}
}

// slowCount is 10,000, or what the limit of descriptors leaves room for: sluice needs one for
// each client and one for two thirds of them to their backend.
func (l *lab) slowCount() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 1000
	}
	return max(300, min(10_000, (int(limit.Cur)-1000)*3/5))
}
