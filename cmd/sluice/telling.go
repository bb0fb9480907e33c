package main

import (
	"context"
	"log/slog"
	"strings"

	"sluice/config"
	"sluice/notify"
	"sluice/rollout"
)

// teller follows the journal and tells people of its events. Fields that may be nil say so.
type teller struct {
	journal *rollout.Journal
	config  func() *config.Config
	sender  *notify.Sender
	links   func(service, runID, gate string) (approve, abort string) // "": none; nil: none
	logger  *slog.Logger
}

// Run follows the journal from its beginning, which is the process's, until ctx ends, and
// then what is left of it. It never waits for a target. It returns nil.
func (t *teller) Run(ctx context.Context) error {
	var last uint64
	for ended := false; ; {
		changed := t.journal.Changed()
		events, gap := t.journal.Since(last)
		if gap {
			t.logger.Warn("events lost before they were told")
		}
		for i := range events {
			t.tell(&events[i])
			last = events[i].ID
		}
		if ended {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			ended = true
		}
	}
}

// tell makes a note of e. An event of type approval says which gate of which rollout it is about.
func (t *teller) tell(e *rollout.Event) {
	cfg := t.config()
	if cfg == nil {
		return
	}
	n := notify.Note{
		ID: e.ID, Time: e.Time, Type: e.Type, Service: e.Service, Version: e.Version, By: e.By, Message: e.Message,
		Fields: e.Fields, ConfigVersion: cfg.Version,
	}
	if cfg.Admin.PublicURL != "" {
		n.Links.Page = strings.TrimSuffix(cfg.Admin.PublicURL, "/") + "/"
	}
	if e.Type == "approval" && t.links != nil {
		id, _ := e.Fields["id"].(string)
		gate, _ := e.Fields["gate"].(string)
		n.Links.Approve, n.Links.Abort = t.links(e.Service, id, gate)
	}
	t.sender.Tell(n)
}
