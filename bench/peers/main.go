// Command peers measures sluice beside nginx, HAProxy and, where it is
// installed, Caddy: same backends, same split, same load, in turn. Only the
// ratios of one run are to be believed. `make bench-peers` runs it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// options are what the command line says.
type options struct {
	sluice   string        // path of the binary
	full     bool          // every scenario, and all cores
	only     string        // names of scenarios, by commas; "": all
	rounds   int           // per scenario
	duration time.Duration // of one measurement
	results  string        // directory of the JSON files; "": none is written
	profile  string        // file for a profile of sluice, which is then all that is made; "": none
}

func main() {
	var o options
	flag.StringVar(&o.sluice, "sluice", "bin/sluice", "the binary to measure")
	flag.BoolVar(&o.full, "full", false, "every scenario, and all cores")
	flag.StringVar(&o.only, "only", "", "names of scenarios, separated by commas")
	flag.IntVar(&o.rounds, "rounds", 5, "rounds of a scenario")
	flag.DurationVar(&o.duration, "duration", 3*time.Second, "of one measurement")
	flag.StringVar(&o.results, "results", "bench/results", "directory for the JSON file; empty: none")
	flag.StringVar(&o.profile, "profile", "", "measure nothing, but write a profile of sluice under load, for the compiler, to this file")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	broken, err := run(ctx, o)
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench-peers:", err)
		os.Exit(2)
	case broken:
		os.Exit(1)
	}
}

// run measures, prints and writes. It reports whether a promise is broken.
func run(ctx context.Context, o options) (broken bool, err error) {
	if err := installed(); err != nil {
		return false, err
	}
	if o.sluice, err = filepath.Abs(o.sluice); err != nil {
		return false, err
	}
	dir, err := os.MkdirTemp("", "bench-peers")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil { // workers of other users read in it
		return false, err
	}
	if o.profile != "" {
		return false, profile(ctx, o, dir, o.profile)
	}
	b, err := newBench(ctx, o, dir)
	if err != nil {
		return false, err
	}
	defer b.close()
	return b.measureAll()
}

// installed says what the comparison lacks.
func installed() error {
	var missing []string
	for _, p := range []struct{ program, debian string }{{"nginx", "nginx-light"}, {"haproxy", "haproxy"}, {"wrk", "wrk"}} {
		if _, err := exec.LookPath(p.program); err != nil {
			missing = append(missing, p.debian)
		}
	}
	if len(missing) > 0 {
		return errors.New("install first: apt-get install --no-install-recommends " + strings.Join(missing, " "))
	}
	return nil
}
