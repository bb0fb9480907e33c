package main

import (
	"fmt"
	"net"
	"strings"
	"syscall"
	"time"

	"sluice/bench"
)

// upgrades asks for upgrades at the worst moments: when no descriptor is left, and when sluice is about to end.
func (l *lab) upgrades() error {
	b, err := server("well", 100)
	if err != nil {
		return err
	}
	defer b.Close()
	if err := l.upgradeWithoutDescriptors(shop(patient, b.URL())); err != nil {
		return err
	}
	return l.upgradeInDrain(shop(patient, b.URL()))
}

func (l *lab) upgradeWithoutDescriptors(services string) error {
	const promise = "upgrade without descriptors"
	p, err := l.line(services, "ulimit -n 128")
	if err != nil {
		return err
	}
	defer p.end()
	results := make(chan bench.Report, 1)
	go func() {
		report, _ := l.load(p.Listen, 100, 6*time.Second, func(o *bench.LoadOptions) { o.Connections = 10 }) // options are right
		results <- report
	}()
	if err := p.Until("load", 5*time.Second, func() bool { n, err := l.counted(p.Process); return err == nil && n > 50 }); err != nil {
		return err
	}
	for range 300 {
		c, err := net.Dial("tcp", p.Listen)
		if err != nil {
			return err
		}
		defer c.Close()
	}
	first := p.serving()
	done, err := p.upgrade()
	if err != nil {
		return err
	}
	report := <-results
	l.none(promise+": failed requests on open connections", &report)
	l.table.Judge(promise+": one of the two serves", p.serving() != 0 && done == (p.serving() != first), fmt.Sprintf("upgraded: %v", done), "the old one, or the new one")
	return nil
}

// upgradeInDrain asks for an upgrade right after the order to end: the order stands.
func (l *lab) upgradeInDrain(services string) error {
	const promise = "upgrade asked for in a drain"
	p, err := l.line(services, "true")
	if err != nil {
		return err
	}
	defer p.end()
	c, err := net.Dial("tcp", p.Listen) // a request that isn't all there keeps the drain going
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := c.Write([]byte("GET / HTTP/1.1\r\nHost: shop\r\n")); err != nil {
		return err
	}
	first := p.serving()
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGUSR2} {
		if err := syscall.Kill(first, s); err != nil {
			return err
		}
	}
	err = p.Until("the end", 20*time.Second, func() bool { return syscall.Kill(first, 0) != nil })
	l.table.Judge(promise+": the process ends all the same", err == nil, err == nil, true)
	_, err = net.Dial("tcp", p.Listen)
	l.table.Judge(promise+": nobody takes over", err != nil && !strings.Contains(p.Logs(), "panic"), err, "connection refused")
	return nil
}
