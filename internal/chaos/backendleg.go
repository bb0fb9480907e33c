package main

import (
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"sluice/bench"
	"sluice/internal/backend"
	"sluice/internal/toxic"
	"sluice/internal/trial"
)

// backendLeg hurts what lies between sluice and a backend.
func (l *lab) backendLeg() error {
	for _, h := range []hurt{
		{name: "latency 300 ms", up: toxic.Toxic{Latency: 300 * time.Millisecond}, size: 100, alone: true, fastest: 300 * time.Millisecond, slowest: 5 * time.Second},
		{name: "latency 50–100 ms", up: toxic.Toxic{Latency: 50 * time.Millisecond, Jitter: 50 * time.Millisecond}, size: 100, alone: true, fastest: 50 * time.Millisecond, slowest: 5 * time.Second},
		{name: "bandwidth 200 kB/s", down: toxic.Toxic{Bandwidth: 200_000}, size: 20_000, alone: true, fastest: 75 * time.Millisecond, slowest: 5 * time.Second},
		{name: "slow close", down: toxic.Toxic{Linger: time.Second}, size: 100, alone: true, closing: true, slowest: 5 * time.Second, median: time.Second},
		{name: "reset, one of two", down: toxic.Toxic{CutAfter: -1}, size: 100, slowest: 5 * time.Second, spared: true},
		{name: "half-open, one of two", up: toxic.Toxic{Swallow: true}, size: 100, atLeast: 900 * time.Millisecond, slowest: 4 * time.Second, spared: true},
	} {
		if err := l.hurtBackend(&h); err != nil {
			return err
		}
	}
	for _, f := range []func() error{l.megabyteFromBackend, l.silentAnswers, l.silentForLong, l.cutBodies, l.cutLate} {
		if err := f(); err != nil {
			return err
		}
	}
	return nil
}

func (l *lab) hurtBackend(h *hurt) error {
	g, err := l.leg(h.size, h.alone)
	if err != nil {
		return err
	}
	defer g.close()
	if h.closing {
		g.sick.Set(backend.Behaviour{Header: map[string]string{"Connection": "close"}})
	}
	g.toxic.Set(h.up, h.down)
	report, err := l.bite("backend leg", h, g.sluice.Listen)
	if err != nil {
		return err
	}
	if h.down.Linger > 0 {
		took, err := lateEnd(g.toxic.Addr())
		if err != nil {
			return err
		}
		l.table.Judge("backend leg, "+h.name+": the end comes late", took >= h.down.Linger, took.Round(time.Millisecond), fmt.Sprint("≥ ", h.down.Linger))
	}
	if h.spared {
		return l.spared("backend leg, "+h.name, g, &report)
	}
	return nil
}

// lateEnd is how long a connection to address stays open after a request whose answer ends it.
func lateEnd(address string) (time.Duration, error) {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	begin := time.Now()
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n"); err != nil {
		return 0, err
	}
	if _, err := io.Copy(io.Discard, c); err != nil {
		return 0, err
	}
	return time.Since(begin), nil
}

// spared judges that few attempts met the sick endpoint, and that failures in a row, or requests that hang, took it out of service.
func (l *lab) spared(promise string, g *leg, report *bench.Report) error {
	s, err := g.sluice.Scrape(l.ctx)
	if err != nil {
		return err
	}
	met := s.Sum("sluice_upstream_errors_total")
	l.table.Judge(promise+": attempts that met the sick one", met > 0 && met <= 20, met, fmt.Sprintf("1–20 of %d", report.Requests))
	return l.ejected(promise, g)
}

// ejected judges that the sick endpoint, and it alone, is out of service, or gets there by further requests.
func (l *lab) ejected(promise string, g *leg) error {
	err := g.sluice.Until("the sick endpoint is ejected", 20*time.Second, func() bool {
		_, _ = l.load(g.sluice.Listen, 0, 50*time.Millisecond, func(o *bench.LoadOptions) { o.Connections = 4 }) // options are right
		return strings.Contains(g.sluice.Logs(), "ejected for")
	})
	logs := g.sluice.Logs()
	alone := strings.Contains(logs, g.toxic.Addr()+": ") && !strings.Contains(logs, g.well.Addr()+": ")
	l.table.Judge(promise+": the sick endpoint alone is ejected", err == nil && alone, err == nil && alone, true)
	return nil
}

