package main

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"sluice/internal/trial"
)

// duel is good clients alone and beside slow ones, round after round.
type duel struct {
	count               int
	held                []int // slow clients open at the end of each round
	ratios              []float64
	bases               []time.Duration // p99 alone
	seen                []string
	cpuAlone, cpuBeside time.Duration
}

const (
	// worstRatio is what slow clients may make of the p99 of good ones.
	worstRatio = 1.5
	// calmSpread is how far the p99 of good clients alone may range from round to round, as a ratio, for a
	// median to mean something.
	calmSpread = 3
)

func (l *lab) round(p *trial.Process, d *duel, length time.Duration) error {
	alone, usedAlone, err := l.good(p, length)
	if err != nil {
		return err
	}
	crowd, err := l.aside("-be-crowd-at", p.Listen, "-count", fmt.Sprint(d.count))
	if err != nil {
		return err
	}
	l.settle(p)
	beside, usedBeside, err := l.good(p, length)
	open, _ := strconv.Atoi(crowd.end()) // 0 if it is gone
	if err != nil {
		return err
	}
	l.table.Judge("slow clients: failed good requests", beside.Failed() == 0 && beside.Requests > 0, outcome(&beside), fmt.Sprintf("0 failed of %d", beside.Requests))
	d.add(beside.Latency.Quantile(0.99), alone.Latency.Quantile(0.99))
	d.held = append(d.held, open)
	d.cpuAlone, d.cpuBeside = d.cpuAlone+usedAlone, d.cpuBeside+usedBeside
	l.empties("slow clients gone: connections left", p, 20*time.Second)
	return nil
}

func (d *duel) add(beside, alone time.Duration) {
	d.ratios, d.bases = append(d.ratios, float64(beside)/float64(alone)), append(d.bases, alone)
	d.seen = append(d.seen, fmt.Sprintf("%v/%v", beside.Round(10*time.Microsecond), alone.Round(10*time.Microsecond)))
}

// judge takes the median where the good clients alone see about the same from round to round. Where not even they
// do, only rounds that all say the same decide; else nothing is decided, whatever the median happens to be.
func (d *duel) judge(t *trial.Table, promise string) {
	ratios, bases := slices.Sorted(slices.Values(d.ratios)), slices.Sorted(slices.Values(d.bases))
	last := len(ratios) - 1
	median := ratios[len(ratios)/2]
	want := fmt.Sprint("≤ ", worstRatio)
	got := fmt.Sprintf("%.2f (%.2f–%.2f) %v, CPU of sluice %v/%v", median, ratios[0], ratios[last], d.seen, d.cpuBeside, d.cpuAlone)
	if bases[last] > calmSpread*bases[0] && ratios[0] <= worstRatio && ratios[last] > worstRatio {
		t.Undecided(promise, fmt.Sprintf("without slow clients alone it ranged over %v–%v: other work on this machine; %s", bases[0], bases[last], got), want)
		return
	}
	t.Judge(promise, median <= worstRatio, got, want)
}
