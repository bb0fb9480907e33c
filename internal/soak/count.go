package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"syscall"
	"time"

	"sluice/internal/backend"
	"sluice/internal/trial"
)

// rest waits until nothing is under way any more, and counts.
func (w *world) rest(ctx context.Context, n int) error {
	var s trial.Scrape
	calm := func() bool {
		var err error
		if s, err = w.sluice.Scrape(ctx); err != nil {
			return false
		}
		return s.Sum("sluice_connections") == 0 && s.Sum("sluice_tunnels") == 0 && s.Sum("sluice_version_in_flight") == 0 &&
			uint64(s.Sum("sluice_mirror_requests_total", `service="mirrored"`, `version="v2"`)) >= w.seen.requests["mirrored"]
	}
	if err := w.sluice.Until("calm", 30*time.Second, calm); err != nil {
		return fmt.Errorf("%w\nconnections %g, tunnels %g, in flight %g, copies %g of %d", err, s.Sum("sluice_connections"), s.Sum("sluice_tunnels"),
			s.Sum("sluice_version_in_flight"), s.Sum("sluice_mirror_requests_total", `service="mirrored"`, `version="v2"`), w.seen.requests["mirrored"])
	}
	if err := w.readLog(n); err != nil {
		return err
	}
	w.judgeCounts(s)
	return w.weigh(ctx)
}

// judgeCounts holds what clients and backends counted against the metrics, all since the start.
func (w *world) judgeCounts(s trial.Scrape) {
	t, seen := &w.table, &w.seen
	injected := uint64(s.Sum("sluice_upstream_errors_total", `service="faulty"`, `reason="injected"`))
	everything := seen.tunnels
	for _, service := range loaded {
		seen.efforts[service].judge(t, service)
		counted := uint64(s.Sum("sluice_requests_total", fmt.Sprintf("service=%q", service)))
		if service == "faulty" {
			counted += injected
		}
		everything += seen.requests[service]
		trial.Equal(t, service+": requests in metrics = clients'", counted, seen.requests[service])
		if service != "faulty" {
			t.Judge(service+": failed requests", len(seen.failed[service]) == 0, tell(seen.failed[service], seen.first[service]), "none of "+fmt.Sprint(seen.requests[service]))
		}
	}
	trial.Equal(t, "faulty: 500 seen = 500 sent by the backend", seen.failed["faulty"]["500"], w.faulty.Failures())
	trial.Equal(t, "faulty: 503 seen = faults injected", seen.failed["faulty"]["503"], injected)
	others := seen.failed["faulty"]["reset"] + seen.failed["faulty"]["timeout"] + seen.failed["faulty"]["connect"] + seen.failed["faulty"]["protocol"]
	trial.Equal(t, "faulty: other failures", others, 0)
	for version, b := range map[string]*backend.Server{"v1": w.left, "v2": w.right} {
		counted := uint64(s.Sum("sluice_requests_total", `service="moved"`, fmt.Sprintf("version=%q", version)))
		trial.Equal(t, "moved "+version+": metrics = clients' = backend's",
			fmt.Sprint(counted, seen.answers["moved"][b.Name()]), fmt.Sprint(b.Requests(), b.Requests()))
	}
	trial.Equal(t, "mirrored: one copy, sent or dropped, for each request",
		uint64(s.Sum("sluice_mirror_requests_total", `service="mirrored"`, `version="v2"`)), seen.requests["mirrored"])
	trial.Equal(t, "lines of the access log and dropped ones = requests",
		seen.lines+uint64(s.Sum("sluice_access_log_dropped_total")), everything)
	t.Judge("tunnels broken or garbled", seen.garbled == 0, fmt.Sprint(seen.garbled, " ", seen.first["tunnelled"]), fmt.Sprintf("none of %d, %d echoes", seen.tunnels, seen.echoes))
	trial.Equal(t, "tunnels in metrics = opened", uint64(s.Sum("sluice_requests_total", `service="tunnelled"`)), seen.tunnels)
	trial.Equal(t, "rollouts ended = begun", uint64(s.Sum("sluice_rollouts_total", `service="rolled"`)), seen.rollouts)
	t.Judge("reloads taken", uint64(s[`sluice_config_reloads_total{result="success"}`]) >= seen.reloads && seen.reloads > 0,
		s[`sluice_config_reloads_total{result="success"}`], fmt.Sprintf("%d or more", seen.reloads))
	t.Judge("bad configurations refused", uint64(s[`sluice_config_reloads_total{result="failure"}`]) >= seen.refused,
		s[`sluice_config_reloads_total{result="failure"}`], fmt.Sprintf("%d or more", seen.refused))
	for _, m := range []string{"sluice_panics_total", "sluice_broken_answers_total", "sluice_state_save_failures_total", "sluice_accept_errors_total", "sluice_unrouted_requests_total", "sluice_refused_requests_total"} {
		trial.Equal(t, m, s.Sum(m), 0)
	}
}

