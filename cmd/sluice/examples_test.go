package main

import (
	"os"
	"path/filepath"
	"regexp"
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

var links = regexp.MustCompile(`\]\(([^)#:]+)\)`)

// The table leads to every example, and to nothing that is not there.
func TestStrategiesLeadSomewhere(t *testing.T) {
	for _, name := range []string{"docs/STRATEGIES.md", "docs/SCALING.md", "deploy/README.md"} {
		for _, m := range links.FindAllStringSubmatch(document(t, name), -1) {
			if _, err := os.Stat(filepath.Join("../..", filepath.Dir(name), m[1])); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	table := document(t, "docs/STRATEGIES.md") + document(t, "README.md")
	for name := range exampleFiles(t) {
		switch name {
		case "two-versions.yaml", "mirrored.yaml", "sticky-and-shielded.yaml", "tls-and-tokens.yaml":
			continue // first steps, not strategies
		}
		if !strings.Contains(table, "examples/"+name) {
			t.Errorf("docs/STRATEGIES.md does not lead to %s", name)
		}
	}
}

// Calls of sluice in examples' comments and in the documents around them are right.
func TestExamplesCallWhatExists(t *testing.T) {
	found := 0
	check := func(name, text string) {
		for _, line := range commandLines(text) {
			understood(t, name, line)
			found++
		}
	}
	for name := range exampleFiles(t) {
		var shell strings.Builder
		for line := range strings.Lines(document(t, "examples/"+name)) {
			if _, comment, ok := strings.Cut(line, "#"); ok {
				shell.WriteString(strings.TrimSpace(comment) + "\n")
			}
		}
		check(name, "\n```\n"+shell.String()+"\n```\n"+shell.String())
	}
	for _, name := range []string{"docs/STRATEGIES.md", "docs/SCALING.md", "deploy/README.md", "deploy/hybrid/README.md", "deploy/ecs/README.md"} {
		check(name, document(t, name))
	}
	if found < 30 {
		t.Errorf("only %d calls found", found)
	}
}

// YAML in the documents is part of a configuration, or of a Kubernetes object.
func TestScalingDocumentIsValid(t *testing.T) {
	for _, block := range fenced(document(t, "docs/SCALING.md"), "yaml") {
		if strings.HasPrefix(block, "rollout:") {
			text := document(t, "examples/two-versions.yaml") + "\n    " + strings.ReplaceAll(block, "\n", "\n    ")
			if _, err := config.Parse("docs/SCALING.md", []byte(text), config.ParseOptions{}); err != nil {
				t.Errorf("%v\n%s", err, text)
			}
			continue
		}
		if docs := yamlDocuments(t, "docs/SCALING.md", block); len(docs) != 1 {
			t.Errorf("got %d documents from\n%s", len(docs), block)
		}
	}
}
