package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sluice/config"

	"github.com/spf13/cobra"
)

// document reads a file of the repository.
func document(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("../../" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// fenced are the code blocks of a document in one language ("": all).
func fenced(text, language string) (blocks []string) {
	parts := strings.Split(text, "\n```")
	for i := 1; i < len(parts); i += 2 {
		if l, block, _ := strings.Cut(parts[i], "\n"); language == "" || l == language {
			blocks = append(blocks, block)
		}
	}
	return blocks
}

var inline = regexp.MustCompile("`(?:bin/)?(sluice [a-z][^`\n]*)`")

// commandLines are all calls of sluice in a document's code.
func commandLines(text string) (lines []string) {
	for _, block := range fenced(text, "") {
		lines = append(lines, called(block)...)
	}
	for _, m := range inline.FindAllStringSubmatch(text, -1) {
		lines = append(lines, called(m[1])...)
	}
	return lines
}

// called are the lines of a shell text that call sluice, less comments.
func called(text string) (lines []string) {
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, " #")
		line, _, _ = strings.Cut(line, " > ")
		words := strings.Fields(line)
		for len(words) > 0 && strings.Contains(words[0], "=") {
			words = words[1:] // the environment
		}
		if len(words) > 1 && strings.TrimPrefix(words[0], "bin/") == "sluice" {
			lines = append(lines, strings.Join(words[1:], " "))
		}
	}
	return lines
}

// understood checks a call as far as it can without doing it.
func understood(t *testing.T, where, line string) {
	t.Helper()
	root := newRoot()
	cmd, rest, err := root.Find(strings.Fields(line))
	if err != nil || cmd == root {
		t.Errorf("%s: sluice %s: no such command (%v)", where, line, err)
		return
	}
	if err := cmd.ParseFlags(rest); err != nil {
		t.Errorf("%s: sluice %s: %v", where, line, err)
	} else if where == "help" {
		if err := cmd.ValidateArgs(cmd.Flags().Args()); err != nil {
			t.Errorf("%s: sluice %s: %v", where, line, err)
		}
	}
}

func TestDocumentedCommandsExist(t *testing.T) {
	for name, least := range map[string]int{"README.md": 16, "docs/GUARD.md": 2, "docs/JUDGEMENT.md": 3, "docs/API.md": 12,
		"docs/CHECKS.md": 0, "docs/COMPARISON.md": 0, "docs/HOOKS.md": 0, "docs/OPERATING.md": 0} {
		lines := commandLines(document(t, name))
		if len(lines) < least {
			t.Errorf("%s: found %q, want %d calls or more", name, lines, least)
		}
		for _, line := range lines {
			understood(t, name, line)
		}
	}
}

// Every command that does something shows how it is called, and the calls are right.
func TestHelpHasExamples(t *testing.T) {
	examples := func(cmd *cobra.Command) {
		lines := called(cmd.Example)
		if len(lines) == 0 {
			t.Errorf("%s: no examples", cmd.CommandPath())
		}
		for _, line := range lines {
			understood(t, "help", line)
		}
	}
	var all func(cmd *cobra.Command)
	all = func(cmd *cobra.Command) {
		if cmd.Name() == "completion" || cmd.Name() == "help" {
			return
		}
		examples(cmd)
		for _, sub := range cmd.Commands() {
			all(sub)
		}
	}
	all(newRoot())
}

// The README's files are ones to copy; the guard's examples are parts of a service.
func TestDocumentedConfigurationIsValid(t *testing.T) {
	first := fenced(document(t, "README.md"), "yaml")
	if len(first) == 0 {
		t.Fatal("README.md holds no configuration")
	}
	files := map[string]string{}
	for i, whole := range first {
		files[fmt.Sprintf("README.md, block %d", i+1)] = whole
	}
	guards := fenced(document(t, "docs/GUARD.md"), "yaml")
	if len(guards) == 0 {
		t.Fatal("docs/GUARD.md holds no configuration")
	}
	for _, g := range guards {
		g = strings.ReplaceAll(g, "${file:/run/secrets/prometheus}", "a-long-bearer-token-0123456789")
		files["docs/GUARD.md: "+g] = first[0] + "\n    " + strings.ReplaceAll(g, "\n", "\n    ")
	}
	for name, text := range files {
		if _, err := config.Parse(name, []byte(text), config.ParseOptions{}); err != nil {
			t.Errorf("%s: %v\n%s", name, err, text)
		}
	}
}

// The README is short enough to be read, leads to every document, and nowhere else.
func TestReadmeLeadsToAll(t *testing.T) {
	text := document(t, "README.md")
	if n := strings.Count(text, "\n"); n > 250 {
		t.Errorf("README.md has %d lines, want at most 250", n)
	}
	documents, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(documents) < 5 {
		t.Fatalf("got %d documents, %v", len(documents), err)
	}
	for _, path := range documents {
		if name := filepath.Base(path); !strings.Contains(text, "docs/"+name) {
			t.Errorf("README.md does not lead to docs/%s", name)
		}
	}
	for _, m := range links.FindAllStringSubmatch(text, -1) {
		if _, err := os.Stat(filepath.Join("../..", m[1])); err != nil {
			t.Errorf("README.md: %v", err)
		}
	}
}
