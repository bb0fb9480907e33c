package main

import (
	"context"
	"encoding/json"
	"fmt"

	"sluice/config"
)

// running reads one service back from the effective configuration, as far as a
// plan needs it: what may be masked is left out.
func running(ctx context.Context, client *adminClient, service string) (*config.Config, error) {
	var answer struct {
		Config struct {
			Services []map[string]json.RawMessage `json:"services"`
		} `json:"config"`
	}
	if err := client.get(ctx, "/api/v1/config", &answer); err != nil {
		return nil, err
	}
	var found []map[string]json.RawMessage
	for _, s := range answer.Config.Services {
		var name string
		if json.Unmarshal(s["name"], &name) == nil && name == service {
			found = append(found, plannable(s))
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("unknown service %q", service)
	}
	text, err := json.Marshal(map[string]any{"services": found})
	if err != nil {
		return nil, err
	}
	cfg, err := config.Parse("running configuration", text, config.ParseOptions{})
	if err != nil {
		return nil, fmt.Errorf("the running configuration can't be read back; name the file with -c: %w", err)
	}
	return cfg, nil
}

// plannable is what a plan needs of a service's configuration.
func plannable(s map[string]json.RawMessage) map[string]json.RawMessage {
	kept := map[string]json.RawMessage{}
	for _, key := range []string{"name", "stable", "versions", "guard", "rollout"} {
		if v, ok := s[key]; ok {
			kept[key] = v
		}
	}
	kept["guard"] = without(kept["guard"], "metrics")
	kept["rollout"] = without(kept["rollout"], "hooks", "notify", "smoke_tests")
	if kept["rollout"] == nil {
		delete(kept, "rollout")
	}
	return kept
}

// without is an object less some keys; nil if raw is none.
func without(raw json.RawMessage, keys ...string) json.RawMessage {
	var table map[string]json.RawMessage
	if json.Unmarshal(raw, &table) != nil || table == nil {
		return nil
	}
	for _, k := range keys {
		delete(table, k)
	}
	out, err := json.Marshal(table)
	if err != nil {
		return nil
	}
	return out
}
