package main

import (
	"encoding/json"
	"errors"
	"fmt"

	"sluice/config"

	"github.com/spf13/cobra"
)

func newValidateCommand() *cobra.Command {
	var path, output string
	cmd := &cobra.Command{
		Use:   "validate",
		Short: "check a configuration and print every fault with its place",
		Long: `Check a configuration without running it: every fault is printed as FILE:LINE:COL: path: what
is wrong, and the exit code is 1. A valid file may still get notes (parsed, but not active in
this release) and warnings (legal, and seldom wanted; or a promotion, known from state.dir, that
the file takes back).`,
		Example: "  sluice validate\n  sluice validate -c sluice.yaml --output json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkOutput(output); err != nil {
				return err
			}
			file, err := config.Find(path)
			if err != nil {
				return err
			}
			cfg, err := config.Load(file)
			if output == outputJSON {
				return validateJSON(cmd, file, cfg, err)
			}
			return validateText(cmd, file, cfg, err)
		},
	}
	cmd.Flags().StringVarP(&path, "config", "c", "", "configuration file (default $SLUICE_CONFIG, ./sluice.yaml, /etc/sluice/sluice.yaml)")
	addOutputFlag(cmd, &output)
	return cmd
}

func validateText(cmd *cobra.Command, file string, cfg *config.Config, err error) error {
	var faults config.Faults
	if errors.As(err, &faults) {
		for _, f := range faults {
			fmt.Fprintln(cmd.ErrOrStderr(), f)
		}
		return errSilent
	}
	if err != nil {
		return err
	}
	for _, part := range cfg.Inactive() {
		fmt.Fprintf(cmd.ErrOrStderr(), "%s: note: %s\n", file, part)
	}
	for _, w := range cautions(cfg) {
		fmt.Fprintf(cmd.ErrOrStderr(), "%s: warning: %s\n", file, w)
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: valid\n", file)
	return err
}

func validateJSON(cmd *cobra.Command, file string, cfg *config.Config, err error) error {
	var faults config.Faults
	if err != nil && !errors.As(err, &faults) {
		return err
	}
	result := struct {
		File   string         `json:"file"`
		Valid  bool           `json:"valid"`
		Faults []config.Fault `json:"faults,omitempty"`
		Notes  []string       `json:"notes,omitempty"`
		Warned []string       `json:"warnings,omitempty"`
	}{File: file, Valid: len(faults) == 0, Faults: faults}
	if cfg != nil {
		result.Notes, result.Warned = cfg.Inactive(), cautions(cfg)
	}
	if err := json.NewEncoder(cmd.OutOrStdout()).Encode(result); err != nil {
		return err
	}
	if !result.Valid {
		return errSilent
	}
	return nil
}
