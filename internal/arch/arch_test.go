package arch

import (
	"encoding/json"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// arrows lists, for each package, the packages of ours that it may import.
// docs/ARCHITECTURE.md says why.
var arrows = map[string][]string{
	"sluice/config":           {},
	"sluice/analysis":         {},
	"sluice/upstream":         {},
	"sluice/bench":            {},
	"sluice/bench/peers":      {"sluice/bench"},
	"sluice/promql":           {},
	"sluice/router":           {"sluice/config", "sluice/analysis", "sluice/upstream"},
	"sluice/proxy":            {"sluice/router", "sluice/upstream", "sluice/analysis", "sluice/comparison"},
	"sluice/rollout":          {"sluice/config", "sluice/analysis", "sluice/store", "sluice/history"},
	"sluice/admin":            {"sluice/config", "sluice/router", "sluice/rollout", "sluice/analysis", "sluice/history", "sluice/comparison", "sluice/series"},
	"sluice/comparison":       {},
	"sluice/history":          {},
	"sluice/series":           {"sluice/analysis"},
	"sluice/store":            {},
	"sluice/store/storetest":  {"sluice/store"},
	"sluice/webhook":          {"sluice/config"},
	"sluice/notify":           {"sluice/config", "sluice/webhook"},
	"sluice/smoke":            {"sluice/config"},
	"sluice/preflight":        {"sluice/config", "sluice/upstream"},
	"sluice/deploy":           {},
	"sluice/internal/advice":  {},
	"sluice/internal/arch":    {},
	"sluice/internal/backend": {},
	"sluice/internal/peers":   {},
	"sluice/internal/trial":   {},
	"sluice/internal/toxic":   {},
	"sluice/internal/soak":    {"sluice/bench", "sluice/internal/backend", "sluice/internal/trial"},
	"sluice/internal/chaos":   {"sluice/bench", "sluice/internal/backend", "sluice/internal/trial", "sluice/internal/toxic"},
	"sluice/recording":        {"sluice/analysis"},
	"sluice/simulation":       {"sluice/analysis", "sluice/recording", "sluice/internal/peers"},
	"sluice/cmd/sluice": {"sluice/config", "sluice/analysis", "sluice/upstream", "sluice/bench", "sluice/router",
		"sluice/proxy", "sluice/promql", "sluice/rollout", "sluice/admin", "sluice/internal/backend", "sluice/recording", "sluice/simulation",
		"sluice/store", "sluice/history", "sluice/series", "sluice/comparison", "sluice/webhook", "sluice/notify", "sluice/smoke", "sluice/preflight", "sluice/internal/advice", "sluice/deploy"},
}

// Tests may use these besides what their package may import.
var testArrows = []string{"sluice/internal/backend", "sluice/store/storetest"}

type listed struct {
	ImportPath                         string
	Imports, TestImports, XTestImports []string
}

func packages(t *testing.T) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", "sluice/...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []listed
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p listed
		if err := dec.Decode(&p); err == io.EOF {
			return all
		} else if err != nil {
			t.Fatalf("go list: %v", err)
		}
		all = append(all, p)
	}
}

func TestArrows(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range packages(t) {
		seen[p.ImportPath] = true
		allowed, known := arrows[p.ImportPath]
		if !known {
			t.Errorf("package %s is missing from the list of arrows", p.ImportPath)
			continue
		}
		check(t, p.ImportPath, "imports", p.Imports, allowed)
		check(t, p.ImportPath, "tests import", append(p.TestImports, p.XTestImports...),
			append(append([]string{p.ImportPath}, testArrows...), allowed...))
	}
	for name := range arrows {
		if !seen[name] {
			t.Errorf("package %s stands in the list of arrows but does not exist", name)
		}
	}
}

func check(t *testing.T, from, verb string, imports, allowed []string) {
	t.Helper()
	for _, to := range imports {
		if strings.HasPrefix(to, "sluice/") && !slices.Contains(allowed, to) {
			t.Errorf("%s %s %s, which is not among its arrows", from, verb, to)
		}
	}
}
