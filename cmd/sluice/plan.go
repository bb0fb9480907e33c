package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"sluice/config"

	"github.com/spf13/cobra"
)

func newPlanCommand() *cobra.Command {
	var flags adminFlags
	var p planCall
	cmd := &cobra.Command{
		Use:   "plan SERVICE",
		Short: "say what each stage of a rollout can see in the traffic there is, and how long it needs",
		Example: "  sluice plan shop\n  sluice plan shop -c next.yaml\n" +
			"  sluice plan shop -c next.yaml --rps 40 --error-rate 0.2%   # without a running sluice",
		Args: someArgs(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkOutput(p.output); err != nil {
				return err
			}
			p.service, p.w, p.flags = args[0], cmd.OutOrStdout(), &flags
			p.given = cmd.Flags().Changed("rps")
			return p.run(cmd.Context())
		},
	}
	flags.add(cmd)
	addOutputFlag(cmd, &p.output)
	cmd.Flags().StringVarP(&p.path, "config", "c", "", "take stages and guard from this file instead of the running configuration")
	cmd.Flags().Float64Var(&p.rps, "rps", 0, "requests a second of the whole service, instead of what runs now")
	cmd.Flags().StringVar(&p.rate, "error-rate", "", "stable's error rate such as 0.2%, instead of what was seen")
	return cmd
}

// planCall is one `sluice plan`.
type planCall struct {
	flags                       *adminFlags
	w                           io.Writer
	service, path, output, rate string
	rps                         float64
	given                       bool // rps was given
}

func (p *planCall) run(ctx context.Context) error {
	base := -1.0
	if p.rate != "" {
		var err error
		if base, err = parseRate(p.rate); err != nil {
			return err
		}
	}
	if p.given && !(p.rps > 0 && p.rps <= 1e9) {
		return fmt.Errorf("%w: --rps: got %g, want a number over 0", errUsage, p.rps)
	}
	var client *adminClient
	if p.path == "" || !p.given || base < 0 {
		var err error
		if client, err = p.flags.client(); err != nil {
			return err
		}
	}
	svc, err := p.configured(ctx, client)
	if err != nil {
		return err
	}
	seen := traffic{RPS: p.rps, ErrorRate: base}
	if client != nil && (!p.given || base < 0) {
		if err := p.look(ctx, client, &seen, base); err != nil {
			return err
		}
	}
	plan := planOf(svc, seen)
	if p.output == outputJSON {
		return json.NewEncoder(p.w).Encode(plan)
	}
	return plan.print(p.w)
}

// parseRate reads 0.2% or 0.002.
func parseRate(s string) (float64, error) {
	var v float64
	number, percent := strings.CutSuffix(s, "%")
	if _, err := fmt.Sscanf(number+" ", "%g ", &v); err != nil || fmt.Sprint(v) == "NaN" {
		return 0, fmt.Errorf("%w: --error-rate: got %q, want a rate such as 0.2%%", errUsage, s)
	}
	if percent {
		v /= 100
	}
	if !(v >= 0 && v < 1) {
		return 0, fmt.Errorf("%w: --error-rate: got %q, want 0%% or more and less than 100%%", errUsage, s)
	}
	return v, nil
}

// configured is the service as the file has it, or else as it runs.
func (p *planCall) configured(ctx context.Context, client *adminClient) (*config.Service, error) {
	var cfg *config.Config
	var err error
	if p.path != "" {
		if cfg, err = config.Load(p.path); err != nil {
			return nil, tellFaults(err)
		}
	} else if cfg, err = running(ctx, client, p.service); err != nil {
		return nil, err
	}
	for i := range cfg.Services {
		if cfg.Services[i].Name == p.service {
			return &cfg.Services[i], nil
		}
	}
	return nil, fmt.Errorf("unknown service %q", p.service)
}

// enoughSeen are the requests of stable that make its error rate since the start
// better than that of the last seconds.
const enoughSeen = 1000

// look takes what is not given from the admin API.
func (p *planCall) look(ctx context.Context, client *adminClient, t *traffic, base float64) error {
	var view serviceView
	if err := client.get(ctx, "/api/v1/services/"+url.PathEscape(p.service), &view); err != nil {
		return err
	}
	rps := 0.0
	for _, v := range view.Versions {
		rps += v.RPS
		if v.Name != view.Stable || base >= 0 {
			continue
		}
		if t.ErrorRate = v.ErrorRate; v.Requests >= enoughSeen {
			t.ErrorRate = float64(v.Errors) / float64(v.Requests)
		}
	}
	if !p.given {
		t.RPS = rps
	}
	t.ErrorRate = max(t.ErrorRate, 0)
	return nil
}

// traffic is what a plan stands on.
type traffic struct {
	RPS       float64 `json:"rps"`        // of the whole service
	ErrorRate float64 `json:"error_rate"` // of stable, 0…1
}

// print writes a plan as a table.
func (p *plannedRollout) print(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %.4g requests/s, stable fails at %s; judged by %s\n", p.Service, p.RPS, rateText(p.ErrorRate), p.Criterion)
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "STAGE\tWEIGHT\tAT LEAST\tNEEDS\tREQUESTS\tSEES\t+1% ERRORS IN\t5x IN")
	for _, s := range p.Stages {
		fmt.Fprintf(t, "%s\t%g%%\t%s\t%s\t%s\t%s\t%s\t%s\n", s.Name, s.Weight, spanText(s.Duration, true), spanText(s.Needs, s.Decides),
			countText(s.Requests, s.Decides), seesText(s), spanText(s.FindsOnePercent, s.FindsOnePercent > 0), spanText(s.FindsFivefold, s.FindsFivefold > 0))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, s := range p.Stages {
		for _, warning := range s.Warnings {
			fmt.Fprintf(&b, "%s: %s\n", s.Name, warning)
		}
	}
	for _, note := range p.Notes {
		fmt.Fprintf(&b, "note: %s\n", note)
	}
	b.WriteString("Times are expectations; one run in twenty takes about twice as long.\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func rateText(r float64) string { return fmt.Sprintf("%.3g%%", r*100) }

func spanText(s seconds, known bool) string {
	if !known {
		return "-"
	}
	d := time.Duration(float64(s) * float64(time.Second)).Round(time.Second)
	if d >= time.Hour {
		d = d.Round(time.Minute)
	}
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

func countText(n uint64, known bool) string {
	if !known {
		return "-"
	}
	return fmt.Sprint(n)
}

func seesText(s plannedStage) string {
	if s.SmallestRate == 0 {
		return "nothing"
	}
	return "errors from " + rateText(s.SmallestRate)
}
