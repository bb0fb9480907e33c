package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"sluice/config"
	"sluice/recording"
)

// tape is one service recorded to one file, for `sluice simulate --replay`.
type tape struct {
	service string
	file    *os.File
}

// openTapes opens what --record SERVICE=FILE asks for.
func openTapes(flags []string, cfg *config.Config) ([]tape, error) {
	var tapes []tape
	for _, flag := range flags {
		service, path, ok := strings.Cut(flag, "=")
		if !ok || service == "" || path == "" {
			return nil, fmt.Errorf("%w: --record: got %q, want SERVICE=FILE", errUsage, flag)
		}
		if !slices.ContainsFunc(cfg.Services, func(s config.Service) bool { return s.Name == service }) {
			return nil, fmt.Errorf("%w: --record: no service %q in the configuration", errUsage, service)
		}
		file, err := recording.Open(path)
		if err != nil {
			return nil, fmt.Errorf("--record %s: %w", service, err)
		}
		tapes = append(tapes, tape{service, file})
	}
	return tapes, nil
}

// record writes a tape until ctx ends. A destination that fails ends the recording,
// never the process.
func (a *app) record(ctx context.Context, t tape) error {
	defer t.file.Close()
	err := recording.NewSampler(a.live, t.service, t.file).Run(ctx)
	if err != nil {
		a.logger.Error("recording ended", "service", t.service, "file", t.file.Name(), "error", err)
		<-ctx.Done()
	}
	return nil
}
