package rollout

import (
	"time"

	"sluice/analysis"
)

// Times that figures for people and the p99 of the hang detection look back.
const (
	shownRates     = 10 * time.Second
	shownLatencies = time.Minute
)

// VersionStats is how a version does, for people. All of its traffic counts:
// split by weight and sent by rules. The zero value stands for an unknown version.
type VersionStats struct {
	Requests, Failed uint64        // since the process began to serve the version
	ErrorRate        float64       // 0…1, over the last 10 s; 0 without requests
	RPS              float64       // requests a second that ended, over the last 10 s
	P50, P99         time.Duration // of good answers, over the last minute; 0 without any
}

// Stats of a version, now.
func (c *Controller) Stats(service, version string) VersionStats {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.services[service]; s != nil {
		if w := s.version(version); w != nil {
			return w.stats()
		}
	}
	return VersionStats{}
}

func (w *watched) stats() VersionStats {
	_, all := w.now()
	w.observe()
	rates, latencies := w.window.Last(shownRates), w.window.Last(shownLatencies)
	st := VersionStats{
		Requests: all.Requests(), Failed: all.Failed(), ErrorRate: rates.Counts.Rate(),
		P50: latencies.P50, P99: latencies.P99,
	}
	if rates.Span > 0 {
		st.RPS = float64(rates.Requests) / rates.Span.Seconds()
	}
	return st
}

// observe takes the counters into the window: each second with traffic, and
// before the window is read. It reports whether anything has ended since.
func (w *watched) observe() bool {
	return w.window.Observe(analysis.Now(), w.arm.Split, w.arm.Ruled)
}

// p99 of the good answers of the last minute, and how many there were.
func (w *watched) p99() (time.Duration, uint64) {
	q, n := w.window.Quantiles(shownLatencies, 0.99)
	return q[0], n
}
