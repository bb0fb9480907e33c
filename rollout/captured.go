package rollout

import (
	"time"

	"sluice/analysis"
)

const (
	capturedOver = time.Minute // what the figures of a captured state look back
	endpointsOf  = 32          // endpoints of a version that are named
)

// capture is how things stand at this moment, for a record that must explain itself later: counts and
// latencies of version and of the one that it is compared with, their endpoints, the ids of requests
// that failed, the configuration. It costs some tens of microseconds, so it is for what
// condemns. c.mu is held.
func (c *Controller) capture(s *service, version, other string) map[string]any {
	versions := map[string]any{}
	for _, name := range []string{version, other} {
		if w := s.version(name); w != nil && versions[name] == nil {
			versions[name] = c.captureVersion(s, w)
		}
	}
	return map[string]any{
		"config_version": c.config, "over_s": capturedOver.Seconds(),
		"stable": s.live.Stable, "weights": weightFields(s.live), "versions": versions,
	}
}

// captureRun keeps how things stand at a failure of the rollout of s: once for each.
func (c *Controller) captureRun(s *service, at time.Time) {
	cs := s.course
	if cs.Captured == nil || !cs.captured.Equal(at) {
		cs.Captured, cs.captured = c.capture(s, cs.Run.Plan.Canary, cs.Run.Plan.From), at
	}
}

func (c *Controller) captureVersion(s *service, w *watched) map[string]any {
	w.observe()
	seen := w.window.Last(capturedOver)
	q, answers := w.window.Quantiles(capturedOver, 0.5, 0.9, 0.95, 0.99)
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	_, all := w.now()
	out := map[string]any{
		"requests": seen.Requests, "failed": seen.Failed, "error_rate": seen.Counts.Rate(), "requests_per_second": seen.PerSecond,
		"good_answers": answers, "p50_ms": ms(q[0]), "p90_ms": ms(q[1]), "p95_ms": ms(q[2]), "p99_ms": ms(q[3]),
		"requests_ever": all.Requests(), "failed_ever": all.Failed(), "in_flight": all.InFlight(),
	}
	if m := s.guard.member(w.arm.Version); m != nil {
		out["state"] = m.state.String()
	}
	if counts := c.traffic.Endpoints(s.name, w.arm.Version, nil); len(counts) > 0 {
		out["endpoints"] = endpointFields(counts)
	}
	if ids := w.arm.Exemplars.IDs(); len(ids) > 0 {
		out["failed_request_ids"] = ids
	}
	return out
}

// endpointFields are cumulative counts, as the endpoints have them.
func endpointFields(counts []analysis.EndpointCounts) []map[string]any {
	out := make([]map[string]any, 0, min(len(counts), endpointsOf))
	for _, k := range counts[:min(len(counts), endpointsOf)] {
		out = append(out, map[string]any{"endpoint": k.Endpoint, "requests": k.Requests, "failed": k.Failed})
	}
	return out
}
