package main

import (
	"context"
	"slices"
	"time"

	"sluice/config"
	"sluice/rollout"
	"sluice/webhook"
)

// hooks calls the webhooks of the configuration in force: the part of
// rollout.Outside that leaves the process. Safe for concurrent use.
type hooks struct {
	config func() *config.Config
	client *webhook.Client
}

func newHooks(inForce func() *config.Config) *hooks {
	return &hooks{config: inForce, client: &webhook.Client{Version: version}}
}

// Call sends the hooks of at.Point in the file's order and stops at the first that fails. At
// the point rollback_query it is the first that passes which ends it, and the only result is
// the last: one yes is enough to roll back, and a no keeps nobody from asking the next, as in Flagger.
func (h *hooks) Call(ctx context.Context, at rollout.Situation) []rollout.HookResult {
	var results []rollout.HookResult
	for _, hook := range hooksAt(h.config(), at) {
		began := time.Now()
		r := h.client.Call(ctx, hook, factsOf(at, began))
		query := at.Point == rollout.PointRollbackQuery
		if query {
			results = nil
		}
		results = append(results, rollout.HookResult{
			Time: began.UTC(), Name: hook.Name, Point: at.Point, Stage: at.Stage, OK: r.OK, Status: r.Status,
			Attempts: r.Attempts, Took: float64(r.Took.Microseconds()) / 1000, Message: r.Message,
		})
		if r.OK == query || ctx.Err() != nil {
			break
		}
	}
	return results
}

// hooksAt are the hooks to call. A hook of rollback in Flagger's format asks for a
// rollback, and is not told of one.
func hooksAt(cfg *config.Config, at rollout.Situation) (found []config.Hook) {
	s := serviceOf(cfg, at.Service)
	if s == nil || s.Rollout == nil {
		return nil
	}
	for _, hook := range s.Rollout.Hooks {
		on := hook.On
		if on == rollout.PointRollback && hook.Format == "flagger" {
			on = rollout.PointRollbackQuery
		}
		if on == at.Point && wanted(hook.Stages, at.Stage) && wanted(hook.Versions, at.Canary) {
			found = append(found, hook)
		}
	}
	return found
}

// wanted reports whether a hook's filter lets name pass.
func wanted(filter []string, name string) bool {
	return len(filter) == 0 || slices.Contains(filter, name)
}

func serviceOf(cfg *config.Config, name string) *config.Service {
	if cfg == nil {
		return nil
	}
	for i := range cfg.Services {
		if cfg.Services[i].Name == name {
			return &cfg.Services[i]
		}
	}
	return nil
}

// factsOf is a situation in the words of webhooks.
func factsOf(at rollout.Situation, now time.Time) webhook.Facts {
	f := webhook.Facts{
		ID: at.ID, Service: at.Service, Strategy: at.Strategy, Version: at.Canary, Stable: at.Stable, Phase: string(at.Phase),
		Point: at.Point, Stage: at.Stage, Weight: at.Weight, Key: at.Key, Reason: at.Reason, Labels: at.Labels,
		ConfigVersion: at.ConfigVersion, Evidence: at.Evidence, Time: now,
	}
	if e := at.Event; e != nil {
		f.Event = &webhook.Event{ID: e.ID, Time: e.Time, Type: e.Type, Version: e.Version, By: e.By, Message: e.Message, Fields: e.Fields}
	}
	return f
}
