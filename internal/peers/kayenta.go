package peers

import "slices"

// Kayenta compares one value per arm and minute, here the error rate in percent, by
// a Mann–Whitney test at 98 % (two-sided): the canary is High if the confidence
// interval of the shift lies above a quarter of its estimate and the mean did
// rise. A minute with ten requests weighs as one with a million. The test is made for one
// look and repeated at each interval.
//
// Source: spinnaker.io, canary judge; spinnaker/kayenta MannWhitneyClassifier
// (tolerance 0.25, confidence 0.98, allowed increase 1) and its root finder's tolerance of
// 1e-4, which is absolute and so makes verdicts depend on the scale of the metric.
type Kayenta struct {
	minute         clock
	every          int // minutes
	interval       arms
	canary, stable []float64 // percent, sorted
	minutes        int
}

const (
	kayentaTolerance = 0.25
	kayentaZ         = 2.326
)

// NewKayenta judges all minutes so far, every so many minutes.
func NewKayenta(everyMinutes int) *Kayenta {
	return &Kayenta{minute: clock{every: 60}, every: everyMinutes}
}

// Add takes in a second and reports whether the judge finds the canary High.
func (k *Kayenta) Add(s *Second) bool {
	k.interval = k.interval.add(s)
	if !k.minute.tick() {
		return false
	}
	k.canary = point(k.canary, k.interval.canary)
	k.stable = point(k.stable, k.interval.stable)
	k.interval = arms{}
	k.minutes++
	return k.minutes%k.every == 0 && len(k.canary) > 0 && len(k.stable) > 0 && high(k.canary, k.stable)
}

// point puts a minute's rate in its place; a minute without traffic has none.
func point(sorted []float64, c Counts) []float64 {
	if c.Requests == 0 {
		return sorted
	}
	x := 100 * c.rate()
	i, _ := slices.BinarySearch(sorted, x)
	return slices.Insert(sorted, i, x)
}

func high(x, y []float64) bool {
	if slices.Equal(x, y) || x[0] == x[len(x)-1] && y[0] == y[len(y)-1] && x[0] == y[0] {
		return false
	}
	s := shift{x, y}
	lower, ok := s.at(kayentaZ, true)
	if !ok {
		return false // all observations are tied: an error, which is no verdict
	}
	estimate, ok := s.at(0, false)
	if !ok {
		return false
	}
	mx, my := mean(x), mean(y)
	return lower > kayentaTolerance*max(estimate, -estimate) && (mx == 0 || my == 0 || mx >= my)
}

func mean(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
}
