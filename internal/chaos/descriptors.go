package main

import (
	"net"
	"time"

	"sluice/bench"
	"sluice/internal/trial"
)

// descriptors gives sluice 128 and takes them all.
func (l *lab) descriptors() error {
	b, err := server("well", 100)
	if err != nil {
		return err
	}
	defer b.Close()
	p, err := l.start(shop(patient, b.URL()), shell("ulimit -n 128"))
	if err != nil {
		return err
	}
	defer p.Kill()
	report, flood, err := l.flooded(p)
	defer func() {
		for _, c := range flood {
			c.Close()
		}
	}()
	if err != nil {
		return err
	}
	l.none("no descriptors left: failed requests on open connections", &report)
	l.table.Judge("no descriptors left: sluice lives", p.Alive(), p.Alive(), true)
	for _, c := range flood {
		c.Close()
	}
	if err := l.recovers("descriptors free again: new connections", p, 3*time.Second); err != nil {
		return err
	}
	s, err := p.Scrape(l.ctx)
	if err != nil {
		return err
	}
	l.table.Judge("no descriptors left: counted", s.Sum("sluice_accept_errors_total") > 0, s.Sum("sluice_accept_errors_total"), "> 0")
	trial.Equal(&l.table, "no descriptors left: endpoints and versions blamed", 1-s.Sum("sluice_endpoint_healthy")+s.Sum("sluice_rollbacks_total"), 0)
	return nil
}

// flooded is a load on open connections while 300 idle ones take what descriptors there are.
func (l *lab) flooded(p *trial.Process) (report bench.Report, flood []net.Conn, err error) {
	results := make(chan bench.Report, 1)
	go func() {
		report, _ := l.load(p.Listen, 100, 4*time.Second, func(o *bench.LoadOptions) { o.Connections = 10 }) // options are right
		results <- report
	}()
	if err := p.Until("load", 5*time.Second, func() bool { n, err := l.counted(p); return err == nil && n > 50 }); err != nil {
		return report, nil, err
	}
	for range 300 {
		c, err := net.Dial("tcp", p.Listen)
		if err != nil {
			return report, flood, err
		}
		flood = append(flood, c)
	}
	return <-results, flood, nil
}
