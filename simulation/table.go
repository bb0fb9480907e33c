package simulation

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// Table is a selection of scenarios and detectors with a way to show them. Rows are
// scenarios, columns detectors, unless Turned.
type Table struct {
	Name      string // as in --table
	Title     string
	Scenarios []string
	Detectors []string
	Turned    bool
	Passes    bool // cells say how many requests it took, not how long
}

// Tables lists those of the design (judgement.md) by their numbers there.
func Tables() []Table {
	return []Table{
		{
			Name: "3.2", Title: "Rollbacks of a healthy canary within 1 h, % (95 % interval)", Turned: true,
			Scenarios: []string{"null", "null_100", "null_10", "null_1", "null_bad", "null_1.25x", "common", "hosts_null", "hosts_bad", "hosts_3", "hosts_5"},
			Detectors: []string{"sluice", "sluice-standing", "sluice-strict", "sluice-absolute", "trip", "lindon-malek", "msprt", "z", "ratio",
				"flagger-x5", "flagger-x1", "argo-1m", "argo-5m", "burn", "wilson", "kayenta-60", "kayenta-5", "envoy"},
		},
		{
			Name: "3.3", Title: "Detection: median/p95 in seconds (median of the canary's failed answers until then)",
			Scenarios: []string{"plus1", "x5", "x3", "x2", "x5_late", "plus1_late", "plus1_lastage", "ramp", "down", "down_late", "down_10", "down_1",
				"p20_1", "plus1_100", "x5_100", "x5_10", "bad_x5"},
			Detectors: []string{"sluice", "sluice-standing", "trip", "sluice-strict", "lindon-malek", "msprt", "flagger-x5", "argo-1m", "kayenta-5"},
		},
		{
			Name: "3.4", Title: "Latency: median/p95 in seconds; healthy: rollbacks within 1 h, %",
			Scenarios: []string{"latency_null", "latency_null_100", "latency_null_10", "latency_x1.25", "latency_x1.5", "latency_x2", "latency_x3",
				"latency_tail3", "latency_x2_late", "latency_x2_100", "latency_x2_10"},
			Detectors: []string{"sluice-p99", "sluice-latency", "sluice-latency-hot", "sluice-both", "p99-ratio", "flagger-p99-x5", "flagger-p99-x1"},
		},
		{
			Name: "promotion", Title: "A healthy canary passes after so many of its requests (median), within 1 h",
			Scenarios: []string{"promote", "promote_100", "promote_10", "promote_1", "promote_bad"},
			Detectors: []string{"promotion-1.5-0.5", "promotion-1.5-0.1", "promotion-2-1"}, Passes: true,
		},
	}
}

// FindTable returns the table of that name.
func FindTable(name string) (Table, bool) {
	for _, t := range Tables() {
		if t.Name == name {
			return t, true
		}
	}
	return Table{}, false
}

// Write shows those of the results that belong to t, in Markdown.
func (t *Table) Write(w io.Writer, results []Result) error {
	rows, columns := t.Scenarios, t.Detectors
	if t.Turned {
		rows, columns = columns, rows
	}
	lines := [][]string{append([]string{""}, columns...)}
	for _, row := range rows {
		line := []string{row}
		for _, column := range columns {
			scenario, detector := row, column
			if t.Turned {
				scenario, detector = column, row
			}
			line = append(line, t.cell(results, scenario, detector))
		}
		lines = append(lines, line)
	}
	return markdown(w, lines)
}

func (t *Table) cell(results []Result, scenario, detector string) string {
	i := slices.IndexFunc(results, func(r Result) bool { return r.Scenario == scenario && r.Detector == detector })
	if i < 0 {
		return "-"
	}
	if r := results[i]; t.Passes {
		return fmt.Sprintf("%d in %s%%", r.Requests, percent(float64(r.Found)/float64(r.Runs)))
	}
	return results[i].String()
}

// String is a result as a cell of a table.
func (r *Result) String() string {
	if r.Healthy {
		return r.interval()
	}
	s := seconds(r.Median) + "/" + seconds(r.P95)
	if r.Found > 0 {
		s += fmt.Sprintf(" (%d)", r.Bad)
	}
	if found := r.Found + r.False; found < r.Runs && found > 0 && r.P95 < 0 {
		s += " in " + percent(float64(r.Found)/float64(r.Runs)) + "%"
	}
	if r.False > 0 {
		s += " early " + percent(r.Share()) + "%"
	}
	return s
}

// interval is the share of false rollbacks in percent, with its 95 % interval.
func (r *Result) interval() string {
	return percent(r.Share()) + " (" + percent(r.FalseLow) + "-" + percent(r.FalseHigh) + ")"
}

// percent has two digits, or three near 100.
func percent(share float64) string {
	if share >= 0.0995 {
		return fmt.Sprintf("%.0f", 100*share)
	}
	return fmt.Sprintf("%.2g", 100*share)
}

func seconds(n int) string {
	if n < 0 {
		return "never"
	}
	return fmt.Sprint(n)
}

// WriteList shows results one a line, in Markdown.
func WriteList(w io.Writer, results []Result) error {
	lines := [][]string{{"scenario", "detector", "false, % (95 %)", "found, %", "median s", "p95 s", "requests", "failed"}}
	for _, r := range results {
		lines = append(lines, []string{
			r.Scenario, r.Detector,
			r.interval(), percent(float64(r.Found) / float64(r.Runs)),
			seconds(r.Median), seconds(r.P95), fmt.Sprint(r.Requests), fmt.Sprint(r.Bad),
		})
	}
	return markdown(w, lines)
}

// markdown aligns the columns, so that it reads as well in a terminal.
func markdown(w io.Writer, lines [][]string) error {
	width := make([]int, len(lines[0]))
	for _, line := range lines {
		for i, c := range line {
			width[i] = max(width[i], len(c), 3)
		}
	}
	for n, line := range lines {
		var b strings.Builder
		for i, c := range line {
			fmt.Fprintf(&b, "| %-*s ", width[i], c)
		}
		b.WriteString("|\n")
		if n == 0 {
			for _, x := range width {
				b.WriteString("|" + strings.Repeat("-", x+2))
			}
			b.WriteString("|\n")
		}
		if _, err := io.WriteString(w, b.String()); err != nil {
			return err
		}
	}
	return nil
}
