package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"
)

// measuring is one run of all scenarios.
type measuring struct {
	options
	ctx      context.Context
	dir      string
	peers    []peer
	backends *process
	echo     *echo
	base     wiring
	report   report
}

func newBench(ctx context.Context, o options, dir string) (*measuring, error) {
	m := &measuring{options: o, ctx: ctx, dir: dir, base: wiring{dir: dir}}
	var err error
	if m.peers, err = peers(o.sluice); err != nil {
		return nil, err
	}
	if m.base.cert, m.base.key, m.base.both, err = certificate(dir); err != nil {
		return nil, err
	}
	if m.backends, m.base.one, m.base.two, err = startBackends(ctx, dir); err != nil {
		return nil, err
	}
	if m.echo, err = startEcho(); err != nil {
		m.backends.stop()
		return nil, err
	}
	return m, nil
}

func (m *measuring) close() {
	m.backends.stop()
	m.echo.Close()
}

// measureAll runs what was chosen, prints as it goes, and writes the results.
func (m *measuring) measureAll() (broken bool, err error) {
	list, err := chosen(m.options)
	if err != nil {
		return false, err
	}
	m.report.begin(m.peers)
	m.report.printHead(os.Stdout)
	for i := range list {
		s := &list[i]
		workers := []int{1}
		if m.full && s.all && allCores() > 1 {
			workers = append(workers, allCores())
		}
		for _, n := range workers {
			r, err := m.measure(s, n)
			if err != nil {
				return false, fmt.Errorf("%s: %w", s.name, err)
			}
			m.report.Scenarios = append(m.report.Scenarios, *r)
			r.print(os.Stdout)
		}
	}
	m.report.printEnd(os.Stdout)
	if m.results != "" {
		if err := m.report.write(m.results); err != nil {
			return false, err
		}
	}
	return m.report.broken(), nil
}

// measure runs one scenario: the peers are loaded in turn, each round in another
// order. They all run all the while, but only the one that is loaded is not frozen.
func (m *measuring) measure(s *scenario, workers int) (*result, error) {
	r := &result{Name: s.name, Workers: workers, Most: s.most, promise: s.promise, against: s.against}
	running, err := m.startPeers(s, workers)
	defer func() {
		for _, p := range running {
			p.process.stop()
		}
	}()
	if err != nil {
		return nil, err
	}
	for _, p := range running {
		p.process.freeze(true)
	}
	if s.idle > 0 {
		return r, m.measureIdle(s, running, r)
	}
	for _, p := range running { // connections to backends, caches, branch predictors
		if _, err := counted(p, func() (sample, error) { return m.load(s, p, min(m.duration, time.Second)) }); err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
	}
	for round := range m.rounds {
		for i := range running {
			p := running[(i+round)%len(running)]
			one, err := m.loadAndCount(s, p)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", p.name, err)
			}
			r.add(p.name, one)
		}
	}
	if s.name == "small" && workers == 1 {
		err = m.measureLatency(running, r)
	}
	return r, err
}

// candidate is a peer that runs.
type candidate struct {
	name    string
	wiring  *wiring
	process *process
}

func (m *measuring) startPeers(s *scenario, workers int) ([]candidate, error) {
	var running []candidate
	start := func(p *peer, name string, set setup) error {
		w := m.base
		w.setup, w.workers = set, workers
		if s.webSocket {
			w.one, w.two = m.echo.Addr().String(), m.echo.Addr().String()
		}
		run, err := p.start(m.ctx, &w)
		if err == nil {
			running = append(running, candidate{name, &w, run})
		}
		return err
	}
	for i := range m.peers {
		p := &m.peers[i]
		if slices.Contains(s.without, p.name) {
			continue
		}
		if err := start(p, p.name, s.setup); err != nil {
			return running, err
		}
		if p.name == "sluice" && s.against == alone {
			single := s.setup
			single.services = 0
			if err := start(p, alone, single); err != nil {
				return running, err
			}
		}
	}
	return running, nil
}

func (m *measuring) load(s *scenario, p candidate, d time.Duration) (sample, error) {
	if s.webSocket {
		return echoes(m.ctx, p.wiring.listen, d)
	}
	return wrk(m.ctx, m.dir, p.wiring.listen, s, d)
}

// counted runs a load and adds what it cost the proxy, which is frozen before and after.
func counted(p candidate, load func() (sample, error)) (sample, error) {
	p.process.freeze(false)
	defer p.process.freeze(true)
	before, err := p.process.cpu()
	if err != nil {
		return sample{}, err
	}
	one, err := load()
	if err != nil {
		return one, err
	}
	after, err := p.process.cpu()
	if err != nil {
		return one, err
	}
	if one.Requests > 0 {
		one.CPU = float64((after - before).Microseconds()) / float64(one.Requests)
	}
	one.Memory, err = p.process.memory()
	return one, err
}

func (m *measuring) loadAndCount(s *scenario, p candidate) (sample, error) {
	return counted(p, func() (sample, error) { return m.load(s, p, m.duration) })
}

// measureLatency loads each peer at half of what the slowest of the three can, in an
// open loop.
func (m *measuring) measureLatency(running []candidate, r *result) error {
	for _, p := range running {
		if rate := r.median(p.name, func(s sample) float64 { return s.RPS }); p.name != "caddy" && (r.Rate == 0 || rate/2 < r.Rate) {
			r.Rate = rate / 2
		}
	}
	for round := range min(m.rounds, 3) {
		for i := range running {
			p := running[(i+round)%len(running)]
			if p.name == "caddy" {
				continue // half of the others' rate is more than it can
			}
			one, err := counted(p, func() (sample, error) { return openLoop(m.ctx, p.wiring.listen, r.Rate, m.duration) })
			if err != nil {
				return err
			}
			r.addLatency(p.name, one)
		}
	}
	return nil
}

// measureIdle tells what a connection costs that waits for its next request.
func (m *measuring) measureIdle(s *scenario, running []candidate, r *result) error {
	for _, p := range running {
		p.process.freeze(false)
		before, err := p.process.memory()
		if err != nil {
			return err
		}
		release, err := keepOpen(m.ctx, p.wiring.listen, s.idle)
		after, memoryErr := p.process.memory()
		release()
		p.process.freeze(true)
		if err = errors.Join(err, memoryErr); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		r.addIdle(p.name, float64(after-before)/float64(s.idle))
	}
	return nil
}
