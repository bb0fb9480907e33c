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

const patient = "    timeouts: {connect: 500ms, response: 1s, idle: 2s}\n    retries: {attempts: 3, on: [connect_error, reset, timeout], budget: 100%}\n"

// leg is one sluice with a toxic proxy before one of its backends.
type leg struct {
	sick, well *backend.Server
	toxic      *toxic.Proxy
	sluice     *trial.Process
}

func (g *leg) close() {
	if g.sluice != nil {
		g.sluice.Kill()
	}
	g.toxic.Close()
	g.sick.Close()
	g.well.Close()
}

// leg starts one. alone: there is no other endpoint than the sick one.
func (l *lab) leg(size int, alone bool) (*leg, error) {
	g := &leg{}
	var err error
	if g.sick, err = server("sick", size); err != nil {
		return nil, err
	}
	if g.well, err = server("well", size); err != nil {
		return nil, err
	}
	if g.toxic, err = toxic.Start(g.sick.Addr()); err != nil {
		return nil, err
	}
	endpoints := []string{"http://" + g.toxic.Addr(), g.well.URL()}
	if alone {
		endpoints = endpoints[:1]
	}
	g.sluice, err = l.start(shop(patient, endpoints...))
	return g, err
}

// backendLeg hurts what lies between sluice and a backend.
func (l *lab) backendLeg() error {
	for _, c := range []struct {
		name     string
		up, down toxic.Toxic
		size     int
		alone    bool
		closing  bool // the backend closes after each answer
		slowest  time.Duration
		spared   bool // requests soon go round the sick endpoint
	}{
		{name: "latency 50–100 ms", up: toxic.Toxic{Latency: 50 * time.Millisecond, Jitter: 50 * time.Millisecond}, size: 100, alone: true, slowest: 2 * time.Second},
		{name: "bandwidth 2 MB/s", down: toxic.Toxic{Bandwidth: 2 << 20}, size: 20_000, alone: true, slowest: 5 * time.Second},
		{name: "slow close", down: toxic.Toxic{Linger: time.Second}, size: 100, alone: true, closing: true, slowest: 5 * time.Second},
		{name: "reset, one of two", down: toxic.Toxic{CutAfter: -1}, size: 100, slowest: 5 * time.Second, spared: true},
		{name: "half-open, one of two", up: toxic.Toxic{Swallow: true}, size: 100, slowest: 4 * time.Second, spared: true},
	} {
		g, err := l.leg(c.size, c.alone)
		if err != nil {
			return err
		}
		if c.closing {
			g.sick.Set(backend.Behaviour{Header: map[string]string{"Connection": "close"}})
		}
		g.toxic.Set(c.up, c.down)
		report, err := l.load(g.sluice.Listen, 100, 4*time.Second, func(o *bench.LoadOptions) { o.Connections = 150 })
		if err != nil {
			return err
		}
		l.none("backend leg, "+c.name+": failed requests", &report)
		l.table.Judge("backend leg, "+c.name+": slowest answer", report.Latency.Max() <= c.slowest, report.Latency.Max().Round(time.Millisecond), fmt.Sprint("≤ ", c.slowest))
		if c.spared {
			s, err := g.sluice.Scrape(l.ctx)
			if err != nil {
				return err
			}
			met := s.Sum("sluice_upstream_errors_total")
			l.table.Judge("backend leg, "+c.name+": attempts that met the sick one", met > 0 && met <= 20, met, fmt.Sprintf("1–20 of %d", report.Requests))
		}
		g.close()
	}
	return l.cutBodies()
}

// cutBodies ends answers in the middle: none may look whole to a client, all must be counted.
func (l *lab) cutBodies() error {
	g, err := l.leg(100_000, true)
	if err != nil {
		return err
	}
	defer g.close()
	g.toxic.Set(toxic.Toxic{}, toxic.Toxic{CutAfter: 50_000})
	report, err := l.load(g.sluice.Listen, 50, 3*time.Second)
	if err != nil {
		return err
	}
	broken, whole := report.Failed(), report.Status[200]
	l.table.Judge("backend leg, cut in mid-body: answers that looked whole", whole == 0 && broken > 0, whole, fmt.Sprintf("none of %d", report.Requests))
	failed, err := l.counted(g.sluice, `code="error"`)
	if err != nil {
		return err
	}
	all, err := l.counted(g.sluice)
	if err != nil {
		return err
	}
	l.table.Judge("backend leg, cut in mid-body: counted as errors", uint64(all) == report.Requests && failed == all, fmt.Sprintf("%g of %g", failed, all), fmt.Sprintf("all of %d", report.Requests))
	g.toxic.Set(toxic.Toxic{}, toxic.Toxic{})
	return l.recovers("backend leg, cut in mid-body: good again", g.sluice)
}

