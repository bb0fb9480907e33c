package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"sluice/analysis"
	"sluice/config"
	"sluice/recording"
	"sluice/rollout"
	"sluice/simulation"

	"github.com/spf13/cobra"
)

// replay judges a recorded run with the policy of a configuration, or with the
// default one.
func (f *simulateFlags) replay(ctx context.Context, cmd *cobra.Command, names []string) error {
	if len(names) > 0 || f.table != "" || len(f.detectors) > 0 {
		return fmt.Errorf("%w: --replay takes neither scenarios nor --table nor --detectors", errUsage)
	}
	file, err := os.Open(f.recording)
	if err != nil {
		return err
	}
	defer file.Close()
	reader, err := recording.NewReader(file)
	if err != nil {
		return fmt.Errorf("%s: %w", f.recording, err)
	}
	policy := defaultPolicy()
	if f.config != "" {
		if policy, err = loadPolicy(f.config, reader.Header().Service); err != nil {
			return err
		}
	}
	result, err := simulation.Replay(ctx, reader, policy)
	if err != nil {
		return fmt.Errorf("%s: %w", f.recording, err)
	}
	if f.output == outputJSON {
		return json.NewEncoder(cmd.OutOrStdout()).Encode(result)
	}
	return printReplay(cmd.OutOrStdout(), &result)
}

// defaultPolicy is what holds without a guard block.
func defaultPolicy() simulation.Policy {
	return simulation.Policy{Judge: analysis.JudgeOptions{Breach: []analysis.Criterion{{Metric: analysis.ErrorRate, Ratio: 1.5}}}}
}

// loadPolicy reads the guard of the recorded service, or of the only one there is.
func loadPolicy(path, service string) (simulation.Policy, error) {
	cfg, err := config.Load(path)
	if err != nil {
		return simulation.Policy{}, tellFaults(err)
	}
	var found *config.Service
	for i := range cfg.Services {
		if cfg.Services[i].Name == service || len(cfg.Services) == 1 {
			found = &cfg.Services[i]
		}
	}
	if found == nil {
		return simulation.Policy{}, fmt.Errorf("%s: no service %q, which was recorded", path, service)
	}
	return policyOf(found), nil
}

// policyOf is the guard as the controller judges by it.
func policyOf(s *config.Service) simulation.Policy {
	return simulation.Policy{TripOff: s.Guard.Trip.Off, Judge: rollout.JudgeOptions(s)}
}

func printReplay(w io.Writer, r *simulation.Replayed) error {
	fmt.Fprintf(w, "%s, %s to %s\n", r.Service, r.From.Local().Format(time.DateTime), r.To.Local().Format(time.DateTime))
	if r.Torn {
		fmt.Fprintln(w, "the last line of the recording is not whole and was left out")
	}
	for _, v := range r.Versions {
		cut := v.First()
		if cut == nil {
			fmt.Fprintf(w, "with this policy %s would not have been cut: %d of %d answers were bad; %s\n", v.Version, v.Seen.Failed, v.Seen.Requests, v.Last)
			continue
		}
		fmt.Fprintf(w, "with this policy %s would have been cut at %s after %d bad answers of %d, by %s: %s\n",
			v.Version, cut.At.Local().Format(time.TimeOnly), cut.Until.Failed, cut.Until.Requests, by(cut), cut.Reason)
		if v.Verdict != nil && cut != v.Verdict {
			fmt.Fprintf(w, "  the verdict would have followed at %s: %s\n", v.Verdict.At.Local().Format(time.TimeOnly), v.Verdict.Reason)
		}
		fmt.Fprintf(w, "  recorded after that: %d bad answers of %d\n", v.Seen.Failed-cut.Until.Failed, v.Seen.Requests-cut.Until.Requests)
	}
	if len(r.Versions) == 0 {
		fmt.Fprintln(w, "there is no version but stable in it")
	}
	return nil
}

func by(c *simulation.Cut) string {
	if c.By == "trip" {
		return "trip (it comes back if it recovers)"
	}
	return "verdict"
}
