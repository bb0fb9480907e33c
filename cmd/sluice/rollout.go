package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

func newRolloutCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rollout",
		Short: "start, follow and steer the rollout of a service",
		Example: "  sluice rollout start shop --reason release-2.0.0\n  sluice rollout status shop --wait --timeout 2h\n" +
			"  sluice rollout watch shop\n  sluice rollout promote shop\n  sluice rollout abort shop --reason complaints",
		Args: knownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(
		newRolloutStartCommand(), newRolloutStatusCommand(), newRolloutWatchCommand(),
		newRolloutVerbCommand("pause", "rise no further for now; coming down is always possible"),
		newRolloutVerbCommand("resume", "go on after a pause"),
		newRolloutVerbCommand("promote", "approve what the rollout waits for, or pass the stage that runs; with --full all of them"),
		newRolloutVerbCommand("abort", "all traffic back to stable at once, whatever else hangs"),
		newRolloutVerbCommand("retry", "begin the last rollout anew after it failed or was stopped"),
		newRolloutVerbCommand("undo", "make the version from before stable again"),
		newRolloutHistoryCommand(), newRolloutKPIsCommand(),
	)
	return cmd
}

// rolloutCall is what the rollout commands share.
type rolloutCall struct {
	flags  adminFlags
	output string

	client *adminClient
	screen screen
}

func (r *rolloutCall) add(cmd *cobra.Command) {
	r.flags.add(cmd)
	addOutputFlag(cmd, &r.output)
	cmd.ValidArgsFunction = r.flags.services
}

// ready checks the flags.
func (r *rolloutCall) ready(cmd *cobra.Command) (err error) {
	if err := checkOutput(r.output); err != nil {
		return err
	}
	r.screen = newScreen(cmd.OutOrStdout())
	r.client, err = r.flags.client()
	return err
}

func (r *rolloutCall) json() bool { return r.output == outputJSON }

// show prints where a rollout stands.
func (r *rolloutCall) show(a *rolloutAnswer) error {
	text := renderRollout(r.screen, a)
	if r.json() {
		text = string(a.raw) + "\n"
	}
	_, err := io.WriteString(r.screen.w, text)
	return err
}

func newRolloutStartCommand() *cobra.Command {
	var r rolloutCall
	o := order{Action: "start"}
	cmd := &cobra.Command{
		Use:     "start SERVICE",
		Short:   "begin a rollout; one that runs is superseded, and its canary goes back to nothing first",
		Example: "  sluice rollout start shop\n  sluice rollout start shop --version v3 --reason release-3.0.0\n  sluice rollout start shop --dry-run",
		Args:    someArgs(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := r.ready(cmd); err != nil {
				return err
			}
			return r.steer(cmd.Context(), args[0], o)
		},
	}
	r.add(cmd)
	o.add(cmd)
	cmd.Flags().StringVar(&o.Version, "version", "", "version to roll out; default the canary of the file")
	return cmd
}

func newRolloutVerbCommand(verb, short string) *cobra.Command {
	var r rolloutCall
	o := order{Action: verb}
	cmd := &cobra.Command{
		Use: verb + " SERVICE", Short: short, Args: someArgs(1, 1),
		Example: "  sluice rollout " + verb + " shop\n  sluice rollout " + verb + " shop --reason agreed --output json",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := r.ready(cmd); err != nil {
				return err
			}
			return r.steer(cmd.Context(), args[0], o)
		},
	}
	r.add(cmd)
	o.add(cmd)
	cmd.Flags().StringVar(&o.ID, "id", "", "rollout that is meant; refused if it is another by now")
	cmd.Flags().StringVar(&o.Stage, "stage", "", "stage that is meant; refused if the rollout is not there, or waits at a gate that is not named as well")
	cmd.Flags().StringVar(&o.Gate, "gate", "", "gate that is meant, such as stage:final; refused if the rollout stands elsewhere by now")
	if verb == "promote" {
		cmd.Flags().BoolVar(&o.Full, "full", false, "skip all stages that are left: all traffic at once, and stable")
	}
	return cmd
}

