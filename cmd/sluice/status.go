package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// serviceView is what the admin API tells of a service.
type serviceView struct {
	Name     string        `json:"name"`
	Stable   string        `json:"stable"`
	SetBy    string        `json:"set_by"`
	SetAt    time.Time     `json:"set_at"`
	Reason   string        `json:"reason"`
	Versions []versionView `json:"versions"`
}

type versionView struct {
	Name           string         `json:"name"`
	Weight         float64        `json:"weight"`
	DeclaredWeight float64        `json:"declared_weight"`
	Share          float64        `json:"share"`
	State          string         `json:"state"`
	Requests       uint64         `json:"requests"`
	Errors         uint64         `json:"errors"`
	ErrorRate      float64        `json:"error_rate"`
	RPS            float64        `json:"rps"`
	P50ms          float64        `json:"p50_ms"`
	P99ms          float64        `json:"p99_ms"`
	Endpoints      []endpointView `json:"endpoints"`
}

type endpointView struct {
	URL     string `json:"url"`
	Healthy bool   `json:"healthy"`
	Ejected bool   `json:"ejected"`
}

func newStatusCommand() *cobra.Command {
	var flags adminFlags
	var output string
	var watch bool
	var interval time.Duration
	cmd := &cobra.Command{
		Use:   "status [SERVICE]",
		Short: "show shares, states and rates of all versions; live with --watch",
		Args:  someArgs(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkOutput(output); err != nil {
				return err
			}
			client, err := flags.client()
			if err != nil {
				return err
			}
			s := statusView{client: client, screen: newScreen(cmd.OutOrStdout()), json: output == outputJSON, args: args}
			if !watch {
				return s.once(cmd.Context())
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt)
			defer stop()
			return s.watch(ctx, interval)
		},
	}
	flags.add(cmd)
	addOutputFlag(cmd, &output)
	cmd.Flags().BoolVarP(&watch, "watch", "w", false, "redraw until interrupted")
	cmd.Flags().DurationVar(&interval, "interval", time.Second, "time between two looks with --watch")
	return cmd
}

// statusView shows one service, or all.
type statusView struct {
	client *adminClient
	screen screen
	json   bool
	args   []string
}

func (s *statusView) once(ctx context.Context) error {
	raw, services, err := s.fetch(ctx)
	if err != nil {
		return err
	}
	if s.json {
		_, err := fmt.Fprintln(s.screen.w, string(raw))
		return err
	}
	_, err = fmt.Fprint(s.screen.w, s.render(services))
	return err
}

func (s *statusView) watch(ctx context.Context, interval time.Duration) error {
	ticker := time.NewTicker(max(interval, 100*time.Millisecond))
	defer ticker.Stop()
	for {
		if s.screen.terminal && !s.json {
			fmt.Fprint(s.screen.w, "\x1b[H\x1b[J")
		}
		if err := s.once(ctx); err != nil && ctx.Err() == nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

func (s *statusView) fetch(ctx context.Context) (json.RawMessage, []serviceView, error) {
	var raw json.RawMessage
	if len(s.args) == 1 {
		if err := s.client.get(ctx, "/api/v1/services/"+url.PathEscape(s.args[0]), &raw); err != nil {
			return nil, nil, err
		}
		var one serviceView
		err := json.Unmarshal(raw, &one)
		return raw, []serviceView{one}, err
	}
	if err := s.client.get(ctx, "/api/v1/services", &raw); err != nil {
		return nil, nil, err
	}
	var all struct {
		Services []serviceView `json:"services"`
	}
	err := json.Unmarshal(raw, &all)
	return raw, all.Services, err
}

func (s *statusView) render(services []serviceView) string {
	var b strings.Builder
	for _, svc := range services {
		fmt.Fprintf(&b, "%s  stable %s", s.screen.paint(bold, svc.Name), svc.Stable)
		if svc.SetBy != "" {
			fmt.Fprintf(&b, "  (weights set by %s %s", svc.SetBy, svc.SetAt.Local().Format("2006-01-02 15:04:05"))
			if svc.Reason != "" {
				fmt.Fprintf(&b, ": %s", svc.Reason)
			}
			b.WriteString(")")
		}
		b.WriteString("\n")
		fmt.Fprintf(&b, "  %-12s %8s %8s %8s  %-12s %9s %10s %8s %9s %9s  %s\n",
			"VERSION", "DECLARED", "WEIGHT", "SHARE", "STATE", "REQ/S", "REQUESTS", "ERRORS", "P50", "P99", "ENDPOINTS")
		for _, v := range svc.Versions {
			b.WriteString(s.row(v))
		}
	}
	return b.String()
}

func (s *statusView) row(v versionView) string {
	healthy := 0
	for _, e := range v.Endpoints {
		if e.Healthy && !e.Ejected {
			healthy++
		}
	}
	return fmt.Sprintf("  %-12s %7.4g%% %7.4g%% %7.4g%%  %s %9.1f %10d %7.2f%% %9s %9s  %d/%d healthy\n",
		v.Name, v.DeclaredWeight, v.Weight, v.Share, s.screen.paint(stateColour(v.State), fmt.Sprintf("%-12s", v.State)),
		v.RPS, v.Requests, v.ErrorRate*100, millis(v.P50ms), millis(v.P99ms), healthy, len(v.Endpoints))
}

func millis(ms float64) string {
	if ms == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1fms", ms)
}

func stateColour(state string) string {
	switch state {
	case "active":
		return green
	case "tripped", "quarantined":
		return red
	}
	return yellow
}
