package main

import (
	"fmt"
	"io"
	"net"
	"time"

	"sluice/bench"
	"sluice/internal/backend"
	"sluice/internal/toxic"
	"sluice/internal/trial"
)

// clientLeg hurts what lies between clients and sluice.
func (l *lab) clientLeg() error {
	b, err := server("well", 20_000)
	if err != nil {
		return err
	}
	defer b.Close()
	p, err := l.start(shop(patient, b.URL()), func(o *trial.Options) {
		o.Prelude = "proxy: {head_timeout: 2s, body_timeout: 2s, write_timeout: 2s, keep_alive_timeout: 2s}"
	})
	if err != nil {
		return err
	}
	defer p.Kill()
	front, err := toxic.Start(p.Listen)
	if err != nil {
		return err
	}
	defer front.Close()
	for _, h := range []hurt{
		{name: "latency 300 ms", up: toxic.Toxic{Latency: 300 * time.Millisecond}, fastest: 300 * time.Millisecond, slowest: 5 * time.Second},
		{name: "bandwidth 200 kB/s", down: toxic.Toxic{Bandwidth: 200_000}, fastest: 75 * time.Millisecond, slowest: 5 * time.Second},
		{name: "slow close", up: toxic.Toxic{Linger: 500 * time.Millisecond}, down: toxic.Toxic{Linger: 500 * time.Millisecond}, slowest: 5 * time.Second},
	} {
		front.Set(h.up, h.down)
		if _, err := l.bite("client leg", &h, front.Addr()); err != nil {
			return err
		}
	}
	took, err := lateEnd(front.Addr()) // the slow close is still there
	if err != nil {
		return err
	}
	l.table.Judge("client leg, slow close: the end comes late", took >= 500*time.Millisecond, took.Round(time.Millisecond), "≥ 500ms")
	return l.leavingClients(p, front, b)
}

// leavingClients go in the middle of an upload, before the answer, and without a word.
func (l *lab) leavingClients(p *trial.Process, front *toxic.Proxy, b *backend.Server) error {
	before, err := p.Scrape(l.ctx)
	if err != nil {
		return err
	}
	idle := b.Connections()
	front.Set(toxic.Toxic{CutAfter: 100_000}, toxic.Toxic{})
	report, err := l.load(front.Addr(), 50, 2*time.Second, func(o *bench.LoadOptions) { o.Method, o.Body = "POST", make([]byte, 200_000) })
	if err != nil {
		return err
	}
	l.empties("client leg, reset in mid-upload: connections left", p, 5*time.Second)
	l.deserted("client leg, reset in mid-upload: connections left to the backend", p, b, idle)
	s, err := p.Scrape(l.ctx)
	if err != nil {
		return err
	}
	gone := s.Sum("sluice_requests_total", `code="4xx"`) - before.Sum("sluice_requests_total", `code="4xx"`)
	l.table.Judge("client leg, reset in mid-upload: counted as clients that left (4xx)", uint64(gone) == report.Requests && gone > 0, gone, report.Requests)
	front.Set(toxic.Toxic{}, toxic.Toxic{CutAfter: 1000})
	if _, err := l.load(front.Addr(), 50, 2*time.Second); err != nil {
		return err
	}
	l.empties("client leg, reset in mid-answer: connections left", p, 5*time.Second)
	if err := l.silentClients(p); err != nil {
		return err
	}
	if s, err = p.Scrape(l.ctx); err != nil {
		return err
	}
	after := s.Sum("sluice_requests_total", `code="5xx"`)
	trial.Equal(&l.table, "client leg: clients that leave count as failures of the version", after-before.Sum("sluice_requests_total", `code="5xx"`), 0)
	trial.Equal(&l.table, "client leg: endpoints in service afterwards", s.Sum("sluice_endpoint_healthy"), 1)
	return nil
}

// deserted judges that no more connections to the backend are left than were idle before, or may be.
func (l *lab) deserted(promise string, p *trial.Process, b interface{ Connections() int }, idle int) {
	err := p.Until("no connection to the backend", 5*time.Second, func() bool { return b.Connections() <= idle })
	l.table.Judge(promise, err == nil, b.Connections(), fmt.Sprint("≤ ", idle, ", which idle"))
}

// silentClients open connections and say nothing more, in all that a request has before its end. The timeouts
// that end them are 2 s each.
func (l *lab) silentClients(p *trial.Process) error {
	begin := time.Now()
	for i := range 51 {
		c, err := net.Dial("tcp", p.Listen)
		if err != nil {
			return err
		}
		defer c.Close()
		half := []string{"", "GET / HT", "POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 100\r\n\r\nabc"}[i%3]
		if _, err := io.WriteString(c, half); err != nil {
			return err
		}
	}
	if err := p.Until("51 connections", 5*time.Second, func() bool {
		s, err := p.Scrape(l.ctx)
		return err == nil && s.Sum("sluice_connections") >= 51
	}); err != nil {
		return err
	}
	l.empties("client leg, half-open in head or body: connections left", p, 10*time.Second)
	lived := time.Since(begin)
	l.table.Judge("client leg, half-open in head or body: not ended before their timeouts", lived >= 2*time.Second, lived.Round(100*time.Millisecond), "≥ 2s")
	return nil
}
