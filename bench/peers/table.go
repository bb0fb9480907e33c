package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
)

func (r *report) printHead(w io.Writer) {
	fmt.Fprintf(w, "%s, %s, %d × %s, load %s\n", r.Date, r.Kernel, r.Cores, r.Processor, r.Load)
	for _, name := range slices.Sorted(maps.Keys(r.Versions)) {
		fmt.Fprintf(w, "  %-8s %s\n", name, r.Versions[name])
	}
	fmt.Fprintf(w, "\n%-22s %-20s %10s %10s %9s %9s %9s %7s\n", "scenario", "proxy", "requests/s", "CPU µs/req", "p50 ms", "p99 ms", "MiB", "failed")
}

// print shows medians over the rounds.
func (r *result) print(w io.Writer) {
	title := r.Name
	if r.Workers > 1 {
		title = fmt.Sprintf("%s ×%d", r.Name, r.Workers)
	}
	for _, peer := range r.Order {
		if kib, ok := r.Idle[peer]; ok {
			verdict := ""
			switch {
			case peer != "sluice" || r.Most == 0:
			case r.small():
				verdict = fmt.Sprintf(", promised ≤ %.0f: kept", r.Most)
			default:
				verdict = fmt.Sprintf(", promised ≤ %.0f: BROKEN", r.Most)
			}
			fmt.Fprintf(w, "%-22s %-20s %10.1f KiB a connection%s\n", title, peer, kib, verdict)
			continue
		}
		samples := r.Rounds[peer]
		failed := uint64(0)
		for _, s := range samples {
			failed += s.Failed
		}
		fmt.Fprintf(w, "%-22s %-20s %10.0f %10.1f %9.2f %9.2f %9.1f %7d\n", title, peer, medianOf(samples, func(s sample) float64 { return s.RPS }),
			medianOf(samples, func(s sample) float64 { return s.CPU }), medianOf(samples, func(s sample) float64 { return s.P50 }),
			medianOf(samples, func(s sample) float64 { return s.P99 }), medianOf(samples, func(s sample) float64 { return float64(s.Memory) / 1024 }), failed)
	}
	r.printRatio(w)
	r.printLatency(w)
}

func (r *result) printRatio(w io.Writer) {
	c := r.Ratio
	if c == nil {
		if r.promised() > 0 {
			fmt.Fprintf(w, "%-22s promised ≤ %.2f: BROKEN, no round in which both answered\n", "", r.promised())
		}
		return
	}
	verdict := ""
	switch {
	case c.Promise > 0 && c.Kept:
		verdict = fmt.Sprintf(", promised ≤ %.2f: kept", c.Promise)
	case c.Promise > 0:
		verdict = fmt.Sprintf(", promised ≤ %.2f: BROKEN", c.Promise)
	}
	fmt.Fprintf(w, "%-22s CPU per request against %s: %.2f (%.2f to %.2f)%s\n", "", c.Against, c.Median, c.Min, c.Max, verdict)
}

func (r *result) printLatency(w io.Writer) {
	if len(r.Open) == 0 {
		return
	}
	fmt.Fprintf(w, "%-22s at %.0f requests/s, open loop:\n", "", r.Rate)
	for _, peer := range r.Order {
		if samples := r.Open[peer]; len(samples) > 0 {
			fmt.Fprintf(w, "%-22s %-20s p50 %.2f ms, p99 %.2f ms, p99.9 %.2f ms, CPU %.1f µs/req\n", "", peer, medianOf(samples, func(s sample) float64 { return s.P50 }),
				medianOf(samples, func(s sample) float64 { return s.P99 }), medianOf(samples, func(s sample) float64 { return s.P999 }),
				medianOf(samples, func(s sample) float64 { return s.CPU }))
		}
	}
}

func (r *report) printEnd(w io.Writer) {
	fmt.Fprintln(w)
	if r.broken() {
		fmt.Fprintln(w, "A promise is broken.")
	} else {
		fmt.Fprintln(w, "All promises are kept.")
	}
}
