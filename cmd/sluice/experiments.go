package main

import (
	"context"
	"fmt"
	"time"

	"sluice/admin"
	"sluice/rollout"
	"sluice/router"
)

// tellExperiments makes an event of every chaos experiment that ends by itself, until ctx ends. Their
// end needs nobody: requests look at the clock themselves.
func (a *app) tellExperiments(ctx context.Context) error {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		for _, was := range a.live.EndedInjections() {
			a.controller.Journal().Add(experimentEnded(was))
			a.logger.Info("experiment ended", "service", was.Service, "version", was.Version, "experiment", was.Name, "requests", was.Requests)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

func experimentEnded(was router.Injected) rollout.Event {
	return rollout.Event{
		Type: "fault", Service: was.Service, Version: was.Version,
		Message: fmt.Sprintf("experiment %s ended by itself; %d requests suffered it (%s)", was.Name, was.Requests, admin.FaultWords(was.Injection)),
		Fields:  map[string]any{"fault": was.Show(), "requests": was.Requests, "since": was.Since.UTC()},
	}
}