func (o *order) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.Reason, "reason", "", "why, for the record")
	cmd.Flags().BoolVar(&o.dryRun, "dry-run", false, "say what would be, change nothing")
	cmd.Flags().StringVar(&o.ifMatch, "if-match", "", "ETag the change is based on; refused when weights or states have changed since")
}

func (r *rolloutCall) steer(ctx context.Context, service string, o order) error {
	a, err := r.client.steer(ctx, service, o)
	if err != nil {
		return err
	}
	return r.show(a)
}

func newRolloutStatusCommand() *cobra.Command {
	var r rolloutCall
	var wait bool
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "status SERVICE",
		Short: "show where the rollout stands; --wait until it ends: exit code 0 promoted or completed, 1 anything else",
		Example: "  sluice rollout status shop\n  sluice rollout status shop --output json\n" +
			"  sluice rollout status shop --wait --timeout 2h",
		Args: someArgs(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if timeout < 0 || timeout > 0 && !wait {
				return fmt.Errorf("%w: --timeout: got %v, want a positive duration, together with --wait", errUsage, timeout)
			}
			if err := r.ready(cmd); err != nil {
				return err
			}
			if !wait {
				a, err := r.client.rollout(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				return errors.Join(r.show(a), r.showDifferences(cmd.Context(), a))
			}
			progress := newScreen(cmd.OutOrStdout())
			if r.json() {
				progress = newScreen(cmd.ErrOrStderr()) // stdout is for the one document at the end
			}
			return r.wait(cmd.Context(), args[0], timeout, progress)
		},
	}
	r.add(cmd)
	cmd.Flags().BoolVar(&wait, "wait", false, "wait until the rollout ends, and tell what happens meanwhile")
	cmd.Flags().DurationVar(&timeout, "timeout", 0, "with --wait: give up after this time (exit code 1); 0 waits for as long as it takes")
	return cmd
}

// wait follows the rollout to its end.
func (r *rolloutCall) wait(ctx context.Context, service string, timeout time.Duration, progress screen) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	f := follower{client: r.client, service: service, view: &lineView{screen: progress}, interval: followEvery, timeout: timeout}
	last, err := f.run(ctx)
	if err != nil {
		return err
	}
	if r.json() {
		if err := r.show(last); err != nil {
			return err
		}
	}
	return last.outcome()
}

func newRolloutWatchCommand() *cobra.Command {
	var r rolloutCall
	var interval time.Duration
	cmd := &cobra.Command{
		Use:     "watch SERVICE",
		Short:   "follow a rollout live until it ends: a board at a terminal, lines in a pipe",
		Example: "  sluice rollout watch shop\n  sluice rollout watch shop --output json",
		Args:    someArgs(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := r.ready(cmd); err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			f := follower{client: r.client, service: args[0], view: r.view(), interval: max(interval, 100*time.Millisecond), figures: true, onward: true}
			last, err := f.run(ctx)
			if err != nil || ctx.Err() != nil {
				return err
			}
			return last.outcome()
		},
	}
	r.add(cmd)
	cmd.Flags().DurationVar(&interval, "interval", followEvery, "time between two looks")
	return cmd
}

// view is how a rollout is shown while it is followed.
func (r *rolloutCall) view() view {
	switch {
	case r.json():
		return &jsonView{w: r.screen.w}
	case r.screen.terminal:
		return &rolloutBoard{screen: r.screen, now: time.Now}
	}
	return &lineView{screen: r.screen, every: 10 * time.Second}
}

// services completes the name of a service at the shell.
func (f *adminFlags) services(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	client, err := f.client()
	if err != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	client.within = min(client.within, 2*time.Second) // a person waits at the prompt
	var all struct {
		Services []struct {
			Name string `json:"name"`
		} `json:"services"`
	}
	if client.get(cmd.Context(), "/api/v1/services", &all) != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	names := make([]string, 0, len(all.Services))
	for _, s := range all.Services {
		names = append(names, s.Name)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
