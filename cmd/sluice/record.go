package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"sluice/config"
	"sluice/recording"
	"sluice/router"
)

// tape is one service recorded to one file, for `sluice simulate --replay`.
type tape struct {
	service, path string
	file          *os.File // nil: not open
}

// openTapes opens what --record SERVICE=FILE asks for.
func openTapes(flags []string, cfg *config.Config) ([]*tape, error) {
	var tapes []*tape
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
		tapes = append(tapes, &tape{service, path, file})
	}
	return tapes, nil
}

// record writes a tape until ctx ends. A destination that fails ends the recording,
// never the process. It may be called again.
func (a *app) record(ctx context.Context, t *tape) error {
	if err := t.write(ctx, a.live); err != nil {
		a.logger.Error("recording ended", "service", t.service, "file", t.path, "error", err)
		<-ctx.Done()
	}
	return nil
}

func (t *tape) write(ctx context.Context, live *router.Live) (err error) {
	if t.file == nil {
		if t.file, err = recording.Open(t.path); err != nil {
			return err
		}
	}
	defer func() {
		_ = t.file.Close() // each line was written by itself
		t.file = nil
	}()
	return recording.NewSampler(live, t.service, t.file).Run(ctx)
}
