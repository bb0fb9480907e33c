// Command sluice is a reverse proxy that splits traffic between versions of a
// service, measures each version inline and cuts a bad one off by itself. This
// package parses flags, wires the parts and maps signals; nothing else wires.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
)

// version is set by the build (-ldflags "-X main.version=…").
var version = "dev"

// Exit codes of the contract.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// errUsage marks a wrong call: exit code 2.
var errUsage = errors.New("usage")

// errSilent marks a failure that has already been told: exit code 1.
var errSilent = errors.New("failed")

func main() {
	os.Exit(execute(context.Background(), os.Args[1:]))
}

func execute(ctx context.Context, args []string) int {
	root := newRoot()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errSilent):
		return exitFailed
	}
	fmt.Fprintf(os.Stderr, "sluice: %v\n", err)
	if errors.Is(err, errUsage) {
		return exitUsage
	}
	return exitFailed
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "sluice",
		Short: "split traffic between versions of a service, and cut a bad one off",
		Example: `  sluice demo                         # see it work, with nothing else installed
  sluice validate -c sluice.yaml      # every fault at once, with line and column
  sluice run -c sluice.yaml           # serve; the commands below talk to its admin API
  sluice status --watch
  sluice weights shop v1=90 v2=10
  sluice rollout start shop
  sluice rollout watch shop`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          knownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return errors.Join(cmd.Help(), nil)
		},
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fmt.Errorf("%w: %w (see %s --help)", errUsage, err, cmd.CommandPath())
	})
	root.AddCommand(
		newRunCommand(), newValidateCommand(), newDemoCommand(),
		newStatusCommand(), newWeightsCommand(), newEventsCommand(), newPlanCommand(),
		newInitCommand(), newSchemaCommand(), newHealthcheckCommand(), newVersionCommand(),
		newSimulateCommand(), newRolloutCommand(), newFaultsCommand(),
	)
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		if cmd.Name() == "completion" { // cobra's own lets any word pass
			cmd.Args, cmd.RunE = knownCommand, func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
		}
	}
	return root
}

// knownCommand refuses what is no subcommand as wrong usage.
func knownCommand(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("%w: unknown command %q (see %s --help)", errUsage, args[0], cmd.CommandPath())
	}
	return nil
}

// noArgs refuses positional arguments as wrong usage.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("%w: %s takes no argument, got %q (see sluice --help)", errUsage, cmd.CommandPath(), args[0])
	}
	return nil
}

// someArgs asks for between min and max positional arguments; max < 0: any number.
func someArgs(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < least || most >= 0 && len(args) > most {
			return fmt.Errorf("%w: want %s", errUsage, cmd.UseLine())
		}
		return nil
	}
}
