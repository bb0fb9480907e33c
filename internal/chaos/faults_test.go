package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const root = "../.."

var (
	quotedName = regexp.MustCompile("`([^`]+)`")
	testName   = regexp.MustCompile(`^([a-z0-9/]+)\.(Test\w+)$`)
)

// faultRows are the rows of all tables of docs/FAULTS.md that tell of faults: the fault, and what the row names as its proof.
func faultRows(t *testing.T) (rows []struct {
	fault string
	names []string
}) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "docs/FAULTS.md"))
	if err != nil {
		t.Fatal(err)
	}
	inside := false
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		switch first := strings.TrimSpace(cells[0]); {
		case !strings.HasPrefix(line, "|"):
			inside = false
		case first == "fault":
			inside = true
		case !inside || strings.HasPrefix(first, "---"):
		case len(cells) != 3:
			t.Errorf("%q has %d columns, want 3", first, len(cells))
		default:
			row := struct {
				fault string
				names []string
			}{fault: first}
			for _, m := range quotedName.FindAllStringSubmatch(cells[2], -1) {
				row.names = append(row.names, m[1])
			}
			rows = append(rows, row)
		}
	}
	return rows
}

// Each row of docs/FAULTS.md names a scenario that is played, or a test that there is; and each
// scenario holds a row.
func TestEveryFaultIsHeld(t *testing.T) {
	rows := faultRows(t)
	if len(rows) < 20 {
		t.Fatalf("%d rows found: the tables are written in another way", len(rows))
	}
	named := map[string]bool{}
	for _, row := range rows {
		if len(row.names) == 0 {
			t.Errorf("%q: nothing holds it", row.fault)
		}
		for _, name := range row.names {
			named[name] = true
			if !isScenario(name) && !isTest(t, name) {
				t.Errorf("%q: %s is neither a scenario nor a test", row.fault, name)
			}
		}
	}
	for _, s := range scenarios {
		if !named[s.name] {
			t.Errorf("scenario %s holds no row", s.name)
		}
	}
	if isScenario("disc") || isTest(t, "upstream.TestNothing") || isTest(t, "nowhere.TestX") {
		t.Error("what is not there is found")
	}
}

func isScenario(name string) bool {
	return slices.ContainsFunc(scenarios, func(s scenario) bool { return s.name == name })
}

// isTest looks for folder.TestName, in a folder of the repository or of internal.
func isTest(t *testing.T, name string) bool {
	t.Helper()
	m := testName.FindStringSubmatch(name)
	if m == nil {
		return false
	}
	for _, dir := range []string{m[1], filepath.Join("internal", m[1])} {
		files, err := filepath.Glob(filepath.Join(root, dir, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(text), "\nfunc "+m[2]+"(t *testing.T)") {
				return true
			}
		}
	}
	return false
}

func TestChoose(t *testing.T) {
	for only, want := range map[string]int{"": len(scenarios), "disk": 1, "disk,dns": 2} {
		if got, err := choose(only); err != nil || len(got) != want {
			t.Errorf("%q: %d scenarios and %v, want %d", only, len(got), err, want)
		}
	}
	for _, only := range []string{"disc", "disk,", "disk, dns"} {
		if _, err := choose(only); err == nil {
			t.Errorf("%q: no error", only)
		}
	}
}