func tell(failed map[string]uint64, first string) string {
	if len(failed) == 0 {
		return "none"
	}
	return fmt.Sprintf("%v, first %s", failed, first)
}

// readLog takes the access log away, as logrotate does, and counts its lines.
func (w *world) readLog(n int) error {
	aside := fmt.Sprintf("%s.%d", w.logFile(), n)
	if err := os.Rename(w.logFile(), aside); err != nil {
		return err
	}
	if err := w.sluice.Signal(syscall.SIGUSR1); err != nil {
		return err
	}
	if err := w.sluice.Until("a new access log", 10*time.Second, func() bool { _, err := os.Stat(w.logFile()); return err == nil }); err != nil {
		return err
	}
	f, err := os.Open(aside)
	if err != nil {
		return err
	}
	defer f.Close()
	buf := make([]byte, 1<<16)
	for {
		k, err := f.Read(buf)
		w.seen.lines += uint64(bytes.Count(buf[:k], []byte{'\n'}))
		if err == io.EOF {
			return os.Remove(aside)
		}
		if err != nil {
			return err
		}
	}
}

// weigh notes what sluice holds at rest.
func (w *world) weigh(ctx context.Context) error {
	// The mirror keeps a worker for each copy of its busiest moment, 512 at most.
	in, err := w.sluice.Settled(ctx, "proxy.(*mirrors).work")
	if err != nil {
		return err
	}
	idle := w.echo.Connections()
	for _, b := range append([]*backend.Server{w.old, w.fresh, w.left, w.right, w.mirrored, w.target, w.faulty}, w.mortals...) {
		idle += b.Connections()
	}
	w.quiet = append(w.quiet, in)
	w.resting = append(w.resting, in.Descriptors-idle)
	fmt.Fprintf(os.Stderr, "round %d: %d requests, %d reloads, %d rollouts, %d deaths, %d tunnels; heap %d KiB, resident %d MiB, %d goroutines, %d descriptors (%d idle to backends)\n",
		len(w.quiet), w.requests(), w.seen.reloads, w.seen.rollouts, w.seen.deaths, w.seen.tunnels,
		in.Heap>>10, in.Resident>>20, in.Goroutines, in.Descriptors, idle)
	return nil
}

func (w *world) requests() (n uint64) {
	for _, k := range w.seen.requests {
		n += k
	}
	return n
}

// judgeFlat compares the rounds. The first is left out: pools fill in it.
func (w *world) judgeFlat() {
	first := func(n int) int { return max(1, n/3) }
	compare := func(what string, all []int64, factor float64, slack int64, unit int64) {
		all = all[1:]
		k := first(len(all))
		before, after := median(all[:k]), median(all[len(all)-k:])
		limit := int64(float64(before)*factor) + slack
		w.table.Judge(what+", last third of the rounds against the first", after <= limit,
			fmt.Sprintf("%d, before %d", after/unit, before/unit), fmt.Sprintf("≤ %d", limit/unit))
	}
	var heap, goroutines, descriptors, resident []int64
	for i, in := range w.quiet {
		heap, goroutines = append(heap, in.Heap), append(goroutines, int64(in.Goroutines))
		descriptors, resident = append(descriptors, int64(w.resting[i])), append(resident, median(w.busy[i]))
	}
	// What is kept of the past fills for minutes, up to its bounds: 1,000 events, 500 rollouts, hours of figures.
	compare("heap at rest, KiB", heap, 1.1, 6<<20, 1<<10)
	compare("goroutines at rest without the mirror's workers", goroutines, 1, 4, 1)
	compare("descriptors at rest without idle connections", descriptors, 1, 3, 1)
	compare("resident memory under load, MiB", resident, 1.15, 8<<20, 1<<20)
}

func median(all []int64) int64 {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
}
