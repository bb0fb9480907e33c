// Command soak runs the real sluice under load for minutes or hours while everything that may change
// changes: reloads, weights, rollouts, mirrors, tunnels, experiments, dying backends. After each round it
// holds the clients' counts against sluice's own, and at the end what sluice holds against what it held before.
// `make soak` runs it. It prints one table and exits 1 when a promise was broken, or a round could not be played to
// its end; 2, without a table, when it could not begin.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"sluice/internal/trial"
)

func main() {
	binary := flag.String("sluice", "bin/sluice", "the binary to try")
	length := flag.Duration("time", 10*time.Minute, "how long, at least 10s")
	rate := flag.Float64("rate", 120, "requests a second to each of five services")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if flag.NArg() > 0 || *length < 10*time.Second || *rate <= 0 {
		flag.Usage()
		os.Exit(2)
	}
	table, err := soak(ctx, *binary, *length, *rate)
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(2)
	}
	if err := table.Print(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(2)
	}
	if broken := table.Broken(); len(broken) > 0 {
		fmt.Fprintf(os.Stderr, "soak: %d promises broken\n", len(broken))
		os.Exit(1)
	}
}

// soak divides the time into rounds, each of load and trouble and then a rest in which everything is counted.
func soak(ctx context.Context, binary string, length time.Duration, rate float64) (*trial.Table, error) {
	dir, err := os.MkdirTemp("", "sluice-soak")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	w, err := open(binary, dir, rate)
	if err != nil {
		return nil, err
	}
	defer w.close()
	round := min(max(length/20, 4*time.Second), 30*time.Second)
	end := time.Now().Add(length)
	for n := 1; n <= 4 || time.Until(end) >= round; n++ {
		if err := w.round(ctx, n, round); err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			w.table.Judge(fmt.Sprintf("round %d ran to its end", n), false, err, "no error")
			return &w.table, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	w.table.Judge("bad configurations written", w.seen.refused > 0, w.seen.refused, "> 0")
	w.judgeFlat()
	trial.Equal(&w.table, "exit code after SIGTERM", w.sluice.Stop(20*time.Second), 0)
	return &w.table, nil
}
