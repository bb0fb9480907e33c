package peers

import "math"

// Envoy is success-rate outlier detection: every ten seconds a host whose success
// rate is under the mean minus 1.9 standard deviations (of the population of hosts) is
// ejected. The bound does not depend on how much traffic there was, so someone is nearly
// always an outlier. It needs five hosts with a hundred requests each; with
// fewer hosts nothing can be so far from the mean.
//
// Source: envoyproxy.io, outlier detection: success_rate_stdev_factor 1900,
// success_rate_minimum_hosts 5, success_rate_request_volume 100, interval 10 s.
type Envoy struct {
	clock    clock
	interval []Counts
	rates    []float64
}

const (
	envoyDeviations = 1.9
	envoyHosts      = 5
	envoyVolume     = 100
)

// NewEnvoy watches the canary as the first of Second.Hosts.
func NewEnvoy() *Envoy { return &Envoy{clock: clock{every: 10}} }

// Add takes in a second and reports whether the canary's host is ejected.
func (e *Envoy) Add(s *Second) bool {
	if len(e.interval) != len(s.Hosts) {
		e.interval = make([]Counts, len(s.Hosts))
	}
	for i, h := range s.Hosts {
		e.interval[i] = e.interval[i].add(h)
	}
	if !e.clock.tick() {
		return false
	}
	outlier := e.outlier()
	clear(e.interval)
	return outlier
}

func (e *Envoy) outlier() bool {
	e.rates = e.rates[:0]
	for _, h := range e.interval {
		if h.Requests >= envoyVolume {
			e.rates = append(e.rates, 1-h.rate())
		}
	}
	if len(e.rates) < envoyHosts || e.interval[0].Requests < envoyVolume {
		return false
	}
	mean, square := 0.0, 0.0
	for _, r := range e.rates {
		mean += r
	}
	mean /= float64(len(e.rates))
	for _, r := range e.rates {
		square += (r - mean) * (r - mean)
	}
	deviation := math.Sqrt(square / float64(len(e.rates)))
	return deviation > 0 && e.rates[0] < mean-envoyDeviations*deviation
}
