package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sluice/config"
)

// exampleFiles are the files of examples/, by name.
func exampleFiles(t *testing.T) map[string]*config.Config {
	t.Helper()
	paths, err := filepath.Glob("../../examples/*.yaml")
	if err != nil || len(paths) < 20 {
		t.Fatalf("found %d examples, %v", len(paths), err)
	}
	all := map[string]*config.Config{}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(path)
		cfg, err := config.Parse(name, data, config.ParseOptions{Expand: true, Lookup: func(string) (string, bool) { return "", false }})
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		all[name] = cfg
	}
	return all
}

// Every example is one to copy: valid, alive in all its parts, without a warning, and
// with a comment on top that says what it is for.
func TestExamplesAreValid(t *testing.T) {
	for name, cfg := range exampleFiles(t) {
		if notes := append(cfg.Inactive(), warnings(cfg)...); len(notes) > 0 {
			t.Errorf("%s: %v", name, notes)
		}
		if !strings.HasPrefix(document(t, "examples/"+name), "# ") {
			t.Errorf("%s does not say what it is for", name)
		}
	}
}

// Each strategy has a file of its own name that shows it.
func TestExampleOfEachStrategy(t *testing.T) {
	all := exampleFiles(t)
	for _, strategy := range []string{"canary", "blue_green", "ab_test", "shadow", "rolling"} {
		name := strings.ReplaceAll(strategy, "_", "-") + ".yaml"
		if cfg := all[name]; cfg == nil || cfg.Services[0].Rollout == nil || cfg.Services[0].Rollout.Strategy != strategy {
			t.Errorf("%s does not show strategy %s", name, strategy)
		}
	}
}
