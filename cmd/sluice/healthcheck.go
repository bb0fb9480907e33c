package main

import (
	"context"
	"fmt"
	"net/http"

	"github.com/spf13/cobra"
)

func newHealthcheckCommand() *cobra.Command {
	var flags adminFlags
	cmd := &cobra.Command{
		Use:     "healthcheck",
		Short:   "exit 0 if the process answers /livez, else 1 (for a container's HEALTHCHECK)",
		Example: "  sluice healthcheck\n  sluice healthcheck --admin unix:/run/sluice/admin.sock",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := flags.client()
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), flags.timeout)
			defer cancel()
			resp, err := client.open(ctx, http.MethodGet, "/livez", nil, nil)
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			_, err = fmt.Fprintln(cmd.OutOrStdout(), "ok")
			return err
		},
	}
	flags.add(cmd)
	return cmd
}
