package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"sluice/rollout"

	"github.com/spf13/cobra"
)

func newEventsCommand() *cobra.Command {
	var flags adminFlags
	var output, service string
	var follow bool
	cmd := &cobra.Command{
		Use:     "events",
		Short:   "print what happened, and go on with --follow",
		Example: "  sluice events\n  sluice events --follow --service shop\n  sluice events --follow --output json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkOutput(output); err != nil {
				return err
			}
			client, err := flags.client()
			if err != nil {
				return err
			}
			v := eventView{screen: newScreen(cmd.OutOrStdout()), json: output == outputJSON, service: service}
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			return v.stream(ctx, client, follow)
		},
	}
	flags.add(cmd)
	addOutputFlag(cmd, &output)
	cmd.Flags().StringVar(&service, "service", "", "only events of this service")
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on until interrupted, over breaks of the connection")
	return cmd
}

// eventView prints an event stream.
type eventView struct {
	screen  screen
	json    bool
	service string
	lastID  uint64
}

// stream prints the kept events and, with follow, the coming ones. A broken
// connection is taken up again where it ended.
func (v *eventView) stream(ctx context.Context, client *adminClient, follow bool) error {
	for {
		err := v.once(ctx, client, follow)
		var refused *apiError
		if ctx.Err() != nil {
			return nil
		}
		if !follow || errors.As(err, &refused) || v.lastID == 0 && err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Second):
		}
	}
}

func (v *eventView) once(ctx context.Context, client *adminClient, follow bool) error {
	query := url.Values{"since": {fmt.Sprint(v.lastID)}}
	if !follow {
		query.Set("follow", "false")
	}
	resp, err := client.open(ctx, http.MethodGet, "/api/v1/events?"+query.Encode(), nil, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data:")
		if !ok {
			continue
		}
		if err := v.print(strings.TrimSpace(data)); err != nil {
			return err
		}
	}
	return lines.Err()
}

func (v *eventView) print(data string) error {
	var e rollout.Event
	if err := json.Unmarshal([]byte(data), &e); err != nil {
		return fmt.Errorf("event stream: %w", err)
	}
	v.lastID = max(v.lastID, e.ID)
	if v.service != "" && e.Service != v.service {
		return nil
	}
	if v.json {
		_, err := fmt.Fprintln(v.screen.w, data)
		return err
	}
	where := strings.TrimSuffix(e.Service+"/"+e.Version, "/")
	_, err := fmt.Fprintf(v.screen.w, "%s  %s  %-20s %s\n", e.Time.Local().Format("15:04:05.000"),
		v.screen.paint(eventColour(e.Type), fmt.Sprintf("%-10s", harmless(e.Type))), harmless(where), harmless(e.Message))
	return err
}

func eventColour(kind string) string {
	switch kind {
	case "trip", "verdict", "alert", "quarantine", "rollback", "aborted":
		return red
	case "restore", "promoted":
		return green
	case "weights", "state", "paused", "approval", "fault":
		return yellow
	}
	return cyan
}
