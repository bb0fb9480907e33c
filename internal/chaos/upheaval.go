package main

import (
	"fmt"
	"time"

	"sluice/bench"
	"sluice/internal/toxic"
	"sluice/internal/trial"
)

// upheaval lets everything happen at once: networks hurt one of two endpoints, the configuration is saved anew, rollouts are started
// and aborted, and sluice upgrades, again and again, under load.
func (l *lab) upheaval() error {
	const promise, length = "toxics, reloads, aborts and upgrades at once", 12 * time.Second
	g, err := l.unrest()
	if err != nil {
		return err
	}
	defer g.close()
	results := make(chan bench.Report, 1)
	go func() {
		report, _ := l.load(g.line.Listen, 150, length, func(o *bench.LoadOptions) { o.Connections = 100 }) // options are right
		results <- report
	}()
	for stop := time.Now().Add(length - 2*time.Second); time.Now().Before(stop); {
		if err := g.turn(l); err != nil {
			return err
		}
	}
	report := <-results
	l.none(promise+": failed requests", &report)
	bitten := g.leg.toxic.Bitten()
	l.table.Judge(promise+": all of them happened", g.upgrades >= 2 && g.aborts >= 2 && bitten >= 2,
		fmt.Sprintf("%d reloads, %d upgrades, %d refused, %d aborts, %d pieces met a toxic", g.turns, g.upgrades, g.refused, g.aborts, bitten), "2 or more upgrades, aborts, pieces")
	return g.calm(l)
}

// unrest is what upheaval plays with.
type unrest struct {
	*leg
	line   *line
	canary func()
	urls   []any
	toxics [][2]toxic.Toxic

	turns, upgrades, refused, aborts int
}

func (l *lab) unrest() (*unrest, error) {
	g := &unrest{leg: &leg{}, toxics: [][2]toxic.Toxic{
		{}, {{}, {CutAfter: -1}}, {{Latency: 20 * time.Millisecond}, {}}, {{Swallow: true}, {}}, {{}, {Bandwidth: 5000}},
	}}
	var err error
	if g.sick, err = server("sick", 100); err != nil {
		return nil, err
	}
	if g.well, err = server("well", 100); err != nil {
		return nil, err
	}
	canary, err := server("canary", 100)
	if err != nil {
		return nil, err
	}
	g.canary = canary.Close
	if g.leg.toxic, err = toxic.Start(g.sick.Addr()); err != nil {
		return nil, err
	}
	g.urls = []any{"http://" + g.leg.toxic.Addr(), g.well.URL(), canary.URL()}
	g.line, err = l.line(g.services(0), "true")
	return g, err
}

// turn is one of everything.
func (g *unrest) turn(l *lab) error {
	g.turns++
	next := g.toxics[g.turns%len(g.toxics)]
	g.leg.toxic.Set(next[0], next[1])
	if err := g.line.Write(g.services(g.turns)); err != nil {
		return err
	}
	begun := g.order(l, "start") == nil
	if !l.pause(400 * time.Millisecond) { // for the toxic to bite
		return l.ctx.Err()
	}
	ok, err := g.line.upgrade()
	if err != nil {
		return err
	}
	if ok {
		g.upgrades++
	} else {
		g.refused++
	}
	if begun {
		g.aborts++
	}
	return g.line.Until("an abort", 10*time.Second, func() bool { return g.order(l, "abort") == nil || !g.running(l) })
}

func (g *unrest) close() {
	g.line.end()
	g.leg.close()
	g.canary()
}

func (g *unrest) services(n int) string {
	return fmt.Sprintf(`  - name: shop
    routes: [{path: /}]
    stable: v1
    versions: [{name: v1, weight: 100, endpoints: [%q, %q]}, {name: v2, weight: 0, endpoints: [%q], shield: true}]
`, g.urls...) + fmt.Sprintf(`    timeouts: {connect: 500ms, response: 1s, idle: %ds}
    retries: {attempts: 3, on: [connect_error, reset, timeout], budget: 100%%}
    rollout: {strategy: canary, canary: v2, preflight: off, analysis: none, stages: [{name: some, weight: 10, duration: 1m}]}
`, 60+n)
}

func (g *unrest) order(l *lab, action string) error {
	return g.line.API(l.ctx, "POST", "/api/v1/services/shop/rollout", map[string]string{"action": action, "reason": "chaos"}, nil)
}

func (g *unrest) running(l *lab) bool {
	var now struct{ Phase string }
	err := g.line.API(l.ctx, "GET", "/api/v1/services/shop/rollout", nil, &now)
	return err != nil || now.Phase == "running"
}

// calm judges what is left when it is over.
func (g *unrest) calm(l *lab) error {
	g.leg.toxic.Set(toxic.Toxic{}, toxic.Toxic{})
	if err := l.recovers("after toxics, reloads, aborts and upgrades: good answers", g.line.Process, 10*time.Second); err != nil {
		return err
	}
	var weights struct {
		Versions []struct {
			Name   string
			Weight float64
		}
	}
	if err := g.line.API(l.ctx, "GET", "/api/v1/services/shop", nil, &weights); err != nil {
		return err
	}
	trial.Equal(&l.table, "after toxics, reloads, aborts and upgrades: weights", fmt.Sprint(weights.Versions), "[{v1 100} {v2 0}]")
	s, err := g.line.Scrape(l.ctx)
	if err != nil {
		return err
	}
	trial.Equal(&l.table, "after toxics, reloads, aborts and upgrades: panics", s.Sum("sluice_panics_total"), 0)
	return nil
}
