package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"time"

	"sluice/simulation"

	"github.com/spf13/cobra"
)

func newSimulateCommand() *cobra.Command {
	var f simulateFlags
	cmd := &cobra.Command{
		Use:   "simulate [SCENARIO…]",
		Short: "play rollouts, healthy and bad, and see what sluice and its peers decide",
		Long: `Play rollouts of one hour as counts by the second, and let sluice's own judge and trip,
the very code that runs in production, decide beside the rules of other release tools.
The same seed gives the same figures on any machine. Without scenarios all tables are printed.

--replay judges what sluice run --record wrote, with the guard of a configuration or the default one.
It knows the counts of each second, not the order of answers within it.`,
		Example: `  sluice simulate --list
  sluice simulate plus1 x5 --runs 500
  sluice simulate --table 3.2 --runs 500 --detectors sluice,flagger
  sluice simulate --replay shop.jsonl -c policy.yaml`,
		Args: someArgs(0, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkOutput(f.output); err != nil {
				return err
			}
			if f.list {
				return f.listAll(cmd)
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt)
			defer stop()
			if f.recording != "" {
				return f.replay(ctx, cmd, args)
			}
			if f.config != "" {
				return fmt.Errorf("%w: --config is the policy of --replay", errUsage)
			}
			return f.simulate(ctx, cmd, args)
		},
	}
	f.add(cmd)
	return cmd
}

type simulateFlags struct {
	recording string
	config    string

	runs      int
	seed      uint64
	detectors []string
	table     string
	list      bool
	output    string
}

func (f *simulateFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.IntVar(&f.runs, "runs", 100, "rollouts of each scenario")
	flags.Uint64Var(&f.seed, "seed", 1, "the same seed gives the same figures")
	flags.StringSliceVar(&f.detectors, "detectors", nil, "names, or what several begin with: sluice,flagger (default all, or those of the table)")
	flags.StringVar(&f.table, "table", "", "3.2 (false rollbacks), 3.3 (detection), 3.4 (latency), promotion or all")
	flags.BoolVar(&f.list, "list", false, "list scenarios and detectors")
	flags.StringVar(&f.recording, "replay", "", "judge a recorded run anew instead: what would this policy have cut, and when")
	flags.StringVarP(&f.config, "config", "c", "", "configuration with the policy for --replay (default: trip, and error_rate > 1.5x stable)")
	addOutputFlag(cmd, &f.output)
}

// simulated is what --output json prints.
type simulated struct {
	Version string              `json:"version"`
	Date    time.Time           `json:"date"`
	Seed    uint64              `json:"seed"`
	Runs    int                 `json:"runs"`
	Results []simulation.Result `json:"results"`
}

func (f *simulateFlags) simulate(ctx context.Context, cmd *cobra.Command, names []string) error {
	if f.runs <= 0 {
		return fmt.Errorf("%w: --runs: got %d, want at least 1", errUsage, f.runs)
	}
	tables, err := f.tables(len(names) > 0)
	if err != nil {
		return err
	}
	out := simulated{Version: version, Date: time.Now().UTC().Truncate(time.Second), Seed: f.seed, Runs: f.runs}
	for i, t := range tables {
		if i > 0 || f.table != "" {
			names = t.Scenarios
		}
		results, err := f.run(ctx, cmd, names, t.Detectors)
		if errors.Is(err, context.Canceled) {
			return errSilent
		} else if err != nil {
			return err
		}
		out.Results = append(out.Results, results...)
		if f.output == outputJSON {
			continue
		}
		if err := f.print(cmd, &t, results); err != nil {
			return err
		}
	}
	if f.output == outputJSON {
		return json.NewEncoder(cmd.OutOrStdout()).Encode(out)
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "\n%d runs a scenario, seed %d, sluice %s, %s\n", f.runs, f.seed, version, out.Date.Format("2006-01-02"))
	return err
}

