package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Metrics and calls that the files name are those that exist.
func TestScalersAskForWhatExists(t *testing.T) {
	sources, err := filepath.Glob("../../admin/*.go")
	if err != nil {
		t.Fatal(err)
	}
	var known strings.Builder
	for _, path := range sources {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		known.Write(text)
	}
	found := 0
	texts := map[string]string{"docs/SCALING.md": document(t, "docs/SCALING.md")}
	deployed(t, func(name, text string) { texts[name] = text })
	for name, text := range texts {
		for _, word := range regexp.MustCompile(`\bsluice_[a-z_]+|\b(?:next_)?demand_rps\b|\brequests_per_endpoint\b|/\{?[a-z]*\}?/scaling\b`).FindAllString(text, -1) {
			if word == "sluice_shop" { // the cookie
				continue
			}
			found++
			if i := strings.LastIndex(word, "/"); i > 0 {
				word = word[i:]
			}
			if !strings.Contains(known.String(), word) {
				t.Errorf("%s names %s, which does not exist", name, word)
			}
		}
	}
	if found < 8 {
		t.Errorf("only %d names found", found)
	}
}
