package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

func newWeightsCommand() *cobra.Command {
	var flags adminFlags
	var w weightsCall
	cmd := &cobra.Command{
		Use:   "weights SERVICE [VERSION=PERCENT…] [--state VERSION=STATE]",
		Short: "show or change the live weights and states of a service",
		Example: "  sluice weights shop\n  sluice weights shop v1=90 v2=10\n" +
			"  sluice weights shop --state v2=drain",
		Args: someArgs(1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkOutput(w.output); err != nil {
				return err
			}
			client, err := flags.client()
			if err != nil {
				return err
			}
			w.client, w.screen = client, newScreen(cmd.OutOrStdout())
			return w.run(cmd.Context(), args[0], args[1:])
		},
	}
	flags.add(cmd)
	cmd.ValidArgsFunction = flags.services
	addOutputFlag(cmd, &w.output)
	cmd.Flags().StringArrayVar(&w.states, "state", nil, "VERSION=active|drain|off; may be repeated")
	cmd.Flags().BoolVar(&w.dryRun, "dry-run", false, "say what would be, change nothing")
	cmd.Flags().StringVar(&w.ifMatch, "if-match", "", "ETag the change is based on; refused when the split has changed since")
	return cmd
}

// weightsCall is one `sluice weights`.
type weightsCall struct {
	client  *adminClient
	screen  screen
	output  string
	states  []string
	dryRun  bool
	ifMatch string
}

func (w *weightsCall) run(ctx context.Context, service string, pairs []string) error {
	base := "/api/v1/services/" + url.PathEscape(service)
	weights, err := parseWeights(pairs)
	if err != nil {
		return err
	}
	states, err := parseStates(w.states)
	if err != nil {
		return err
	}
	changes := len(states)
	if len(weights) > 0 {
		changes++
	}
	if w.dryRun && changes != 1 {
		return fmt.Errorf("%w: --dry-run shows what one change would do, got %d", errUsage, changes)
	}
	var answer json.RawMessage
	if len(weights) > 0 {
		if answer, err = w.put(ctx, base+"/weights", map[string]any{"weights": weights}); err != nil {
			return err
		}
	}
	for _, s := range states {
		path := base + "/versions/" + url.PathEscape(s.version) + "/state"
		if answer, err = w.put(ctx, path, map[string]any{"state": s.state}); err != nil {
			return err
		}
	}
	if w.dryRun {
		return w.show(answer)
	}
	if err := w.client.get(ctx, base, &answer); err != nil {
		return err
	}
	return w.show(answer)
}

func (w *weightsCall) put(ctx context.Context, path string, body any) (json.RawMessage, error) {
	if w.dryRun {
		path += "?dry_run=true"
	}
	header := http.Header{}
	if w.ifMatch != "" {
		header.Set("If-Match", w.ifMatch)
	}
	var answer json.RawMessage
	tag, err := w.client.call(ctx, http.MethodPut, path, header, body, &answer)
	if w.ifMatch != "" {
		w.ifMatch = tag // the next change is based on this one
	}
	return answer, err
}

func (w *weightsCall) show(answer json.RawMessage) error {
	if w.output == outputJSON {
		_, err := fmt.Fprintln(w.screen.w, string(answer))
		return err
	}
	var view serviceView
	if err := json.Unmarshal(answer, &view); err != nil {
		return fmt.Errorf("admin API: answer is not the expected JSON: %w", err)
	}
	s := statusView{screen: w.screen}
	_, err := fmt.Fprint(w.screen.w, s.render([]serviceView{view}))
	return err
}

func parseWeights(pairs []string) (map[string]json.Number, error) {
	weights := make(map[string]json.Number, len(pairs))
	for _, pair := range pairs {
		version, value, ok := strings.Cut(pair, "=")
		value = strings.TrimSuffix(value, "%")
		n, err := strconv.ParseFloat(value, 64)
		if !ok || version == "" || err != nil || !(n >= 0 && n <= 100) {
			return nil, fmt.Errorf("%w: got %q, want VERSION=PERCENT with 0 ≤ PERCENT ≤ 100, such as v2=10", errUsage, pair)
		}
		if _, twice := weights[version]; twice {
			return nil, fmt.Errorf("%w: version %q is named twice", errUsage, version)
		}
		weights[version] = json.Number(value)
	}
	return weights, nil
}

type stateChange struct{ version, state string }

func parseStates(pairs []string) ([]stateChange, error) {
	var changes []stateChange
	for _, pair := range pairs {
		version, state, ok := strings.Cut(pair, "=")
		if !ok || version == "" || state != "active" && state != "drain" && state != "off" {
			return nil, fmt.Errorf("%w: --state: got %q, want VERSION=active|drain|off", errUsage, pair)
		}
		changes = append(changes, stateChange{version, state})
	}
	return changes, nil
}
