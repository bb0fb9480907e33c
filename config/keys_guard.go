package config

import "time"

// The tables of a service's guard.

func defaultGuard() Guard {
	return Guard{Trip: Trip{Cooldown: 5 * time.Second}, Breach: defaultBreach(), Action: "quarantine", Mode: "evidence", Effect: 0.001, WarmUp: 30 * time.Second, MinDelay: 5 * time.Millisecond}
}

func guardKind() kind[Guard] {
	return mapping(defaultGuard(),
		has("trip", "The fast, reversible cut, or off.", tripKind(), func(g *Guard) *Trip { return &g.Trip }),
		has("breach", "The verdict: any one of these condemns the version. Default: error_rate > 1.5x stable.", criteria(true), func(g *Guard) *Criteria { return &g.Breach }),
		has("action", "What the verdict does.", choice[string]("quarantine", "pause", "alert"), func(g *Guard) *string { return &g.Action }),
		has("mode", "evidence bounds the chance of a false cut; window compares figures of a window.", choice[string]("evidence", "window"), func(g *Guard) *string { return &g.Mode }),
		has("window", "Of mode window: the span that is looked at.", windowKind(), func(g *Guard) *time.Duration { return &g.Window }),
		has("min_requests", "Of mode window: requests that a window must hold to count.", countKind(), func(g *Guard) *int { return &g.MinRequests }),
		has("max_exposed_failures", "Failed answers seen by users beyond what stable would have given, per rollout; 0 is off.", integer(0, 1_000_000_000), func(g *Guard) *int { return &g.MaxExposedFailures }),
		has("min_effect", "Smallest difference of error rates that matters.", share(), func(g *Guard) *float64 { return &g.Effect }),
		has("strict", "Take the ratio to stable as the bound itself, not as the point of indifference.", boolean(), func(g *Guard) *bool { return &g.Strict }),
		has("warm_up", "How long a version's first traffic may be up to 4x slower; 0s excuses nothing.", duration(0), func(g *Guard) *time.Duration { return &g.WarmUp }),
		has("min_delay", "Smallest difference of latencies to stable's that matters; 0s: any.", duration(0), func(g *Guard) *time.Duration { return &g.MinDelay }),
		has("metrics", "Figures from outside, such as Prometheus, and the conditions on them.", list(metricKind(), 0), func(g *Guard) *[]Metric { return &g.Metrics }),
	)
}

// windowKind and countKind are shown only where they are set, as they belong to mode window.
func windowKind() kind[time.Duration] {
	k := duration(time.Second)
	show := k.show
	k.show = func(v time.Duration) any {
		if v == 0 {
			return nil
		}
		return show(v)
	}
	return k
}

func countKind() kind[int] {
	k := integer(1, 1_000_000_000)
	k.show = func(v int) any {
		if v == 0 {
			return nil
		}
		return v
	}
	return k
}

func tripKind() kind[Trip] {
	table := mapping(Trip{Cooldown: 5 * time.Second},
		has("cooldown", "How long the first cut lasts; it doubles up to 5m.", duration(100*time.Millisecond), func(t *Trip) *time.Duration { return &t.Cooldown }),
	)
	return kind[Trip]{
		read: func(d *decoder, n *node, path string, dst *Trip) {
			if n.kind != mapNode {
				text, known, ok := d.text(n, path, "off or a mapping with cooldown")
				if ok && known && text != "off" && text != "false" {
					d.bad(n, path, text, "off or a mapping with cooldown", nil)
				}
				dst.Off = true
				return
			}
			table.read(d, n, path, dst)
			if dst.Cooldown > 5*time.Minute {
				d.fault(child(path, "cooldown"), "got %s, want at most 5m", formatDuration(dst.Cooldown))
			}
		},
		show: func(t Trip) any {
			if t.Off {
				return "off"
			}
			return table.show(t)
		},
		schema: schema{"anyOf": []any{schema{"enum": []any{"off", false}}, table.schema}},
	}
}
