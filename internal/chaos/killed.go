package main

import (
	"fmt"
	"time"

	"sluice/bench"
	"sluice/internal/backend"
	"sluice/internal/trial"
)

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
	if report, err = l.load(p.Listen, 100, 2*time.Second, func(o *bench.LoadOptions) { o.CountHeader = "Proxy-Status" }); err != nil {
		return err
	}
	l.table.Judge("the only backend dead: 502", report.Status[502] == report.Requests, outcome(&report), fmt.Sprintf("all of %d", report.Requests))
	l.table.Judge("the only backend dead: told in Proxy-Status", report.Labels[""] == 0, fmt.Sprintf("%v", report.Labels), "in each answer")
	l.table.Judge("the only backend dead: slowest refusal", report.Latency.Max() < time.Second, report.Latency.Max().Round(time.Millisecond), "< 1s")
	next, err := backend.Start(backend.Options{Name: "mortal", Address: address})
	if err != nil {
		return err
	}
	defer next.Close()
	return l.recovers("the only backend back: good again", p, firstRequest)
}

// firstRequest as the time within which good answers must come: none may fail any more.
const firstRequest = 0

// recovers judges that requests are answered well again before long, and stay so.
func (l *lab) recovers(promise string, p *trial.Process, within time.Duration) error {
	begin, tries, good := time.Now(), 0, false
	for !good && l.ctx.Err() == nil && (tries == 0 || time.Since(begin) < within) {
		answer := once(p.Listen, max(5*time.Second, within))
		good, tries = answer.status == 200 && answer.whole, tries+1
	}
	want := fmt.Sprintf("within %v", within)
	if within == firstRequest {
		want = "with the first request"
	}
	l.table.Judge(promise, good, fmt.Sprintf("%v after %v and %d requests", good, time.Since(begin).Round(100*time.Millisecond), tries), want)
	report, err := l.load(p.Listen, 100, 2*time.Second)
	if err != nil {
		return err
	}
	l.none(promise+", and stays so", &report)
	return nil
}
