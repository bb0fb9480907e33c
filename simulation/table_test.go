package simulation

import (
	"strings"
	"testing"
)

func TestTablesNameWhatThereIs(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range Scenarios() {
		if seen[s.Name] {
			t.Errorf("two scenarios %q", s.Name)
		}
		seen[s.Name] = true
	}
	for _, table := range Tables() {
		for _, name := range table.Scenarios {
			if !seen[name] {
				t.Errorf("table %s: no scenario %q", table.Name, name)
			}
		}
		for _, name := range table.Detectors {
			if d, err := Select([]string{name}); err != nil || d[0].Name != name {
				t.Errorf("table %s: no detector %q", table.Name, name)
			}
		}
	}
}

func TestCells(t *testing.T) {
	for _, tt := range []struct {
		r    Result
		want string
	}{
		{Result{Healthy: true, Runs: 500, FalseHigh: 0.0076}, "0 (0-0.76)"},
		{Result{Runs: 100, Found: 100, Median: 17, P95: 31, Bad: 10}, "17/31 (10)"},
		{Result{Runs: 100, Median: -1, P95: -1, Bad: 13}, "never/never"},
		{Result{Runs: 100, Found: 60, Median: 900, P95: -1, Bad: 13}, "900/never (13) in 60%"},
		{Result{Runs: 100, Found: 98, False: 2, Median: 9, P95: 12, Bad: 3}, "9/12 (3) early 2%"},
	} {
		if got := tt.r.String(); got != tt.want {
			t.Errorf("%+v: %q, want %q", tt.r, got, tt.want)
		}
	}
}

func TestTableIsMarkdown(t *testing.T) {
	var b strings.Builder
	table := Table{Scenarios: []string{"s"}, Detectors: []string{"d", "other"}}
	if err := table.Write(&b, []Result{{Scenario: "s", Detector: "d", Runs: 1, Found: 1, Median: 1, P95: 1}}); err != nil {
		t.Fatal(err)
	}
	want := "|     | d       | other |\n|-----|---------|-------|\n| s   | 1/1 (0) | -     |\n"
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
}

func TestSummary(t *testing.T) {
	s := Scenario{Name: "late", Onset: 100}
	all := []outcome{{at: 90}, {at: 110, bad: 4, requests: 40}, {at: 130, bad: 8, requests: 80}, {at: 0, bad: 99, requests: 990}}
	r := summarise(&s, &Detector{Name: "d"}, all)
	if r.False != 1 || r.Found != 2 || r.Median != 30 || r.P95 != -1 || r.Bad != 4 || r.Requests != 40 {
		t.Errorf("%+v", r)
	}
	s = Scenario{Healthy: true}
	r = summarise(&s, &Detector{}, all)
	if r.False != 3 || r.Found != 0 || r.Share() != 0.75 || r.FalseLow > 0.31 || r.FalseHigh < 0.94 {
		t.Errorf("%+v", r)
	}
}
