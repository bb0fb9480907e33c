package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	"sluice/history"

	"github.com/spf13/cobra"
)

func newRolloutHistoryCommand() *cobra.Command {
	var r rolloutCall
	var limit int
	var before string
	cmd := &cobra.Command{
		Use:     "history SERVICE",
		Short:   "list the rollouts that ended, newest first",
		Example: "  sluice rollout history shop\n  sluice rollout history shop --limit 5 --output json",
		Args:    someArgs(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if limit < 1 || limit > 500 {
				return fmt.Errorf("%w: --limit: got %d, want 1 to 500", errUsage, limit)
			}
			if err := r.ready(cmd); err != nil {
				return err
			}
			query := url.Values{"limit": {fmt.Sprint(limit)}}
			if before != "" {
				query.Set("before", before)
			}
			var raw json.RawMessage
			if err := r.client.get(cmd.Context(), rolloutPath(args[0])+"/history?"+query.Encode(), &raw); err != nil {
				return err
			}
			return r.print(raw, func() (string, error) { return renderHistory(r.screen, args[0], raw) })
		},
	}
	r.add(cmd)
	cmd.Flags().IntVar(&limit, "limit", 20, "rollouts to show, at most 500")
	cmd.Flags().StringVar(&before, "before", "", "id of a rollout: show those before it")
	return cmd
}

// print writes an answer as it came, or as text.
func (r *rolloutCall) print(raw json.RawMessage, text func() (string, error)) error {
	out := string(raw) + "\n"
	if !r.json() {
		var err error
		if out, err = text(); err != nil {
			return fmt.Errorf("admin API: answer is not the expected JSON: %w", err)
		}
	}
	_, err := fmt.Fprint(r.screen.w, out)
	return err
}

func renderHistory(s screen, service string, raw json.RawMessage) (string, error) {
	var page struct {
		Rollouts []history.Record `json:"rollouts"`
		Next     string           `json:"next"`
	}
	if err := json.Unmarshal(raw, &page); err != nil {
		return "", err
	}
	if len(page.Rollouts) == 0 {
		return service + ": no rollout has ended yet\n", nil
	}
	var b strings.Builder
	fmt.Fprintln(&b, s.paint(dim, fmt.Sprintf("%-19s  %-10s %-25s %-11s %8s  %-14s %s", "ENDED", "STRATEGY", "VERSIONS", "OUTCOME", "TOOK", "BY", "REASON")))
	for _, rec := range page.Rollouts {
		colour := red
		if rec.Outcome == history.Promoted && rec.UndoneAt.IsZero() || rec.Outcome == history.Completed {
			colour = green
		}
		outcome, reason := rec.Outcome, rec.Reason
		if !rec.UndoneAt.IsZero() {
			outcome, reason = "undone", "taken back "+rec.UndoneAt.Local().Format(time.DateTime)+": "+rec.UndoReason
		}
		fmt.Fprintf(&b, "%-19s  %-10s %-25s %s %8s  %-14s %s\n", rec.EndedAt.Local().Format(time.DateTime), rec.Strategy, rec.From+" → "+rec.Canary,
			s.paint(colour, fmt.Sprintf("%-11s", outcome)), took(rec.EndedAt.Sub(rec.StartedAt)), harmless(rec.By), harmless(reason))
	}
	if page.Next != "" {
		fmt.Fprintf(&b, "more: sluice rollout history %s --before %s\n", service, page.Next)
	}
	return b.String(), nil
}

func newRolloutKPIsCommand() *cobra.Command {
	var r rolloutCall
	var window string
	cmd := &cobra.Command{
		Use:     "kpis [SERVICE]",
		Short:   "deployment frequency, lead time, time to restore, change-failure, rollback and success rate",
		Example: "  sluice rollout kpis\n  sluice rollout kpis shop --window 90d\n  sluice rollout kpis --output json",
		Args:    someArgs(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := r.ready(cmd); err != nil {
				return err
			}
			query := url.Values{"window": {window}}
			if len(args) == 1 {
				query.Set("service", args[0])
			}
			var raw json.RawMessage
			if err := r.client.get(cmd.Context(), "/api/v1/kpis?"+query.Encode(), &raw); err != nil {
				return err
			}
			return r.print(raw, func() (string, error) { return renderKPIs(r.screen, raw) })
		},
	}
	r.add(cmd)
	cmd.Flags().StringVar(&window, "window", "30d", "how far to look back, such as 12h, 30d or 26w")
	return cmd
}

func renderKPIs(s screen, raw json.RawMessage) (string, error) {
	var f struct {
		Service string `json:"service"`
		history.Figures
	}
	if err := json.Unmarshal(raw, &f); err != nil {
		return "", err
	}
	whose := f.Service
	if whose == "" {
		whose = "all services"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s to %s, %d rollouts ended\n", s.paint(bold, whose), f.Since.Local().Format(time.DateTime), f.Until.Local().Format(time.DateTime), f.Runs.Ended)
	line := func(name, value, basis string) {
		fmt.Fprintf(&b, "  %-22s %12s  %s\n", name, value, s.paint(dim, basis))
	}
	rate := func(name string, v history.Figure, what string) {
		line(name, valueOf(v.Value, func(v float64) string { return fmt.Sprintf("%.1f%%", v*100) }), fmt.Sprintf("%d of %d %s", v.Count, v.Of, what))
	}
	spread := func(name string, v history.Spread, what string) {
		times := func(v float64) string { return took(lasting(v)) }
		basis := fmt.Sprintf("known of %d of %d %s", v.Count, v.Of, what)
		if v.Count > 0 {
			basis = fmt.Sprintf("median; 90 %% within %s; %s", valueOf(v.P90, times), basis)
		}
		line(name, valueOf(v.Median, times), basis)
	}
	line("deployment frequency", valueOf(f.DeploymentFrequency.Value, func(v float64) string { return fmt.Sprintf("%.2f/day", v) }),
		fmt.Sprintf("%d promotions", f.DeploymentFrequency.Count))
	spread("lead time", f.LeadTime, "promotions")
	spread("time to restore", f.TimeToRestore, "failed changes")
	rate("change-failure rate", f.ChangeFailureRate, "changes")
	rate("rollback rate", f.RollbackRate, "changes")
	rate("success rate", f.SuccessRate, "decided rollouts")
	return b.String(), nil
}

// valueOf writes what has no data as a dash: that is no 0.
func valueOf(v *float64, show func(float64) string) string {
	if v == nil {
		return "-"
	}
	return show(*v)
}
