package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// report is what a run writes.
type report struct {
	Date      string            `json:"date"`
	Kernel    string            `json:"kernel"`
	Processor string            `json:"processor"`
	Cores     int               `json:"cores"`
	Load      string            `json:"load_average_at_start"`
	Versions  map[string]string `json:"versions"`
	Scenarios []result          `json:"scenarios"`
}

// result is one scenario.
type result struct {
	Name    string              `json:"name"`
	Workers int                 `json:"workers"`
	Order   []string            `json:"peers"`
	Rounds  map[string][]sample `json:"rounds,omitempty"`
	Rate    float64             `json:"open_loop_rate,omitempty"`
	Open    map[string][]sample `json:"open_loop,omitempty"`
	Idle    map[string]float64  `json:"kib_per_idle_connection,omitempty"`
	Most    float64             `json:"kib_promised,omitempty"` // for an idle connection of sluice
	Ratio   *ratio              `json:"cpu_ratio,omitempty"`

	promise float64
	against string
}

// ratio compares sluice's CPU per request with the best peer's, round by round.
type ratio struct {
	Against string  `json:"against"`
	Median  float64 `json:"median"`
	Min     float64 `json:"min"`
	Max     float64 `json:"max"`
	Promise float64 `json:"promise,omitempty"`
	Kept    bool    `json:"kept"`
}

func (r *report) begin(peers []peer) {
	r.Date, r.Cores = time.Now().UTC().Format(time.RFC3339), runtime.NumCPU()
	if b, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		r.Kernel = "Linux " + strings.TrimSpace(string(b))
	}
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(b)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				r.Processor = strings.TrimSpace(value)
			}
		}
	}
	if b, err := os.ReadFile("/proc/loadavg"); err == nil {
		r.Load = strings.Join(strings.Fields(string(b))[:3], " ")
	}
	r.Versions = map[string]string{"wrk": firstLine("sh", "-c", "wrk --version 2>&1 | head -1 | cut -d' ' -f2")}
	for i := range peers {
		r.Versions[peers[i].name] = peers[i].version
	}
}

// broken reports whether a promise is not kept, or has not a round that could tell.
func (r *report) broken() bool {
	return slices.ContainsFunc(r.Scenarios, func(s result) bool {
		if s.Ratio == nil {
			return s.promised() > 0 || !s.small()
		}
		return !s.Ratio.Kept
	})
}

// small reports whether an idle connection of sluice costs no more than promised.
func (r *result) small() bool {
	kib, measured := r.Idle["sluice"]
	return r.Most == 0 || measured && kib <= r.Most
}

// promised is the promise that counts. What all cores do is told, not promised: load and
// backends want them too.
func (r *result) promised() float64 {
	if r.Workers != 1 {
		return 0
	}
	return r.promise
}

// tells reports whether a sample can be compared: neither starved, nor cheap because requests failed.
func (s sample) tells() bool { return s.CPU > 0 && 100*s.Failed <= s.Requests }

// write saves the report under its date.
func (r *report) write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	b, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	name := strings.NewReplacer(":", "", "-", "").Replace(r.Date) + "-peers.json"
	path := filepath.Join(dir, name)
	fmt.Printf("written to %s\n", path)
	return os.WriteFile(path, append(b, '\n'), 0o644)
}

func (r *result) add(peer string, s sample) {
	if r.Rounds == nil {
		r.Rounds = map[string][]sample{}
	}
	if !slices.Contains(r.Order, peer) {
		r.Order = append(r.Order, peer)
	}
	r.Rounds[peer] = append(r.Rounds[peer], s)
	r.Ratio = r.compare()
}

func (r *result) addLatency(peer string, s sample) {
	if r.Open == nil {
		r.Open = map[string][]sample{}
	}
	r.Open[peer] = append(r.Open[peer], s)
}

func (r *result) addIdle(peer string, kib float64) {
	if r.Idle == nil {
		r.Idle = map[string]float64{}
	}
	r.Order = append(r.Order, peer)
	r.Idle[peer] = kib
}

// compare works out the ratio over the rounds that are whole.
func (r *result) compare() *ratio {
	against := []string{"nginx", "haproxy"}
	if r.against != "" {
		against = []string{r.against}
	}
	var ratios []float64
	names := map[string]int{}
	for i, ours := range r.Rounds["sluice"] {
		best, name := 0.0, ""
		for _, peer := range against {
			if theirs := r.Rounds[peer]; i < len(theirs) && theirs[i].tells() && (best == 0 || theirs[i].CPU < best) {
				best, name = theirs[i].CPU, peer
			}
		}
		if best > 0 && ours.tells() {
			ratios = append(ratios, ours.CPU/best)
			names[name]++
		}
	}
	if len(ratios) == 0 {
		return nil
	}
	c := &ratio{Median: median(ratios), Min: slices.Min(ratios), Max: slices.Max(ratios)}
	for name, n := range names {
		if c.Against == "" || n > names[c.Against] || n == names[c.Against] && name < c.Against {
			c.Against = name
		}
	}
	c.Promise = r.promised()
	c.Kept = c.Promise == 0 || c.Median <= c.Promise
	return c
}

// median of a figure over a peer's rounds.
func (r *result) median(peer string, figure func(sample) float64) float64 {
	return medianOf(r.Rounds[peer], figure)
}

func medianOf(samples []sample, figure func(sample) float64) float64 {
	var values []float64
	for _, s := range samples {
		values = append(values, figure(s))
	}
	return median(values)
}

func median[T cmp.Ordered](values []T) T {
	var zero T
	if len(values) == 0 {
		return zero
	}
	return slices.Sorted(slices.Values(values))[len(values)/2]
}