// megabyteFromBackend reads one answer of 1 MiB through 1 MiB/s.
func (l *lab) megabyteFromBackend() error {
	g, err := l.leg(1<<20, true)
	if err != nil {
		return err
	}
	defer g.close()
	g.toxic.Set(toxic.Toxic{}, toxic.Toxic{Bandwidth: 1 << 20})
	l.megabyte("backend leg", g.sluice.Listen)
	return nil
}

// megabyte judges one answer of 1 MiB that comes through 1 MiB/s.
func (l *lab) megabyte(leg, address string) {
	s := once(address, 20*time.Second)
	l.table.Judge(leg+", 1 MiB through 1 MiB/s", s.status == 200 && s.whole && s.body == 1<<20 && s.took >= 900*time.Millisecond && s.took < 5*time.Second,
		fmt.Sprintf("%d bytes after %v", s.body, s.took.Round(time.Millisecond)), "1048576 bytes after 0.9s–5s")
}

// silentAnswers has no retry after a timeout: who meets the half-open endpoint gets 504.
func (l *lab) silentAnswers() error {
	g, err := l.leg(100, false, "    timeouts: {response: 1s}\n    retries: {attempts: 3, on: [connect_error, reset], budget: 100%}\n")
	if err != nil {
		return err
	}
	defer g.close()
	g.toxic.Set(toxic.Toxic{Swallow: true}, toxic.Toxic{})
	report, err := l.load(g.sluice.Listen, 100, 4*time.Second, func(o *bench.LoadOptions) { o.Connections = 150 })
	if err != nil {
		return err
	}
	late, well := report.Status[504], report.Status[200]
	l.table.Judge("backend leg, half-open without retries.on timeout: 504 for those who meet it", g.toxic.Bitten() > 0 && late > 0 && late <= 20 && late+well == report.Requests,
		fmt.Sprintf("%s, %d pieces swallowed", outcome(&report), g.toxic.Bitten()), fmt.Sprintf("1–20 of %d, no other failure", report.Requests))
	return nil
}

// silentForLong has a timeout so long that only age can tell. Two requests must hang for that, and the
// emptier endpoint is taken: there are so many of them that the other one is often as full.
func (l *lab) silentForLong() error {
	g, err := l.leg(100, false, "    timeouts: {response: 30s}\n")
	if err != nil {
		return err
	}
	defer g.close()
	g.toxic.Set(toxic.Toxic{Swallow: true}, toxic.Toxic{})
	report, err := l.load(g.sluice.Listen, 1500, 3*time.Second, func(o *bench.LoadOptions) { o.Connections, o.Timeout = 150, 5*time.Second })
	if err != nil {
		return err
	}
	trial.Equal(&l.table, "backend leg, half-open with a timeout of 30 s: ejected by age", strings.Contains(g.sluice.Logs(), g.toxic.Addr()+": requests unanswered for"), true)
	l.table.Judge("backend leg, half-open with a timeout of 30 s: the others are answered", report.Status[200] > report.Requests/4 && report.Status[200]+report.Errors["timeout"] == report.Requests,
		outcome(&report), fmt.Sprintf("of %d", report.Requests))
	return nil
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
	return l.recovers("backend leg, cut in mid-body: good again", g.sluice, firstRequest)
}

// cutLate ends answers in the middle when their head is long counted as good.
func (l *lab) cutLate() error {
	g, err := l.leg(200_000, true)
	if err != nil {
		return err
	}
	defer g.close()
	g.toxic.Set(toxic.Toxic{}, toxic.Toxic{Bandwidth: 50_000, CutAfter: 100_000})
	report, err := l.load(g.sluice.Listen, 20, time.Second, func(o *bench.LoadOptions) { o.Connections = 10 })
	if err != nil {
		return err
	}
	l.table.Judge("backend leg, cut 2 s after the head: answers that looked whole", report.Status[200] == 0 && report.Requests > 0, report.Status[200], fmt.Sprintf("none of %d", report.Requests))
	s, err := g.sluice.Scrape(l.ctx)
	if err != nil {
		return err
	}
	trial.Equal(&l.table, "backend leg, cut 2 s after the head: sluice_broken_answers_total", uint64(s.Sum("sluice_broken_answers_total")), report.Requests)
	return nil
}
