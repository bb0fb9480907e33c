package arch

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// The map shows every package and the arrows that the code has: it is what a newcomer reads first.
func TestDocumentShowsPackagesAndArrows(t *testing.T) {
	raw, err := os.ReadFile("../../docs/ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	_, section, _ := strings.Cut(text, "## Arrows")
	paragraph, _, _ := strings.Cut(strings.TrimSpace(section), "\n\n")
	said := map[string][]string{}
	for clause := range strings.SplitSeq(strings.ReplaceAll(paragraph, "\n", " "), "·") {
		if from, to, ok := strings.Cut(clause, "→"); ok {
			to, _, _ = strings.Cut(to, ".") // what follows is prose
			said[strings.TrimSpace(from)] = strings.Split(strings.TrimSpace(to), ", ")
		}
	}
	for path, allowed := range arrows {
		name := strings.TrimPrefix(path, "sluice/")
		if !strings.Contains(text, "`"+name+"`") {
			t.Errorf("docs/ARCHITECTURE.md does not tell what %s is", name)
		}
		if strings.Contains(name, "/") || len(allowed) == 0 {
			continue // programs and leaves: told in the prose
		}
		var want []string
		for _, to := range allowed {
			want = append(want, strings.TrimPrefix(to, "sluice/"))
		}
		got := slices.Sorted(slices.Values(said[name]))
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("docs/ARCHITECTURE.md: %s → %s, want %s", name, strings.Join(got, ", "), strings.Join(want, ", "))
		}
	}
}
