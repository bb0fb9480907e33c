package main

import (
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"sluice/bench"
	"sluice/internal/backend"
	"sluice/internal/trial"
)

// clock stops the process for some seconds, as a snapshot or a move of a virtual machine does, and runs it with a monotonic
// clock far from zero.
func (l *lab) clock() error {
	l.table.Skip("wall clock stepped", "no namespace holds CLOCK_REALTIME (time_namespaces(7)), and a static binary loads no libfaketime")
	var urls []any
	for _, name := range []string{"a1", "b1", "a2", "b2"} { // two a version: of one alone none is ever ejected
		b, err := server(name, 100)
		if err != nil {
			return err
		}
		defer b.Close()
		b.Set(backend.Behaviour{Delay: 20 * time.Millisecond})
		urls = append(urls, b.URL())
	}
	services := fmt.Sprintf("  - name: shop\n    routes: [{path: /}]\n    stable: v1\n    versions: [{name: v1, weight: 50, endpoints: [%q, %q]}, {name: v2, weight: 50, endpoints: [%q, %q]}]\n", urls...)
	if err := l.stopped(services); err != nil {
		return err
	}
	return l.farClock(services)
}

// stopped stops sluice for 4 s, twice, under load.
func (l *lab) stopped(services string) error {
	p, err := l.start(services)
	if err != nil {
		return err
	}
	defer p.Kill()
	results := make(chan bench.Report, 1)
	go func() {
		report, _ := l.load(p.Listen, 200, 20*time.Second, func(o *bench.LoadOptions) { o.Connections = 1500 }) // options are right
		results <- report
	}()
	for range 2 {
		if !l.pause(2 * time.Second) {
			return l.ctx.Err()
		}
		if err := p.Signal(syscall.SIGSTOP); err != nil {
			return err
		}
		l.pause(4 * time.Second)
		if err := p.Signal(syscall.SIGCONT); err != nil {
			return err
		}
	}
	report := <-results
	l.none("stopped for 4 s, twice: failed requests", &report)
	slowest := report.Latency.Max()
	l.table.Judge("stopped for 4 s, twice: slowest answer", slowest > 3*time.Second && slowest < 10*time.Second, slowest.Round(time.Millisecond), "3s–10s: it was stopped, and no longer")
	s, err := p.Scrape(l.ctx)
	if err != nil {
		return err
	}
	trial.Equal(&l.table, "stopped for 4 s, twice: versions cut", s.Sum("sluice_rollbacks_total"), 0)
	trial.Equal(&l.table, "stopped for 4 s, twice: endpoints ejected", strings.Count(p.Logs(), "ejected for"), 0)
	return nil
}

func (l *lab) pause(d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-l.ctx.Done():
		return false
	}
}

func (l *lab) farClock(services string) error {
	if out, err := exec.Command("unshare", "--time", "--monotonic", "1", "true").CombinedOutput(); err != nil {
		l.table.Skip("monotonic clock at 20 years", fmt.Sprintf("needs root, unshare and time namespaces (%s)", strings.TrimSpace(string(out))))
		return nil
	}
	p, err := l.start(services, func(o *trial.Options) {
		o.Wrap = []string{"unshare", "--fork", "--kill-child", "--time", "--monotonic", "630720000", "--boottime", "630720000"}
	})
	if err != nil {
		return err
	}
	defer p.Kill()
	report, err := l.load(p.Listen, 200, 2*time.Second)
	if err != nil {
		return err
	}
	l.none("monotonic clock at 20 years: failed requests", &report)
	return nil
}
