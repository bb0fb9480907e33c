package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// faultsAnswer is what the admin API tells of a service's chaos experiments.
type faultsAnswer struct {
	Service  string           `json:"service"`
	Declared []map[string]any `json:"declared"`
	Running  []struct {
		Name     string         `json:"name"`
		Version  string         `json:"version"`
		Until    time.Time      `json:"until"`
		Requests uint64         `json:"requests"`
		Fault    map[string]any `json:"fault"`
	} `json:"running"`
	DryRun bool `json:"dry_run"`
}

func newFaultsCommand() *cobra.Command {
	var f faultsCall
	cmd := &cobra.Command{
		Use:     "faults SERVICE [start NAME | stop [NAME]]",
		Short:   "show, begin and end chaos experiments; each ends by itself after its duration",
		Long:    "Shows, begins and ends chaos experiments: those that the file declares, by name, or with --version and the flags below any other.\nEach ends by itself after its duration.",
		Example: "  sluice faults shop\n  sluice faults shop start slow --version v2 --percent 10 --duration 5m --delay 200ms\n  sluice faults shop start slow-backend --reason game-day\n  sluice faults shop stop slow-backend\n  sluice faults shop stop",
		Args:    someArgs(1, 3),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkOutput(f.output); err != nil {
				return err
			}
			method, name, err := faultsVerb(args[1:])
			if err != nil {
				return err
			}
			client, err := f.flags.client()
			if err != nil {
				return err
			}
			if f.own.given() && method != http.MethodPost {
				return fmt.Errorf("%w: --version and what goes with it belong to start NAME", errUsage)
			}
			f.client, f.screen = client, newScreen(cmd.OutOrStdout())
			return f.run(cmd.Context(), args[0], method, name)
		},
	}
	f.flags.add(cmd)
	addOutputFlag(cmd, &f.output)
	cmd.ValidArgsFunction = f.flags.services
	f.own.add(cmd)
	cmd.Flags().StringVar(&f.reason, "reason", "", "with start: why, for the record")
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, "say what would be, change nothing")
	return cmd
}

// faultsVerb reads what follows the service.
func faultsVerb(words []string) (method, name string, err error) {
	switch {
	case len(words) == 0:
		return http.MethodGet, "", nil
	case words[0] == "start" && len(words) == 2:
		return http.MethodPost, words[1], nil
	case words[0] == "stop" && len(words) == 1:
		return http.MethodDelete, "", nil
	case words[0] == "stop":
		return http.MethodDelete, words[1], nil
	}
	return "", "", fmt.Errorf("%w: got %q, want start NAME, stop NAME or stop", errUsage, strings.Join(words, " "))
}

// ownFault describes an experiment that the file does not declare. The API checks it.
type ownFault struct{ cmd *cobra.Command }

// ownKeys are its flags, which are keys of the file as well.
var ownKeys = []string{"version", "percent", "duration", "delay", "jitter", "abort", "reset", "blackhole", "traffic"}

func (o *ownFault) add(cmd *cobra.Command) {
	o.cmd = cmd
	flags := cmd.Flags()
	flags.String("version", "", "with start: an experiment of your own on this version")
	flags.Float64("percent", 0, "of an experiment of your own: share of the requests")
	flags.Duration("duration", 0, "of an experiment of your own: when it ends by itself; at most 1h")
	flags.Duration("delay", 0, "wait before the request is sent")
	flags.Duration("jitter", 0, "spread of the delay, ±")
	flags.Int("abort", 0, "answer with this status instead")
	flags.Bool("reset", false, "close the client's connection without an answer")
	flags.Bool("blackhole", false, "no answer until the response timeout")
	flags.String("traffic", "preview", "preview: previews and mirrored copies only; all: users' requests too (role admin)")
}

func (o *ownFault) given() bool { return slices.ContainsFunc(ownKeys, o.cmd.Flags().Changed) }

// body holds the flags that were given.
func (o *ownFault) body() map[string]any {
	body := map[string]any{}
	for _, key := range ownKeys {
		if flag := o.cmd.Flags().Lookup(key); flag.Changed {
			body[key] = json.RawMessage(flag.Value.String())
			if kind := flag.Value.Type(); kind == "string" || kind == "duration" {
				body[key] = flag.Value.String()
			}
		}
	}
	return body
}

// faultsCall is one `sluice faults`.
type faultsCall struct {
	flags          adminFlags
	output, reason string
	dryRun         bool
	own            ownFault

	client *adminClient
	screen screen
}

func (f *faultsCall) run(ctx context.Context, service, method, name string) error {
	path, query := "/api/v1/services/"+url.PathEscape(service)+"/faults", url.Values{}
	var body any
	switch {
	case method == http.MethodPost:
		in := f.own.body()
		in["name"] = name
		if f.reason != "" {
			in["reason"] = f.reason
		}
		body = in
	case name != "":
		query.Set("name", name)
	}
	if f.dryRun && method != http.MethodGet {
		query.Set("dry_run", "true")
	}
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	var raw json.RawMessage
	if _, err := f.client.call(ctx, method, path, nil, body, &raw); err != nil {
		return err
	}
	if f.output == outputJSON {
		_, err := fmt.Fprintln(f.screen.w, string(raw))
		return err
	}
	var answer faultsAnswer
	if err := json.Unmarshal(raw, &answer); err != nil {
		return fmt.Errorf("admin API: answer is not the expected JSON: %w", err)
	}
	_, err := fmt.Fprint(f.screen.w, renderFaults(f.screen, answer))
	return err
}

func renderFaults(s screen, a faultsAnswer) string {
	var b strings.Builder
	if a.DryRun {
		b.WriteString(s.paint(yellow, "dry run: nothing is changed") + "\n")
	}
	running := map[string]bool{}
	for _, r := range a.Running {
		running[r.Name] = true
		fmt.Fprintf(&b, "%s %-20s %-12s %s left, %d requests  %s\n", s.paint(red, "running "), r.Name, r.Version,
			took(time.Until(r.Until)), r.Requests, effectOf(r.Fault))
	}
	for _, d := range a.Declared {
		if name := fmt.Sprint(d["name"]); !running[name] {
			fmt.Fprintf(&b, "%s %-20s %-12v for %v  %s\n", s.paint(dim, "declared"), name, d["version"], d["duration"], effectOf(d))
		}
	}
	if b.Len() == 0 {
		fmt.Fprintf(&b, "%s: no experiments are declared and none runs\n", a.Service)
	}
	return b.String()
}

// effectOf says what an experiment does, from its keys.
func effectOf(fault map[string]any) string {
	var words []string
	for _, key := range []string{"delay", "jitter", "abort", "reset", "blackhole"} {
		switch v := fault[key].(type) {
		case nil:
		case bool:
			if v {
				words = append(words, key)
			}
		default:
			words = append(words, fmt.Sprintf("%s %v", key, v))
		}
	}
	percent := strings.TrimSuffix(fmt.Sprint(fault["percent"]), "%")
	return fmt.Sprintf("%s on %s%% of %v traffic", strings.Join(words, ", "), percent, fault["traffic"])
}