// tables are those asked for; one without a name if scenarios were given instead, all if nothing was.
func (f *simulateFlags) tables(scenarios bool) ([]simulation.Table, error) {
	switch {
	case scenarios && f.table != "":
		return nil, fmt.Errorf("%w: --table names its own scenarios: give one or the other", errUsage)
	case scenarios:
		return []simulation.Table{{Detectors: []string{"all"}}}, nil
	case f.table == "" || f.table == "all":
		f.table = "all"
		return simulation.Tables(), nil
	}
	t, ok := simulation.FindTable(f.table)
	if !ok {
		return nil, fmt.Errorf("%w: --table: got %q, want 3.2, 3.3, 3.4, promotion or all", errUsage, f.table)
	}
	return []simulation.Table{t}, nil
}

func (f *simulateFlags) run(ctx context.Context, cmd *cobra.Command, names, detectors []string) ([]simulation.Result, error) {
	if len(f.detectors) > 0 {
		detectors = f.detectors
	}
	chosen, err := simulation.Select(detectors)
	if err != nil {
		return nil, fmt.Errorf("%w: --detectors: %w (see sluice simulate --list)", errUsage, err)
	}
	o := simulation.Options{Detectors: chosen, Runs: f.runs, Seed: f.seed}
	for _, name := range names {
		s, ok := simulation.Find(name)
		if !ok {
			return nil, fmt.Errorf("%w: no scenario %q (see sluice simulate --list)", errUsage, name)
		}
		o.Scenarios = append(o.Scenarios, s)
	}
	if err := simulation.Applicable(&o); err != nil {
		return nil, fmt.Errorf("%w: %w", errUsage, err)
	}
	screen := newScreen(cmd.ErrOrStderr())
	if screen.terminal {
		o.Progress = progress(screen)
		defer fmt.Fprint(screen.w, "\r\x1b[K")
	}
	return simulation.Run(ctx, o)
}

// progress redraws one line, ten times a second at most.
func progress(s screen) func(done, all int) {
	began := time.Now()
	last := began
	return func(done, all int) {
		if time.Since(last) < 100*time.Millisecond {
			return
		}
		last = time.Now()
		left := time.Duration(float64(last.Sub(began)) / float64(done) * float64(all-done)).Round(time.Second)
		fmt.Fprintf(s.w, "\r\x1b[K%d of %d rollouts, %s left", done, all, left)
	}
}

func (f *simulateFlags) print(cmd *cobra.Command, t *simulation.Table, results []simulation.Result) error {
	w := cmd.OutOrStdout()
	if t.Name == "" {
		return simulation.WriteList(w, results)
	}
	fmt.Fprintf(w, "\n%s  %s\n\n", t.Name, t.Title)
	return t.Write(w, results)
}

func (f *simulateFlags) listAll(cmd *cobra.Command) error {
	w := cmd.OutOrStdout()
	if f.output == outputJSON {
		type named struct {
			Name  string `json:"name"`
			Title string `json:"title"`
		}
		var all struct {
			Scenarios []named `json:"scenarios"`
			Detectors []named `json:"detectors"`
		}
		for _, s := range simulation.Scenarios() {
			all.Scenarios = append(all.Scenarios, named{s.Name, s.Title})
		}
		for _, d := range simulation.Detectors() {
			all.Detectors = append(all.Detectors, named{d.Name, d.Title})
		}
		return json.NewEncoder(w).Encode(all)
	}
	var b strings.Builder
	b.WriteString("SCENARIOS\n")
	for _, s := range simulation.Scenarios() {
		fmt.Fprintf(&b, "  %-18s %s\n", s.Name, s.Title)
	}
	b.WriteString("DETECTORS\n")
	for _, d := range simulation.Detectors() {
		fmt.Fprintf(&b, "  %-18s %s\n", d.Name, d.Title)
	}
	_, err := fmt.Fprint(w, b.String())
	return err
}
