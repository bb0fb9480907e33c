package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"sluice/rollout"

	"github.com/spf13/cobra"
)

// serviceView is what the admin API tells of a service.
type serviceView struct {
	Name     string        `json:"name"`
	Stable   string        `json:"stable"`
	SetBy    string        `json:"set_by"`
	SetAt    time.Time     `json:"set_at"`
	Reason   string        `json:"reason"`
	DryRun   bool          `json:"dry_run"`
	Versions []versionView `json:"versions"`
	Rollout  *briefRollout `json:"rollout"`
}

// briefRollout is what a list of services tells of a rollout.
type briefRollout struct {
	Phase   rollout.Phase `json:"phase"`
	Canary  string        `json:"canary"`
	Stage   int           `json:"stage"`
	Stages  int           `json:"stages"`
	Name    string        `json:"stage_name"`
	Waiting string        `json:"waiting_for"`
	Gate    string        `json:"gate"`
}

// line is "" unless the rollout is under way.
func (r *briefRollout) line() string {
	if r == nil || r.Phase == "none" || r.Phase.Ended() {
		return ""
	}
	text := fmt.Sprintf("rollout of %s: %s", r.Canary, r.Phase)
	if r.Name != "" {
		text += fmt.Sprintf(", stage %d/%d %s", r.Stage+1, r.Stages, r.Name)
	}
	switch {
	case r.Gate != "":
		text += ", waits for approval of " + r.Gate
	case r.Waiting != "":
		text += ", waits for " + r.Waiting
	}
	return text
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
		Long: `Show shares, states and rates of all versions. At a terminal --watch draws a board that stays in place:
what needs attention first, the last five minutes as sparklines, and the newest events below.`,
		Example: "  sluice status\n  sluice status shop --watch\n  sluice status shop --output json\n" +
			"  SLUICE_TOKEN=… sluice status --admin https://edge-1:9900",
		Args: someArgs(0, 1),
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
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			return s.watch(ctx, interval)
		},
	}
	flags.add(cmd)
	cmd.ValidArgsFunction = flags.services
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
	board  *statusBoard // how a terminal is drawn; nil: plain tables
}

func (s *statusView) once(ctx context.Context) error {
	frame, err := s.frame(ctx)
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(s.screen.w, frame)
	return err
}

// watch shows the state again and again until ctx ends. A look that fails is
// told, and does not end it: a restart of the process is worth watching.
func (s *statusView) watch(ctx context.Context, interval time.Duration) error {
	ticker := time.NewTicker(max(interval, 100*time.Millisecond))
	defer ticker.Stop()
	if s.screen.terminal && !s.json {
		s.board = &statusBoard{}
	}
	for first := true; ; first = false {
		frame, err := s.frame(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && first:
			return err
		case err != nil:
			frame = fmt.Sprintf("%s  %v\n", time.Now().Format(time.TimeOnly), err)
		}
		if s.json && err != nil {
			fmt.Fprint(os.Stderr, frame)
		} else if err := s.screen.show(frame, s.json); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// frame is what one look shows.
func (s *statusView) frame(ctx context.Context) (string, error) {
	raw, services, err := s.fetch(ctx)
	if err != nil {
		return "", err
	}
	if s.json {
		return string(raw) + "\n", nil
	}
	if s.board == nil {
		return s.render(services), nil
	}
	s.board.take(ctx, s.client, s.service(), time.Now())
	return s.board.render(s.screen, services), nil
}

// service is the one asked for; "": all.
func (s *statusView) service() string {
	if len(s.args) == 0 {
		return ""
	}
	return s.args[0]
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
	columns := statusColumns()
	if s.screen.terminal {
		columns = fitting(columns, s.screen.width())
	}
	for _, svc := range services {
		b.WriteString(renderService(s.screen, svc, columns))
	}
	return b.String()
}

// renderService is a service with a row for each version.
func renderService(s screen, svc serviceView, columns []column) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  stable %s", s.paint(bold, svc.Name), svc.Stable)
	if svc.SetBy != "" {
		fmt.Fprintf(&b, "  (weights set by %s %s", svc.SetBy, svc.SetAt.Local().Format("2006-01-02 15:04:05"))
		if svc.Reason != "" {
			fmt.Fprintf(&b, ": %s", harmless(svc.Reason))
		}
		b.WriteString(")")
	}
	if svc.DryRun {
		b.WriteString("  " + s.paint(yellow, "dry run: nothing is changed"))
	}
	b.WriteString("\n")
	if line := svc.Rollout.line(); line != "" {
		b.WriteString("  " + s.paint(phaseColour(svc.Rollout.Phase), line) + "\n")
	}
	b.WriteString(row(columns, func(c column) string { return c.head }, nil))
	for _, v := range svc.Versions {
		b.WriteString(row(columns, func(c column) string { return c.cell(v) }, func(c column, cell string) string {
			switch c.head {
			case "STATE":
				return s.paint(stateColour(v.State), cell)
			case "5 MIN":
				return s.paint(cyan, cell)
			case "FAILED":
				return s.paint(red, cell)
			}
			return cell
		}))
	}
	return b.String()
}