// recovers judges that requests are answered well again before long.
func (l *lab) recovers(promise string, p *trial.Process) error {
	begin := time.Now()
	err := p.Until("good answers", 10*time.Second, func() bool {
		r, err := l.load(p.Listen, 0, 100*time.Millisecond, func(o *bench.LoadOptions) { o.Connections = 1 })
		return err == nil && r.Failed() == 0 && r.Requests > 0
	})
	took := time.Since(begin).Round(100 * time.Millisecond)
	l.table.Judge(promise, err == nil, fmt.Sprintf("after %v: %v", took, err == nil), "within 10s")
	report, err := l.load(p.Listen, 100, 2*time.Second)
	if err != nil {
		return err
	}
	l.none(promise+", and stays so", &report)
	return nil
}

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
	for _, c := range []struct {
		name     string
		up, down toxic.Toxic
	}{
		{"latency 50–100 ms", toxic.Toxic{Latency: 50 * time.Millisecond, Jitter: 50 * time.Millisecond}, toxic.Toxic{}},
		{"bandwidth 2 MB/s", toxic.Toxic{}, toxic.Toxic{Bandwidth: 2 << 20}},
		{"slow close", toxic.Toxic{Linger: 500 * time.Millisecond}, toxic.Toxic{Linger: 500 * time.Millisecond}},
	} {
		front.Set(c.up, c.down)
		report, err := l.load(front.Addr(), 100, 3*time.Second, func(o *bench.LoadOptions) { o.Connections = 100 })
		if err != nil {
			return err
		}
		l.none("client leg, "+c.name+": failed requests", &report)
	}
	return l.leavingClients(p, front)
}

// leavingClients go in the middle of an upload, before the answer, and without a word.
func (l *lab) leavingClients(p *trial.Process, front *toxic.Proxy) error {
	before, err := l.counted(p, `code="5xx"`)
	if err != nil {
		return err
	}
	upload := func(o *bench.LoadOptions) { o.Method, o.Body = "POST", make([]byte, 200_000) }
	front.Set(toxic.Toxic{CutAfter: 100_000}, toxic.Toxic{})
	if _, err := l.load(front.Addr(), 50, 2*time.Second, upload); err != nil {
		return err
	}
	l.empties("client leg, reset in mid-upload: connections left", p, 5*time.Second)
	front.Set(toxic.Toxic{}, toxic.Toxic{CutAfter: 1000})
	if _, err := l.load(front.Addr(), 50, 2*time.Second); err != nil {
		return err
	}
	l.empties("client leg, reset in mid-answer: connections left", p, 5*time.Second)
	silent, err := net.Dial("tcp", p.Listen)
	if err != nil {
		return err
	}
	defer silent.Close()
	for i := range 50 {
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
	s, err := p.Scrape(l.ctx)
	if err != nil {
		return err
	}
	after := s.Sum("sluice_requests_total", `code="5xx"`)
	trial.Equal(&l.table, "client leg: clients that leave count as failures of the version", after-before, 0)
	trial.Equal(&l.table, "client leg: endpoints in service afterwards", s.Sum("sluice_endpoint_healthy"), 1)
	return nil
}

// killed ends the only backend and brings it back.
func (l *lab) killed() error {
	b, err := server("mortal", 100)
	if err != nil {
		return err
	}
	p, err := l.start(shop(patient, b.URL()))
	if err != nil {
		return err
	}
	defer p.Kill()
	report, err := l.load(p.Listen, 100, time.Second)
	if err != nil {
		return err
	}
	l.none("backend alive: failed requests", &report)
	address := b.Addr()
	b.Close()
	if report, err = l.load(p.Listen, 100, 2*time.Second); err != nil {
		return err
	}
	refused := report.Status[502] + report.Status[503]
	l.table.Judge("the only backend dead: clean 502 or 503", refused == report.Requests, outcome(&report), fmt.Sprintf("all of %d", report.Requests))
	l.table.Judge("the only backend dead: slowest refusal", report.Latency.Max() < time.Second, report.Latency.Max().Round(time.Millisecond), "< 1s")
	next, err := backend.Start(backend.Options{Name: "mortal", Address: address})
	if err != nil {
		return err
	}
	defer next.Close()
	return l.recovers("the only backend back: good again", p)
}
