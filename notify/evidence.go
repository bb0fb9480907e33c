package notify

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"sluice/webhook"
)

const (
	maxMessage = 2000 // characters
	maxLines   = 10
	maxLine    = 200 // characters
	mostIDs    = 5
)

// message is what happened, on one line, with what was held back.
func (n *Note) message() string {
	text := webhook.Printable(n.Message, maxMessage)
	switch {
	case n.repeats == 1:
		return text + " (and once more since)"
	case n.repeats > 1:
		return fmt.Sprintf("%s (and %d more times since)", text, n.repeats)
	}
	return text
}

// evidence are the figures that the note stands on, as lines for people: where the rollout is, what
// belongs together as a sentence, then whatever is left, by name. What lies deeper is left to programs.
func (n *Note) evidence() []string {
	rest := maps.Clone(n.Fields)
	lines := []string{n.standing(rest), failedIDs(rest, n.Version)}
	if inner, is := rest["evidence"].(map[string]any); is {
		lines[1] = failedIDs(inner, n.Version)
		delete(rest, "evidence")
		lines = append(lines, n.figures(maps.Clone(inner))...)
	}
	lines = append(lines, n.figures(rest)...)
	lines = slices.DeleteFunc(lines, func(line string) bool { return line == "" })
	if more := len(lines) - maxLines; more > 0 {
		lines = append(lines[:maxLines], fmt.Sprintf("and %d more figures", more))
	}
	for i := range lines {
		lines[i] = webhook.Printable(lines[i], maxLine)
	}
	return lines
}

// figures are the lines of one map, which they use up.
func (n *Note) figures(f map[string]any) []string {
	who := or(n.Version, "version")
	verdict, _ := f["verdict"].(map[string]any)
	verdict = maps.Clone(verdict)
	lines := []string{
		criterion(verdict), weighed(verdict, "evidence", "bound"),
		criterion(f),
		failures(f, who, "requests", "failed", "rate", "requests"),
		failures(f, "stable", "stable_requests", "stable_failed", "stable_rate", "requests"),
		failures(f, who, "attempts", "failures", "", "attempts"),
		latency(f, "p50_ms"), latency(f, "p99_ms"),
		weighed(f, "evidence", "bound"),
		weighed(f, "score", "threshold"),
	}
	for _, name := range slices.Sorted(maps.Keys(f)) {
		lines = append(lines, figure(name, f[name]))
	}
	return lines
}

// standing is "stage expansion, v2 at 25 %", and takes out what stands elsewhere in the message.
func (n *Note) standing(f map[string]any) string {
	stage, _ := f["stage"].(string)
	weight, weighs := number(f["weight"])
	if id, _ := f["id"].(string); id == "" || !weighs {
		return ""
	}
	for _, name := range []string{"id", "strategy", "stage", "phase", "weight", "stable", "config_version", "gate"} {
		delete(f, name)
	}
	at := fmt.Sprintf("%s at %s %%", or(n.Version, "version"), short(weight))
	if stage == "" {
		return at
	}
	return "stage " + stage + ", " + at
}

// failedIDs names requests that failed, from the state that was captured.
func failedIDs(f map[string]any, version string) string {
	captured, _ := f["captured"].(map[string]any)
	versions, _ := captured["versions"].(map[string]any)
	own, _ := versions[version].(map[string]any)
	ids, _ := own["failed_request_ids"].([]string)
	if len(ids) == 0 {
		return ""
	}
	return "failed requests: " + strings.Join(ids[:min(len(ids), mostIDs)], ", ")
}

// latency is "p99: 120 ms, stable 80 ms".
func latency(f map[string]any, name string) string {
	own, known := number(f[name])
	if !known {
		return ""
	}
	line := strings.TrimSuffix(name, "_ms") + ": " + short(own) + " ms"
	if stable, both := number(f["stable_"+name]); both {
		line += ", stable " + short(stable) + " ms"
	}
	delete(f, name)
	delete(f, "stable_"+name)
	return line
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// criterion is "error_rate > 1.5x stable".
func criterion(f map[string]any) string {
	metric, _ := f["metric"].(string)
	threshold, is := f["threshold"].(string)
	if metric == "" || !is {
		return ""
	}
	delete(f, "metric")
	delete(f, "threshold")
	return metric + " " + threshold
}

// failures is "v2: 12 of 400 requests failed (3 %)".
func failures(f map[string]any, who, all, failed, rate, what string) string {
	n, known := number(f[all])
	k, both := number(f[failed])
	if !known || !both {
		return ""
	}
	delete(f, all)
	delete(f, failed)
	delete(f, rate)
	line := fmt.Sprintf("%s: %s of %s %s failed", who, short(k), short(n), what)
	if n > 0 {
		line += " (" + strconv.FormatFloat(math.Round(k/n*1e4)/100, 'f', -1, 64) + " %)"
	}
	return line
}

// weighed is "evidence 20.1 of 13.8".
func weighed(f map[string]any, have, need string) string {
	got, known := number(f[have])
	want, both := number(f[need])
	if !known || !both {
		return ""
	}
	delete(f, have)
	delete(f, need)
	return fmt.Sprintf("evidence %s of %s", short(got), short(want))
}

// figure is "p99: 12.5 ms".
func figure(name string, v any) string {
	unit := ""
	if base, is := strings.CutSuffix(name, "_ms"); is {
		name, unit = base, " ms"
	}
	name = strings.ReplaceAll(name, "_", " ") + ": "
	switch v := v.(type) {
	case string:
		if v == "" {
			return ""
		}
		return name + v
	case time.Time:
		return name + v.UTC().Format(time.RFC3339)
	}
	if x, is := number(v); is {
		return name + short(x) + unit
	}
	if truth, is := v.(bool); is {
		return name + strconv.FormatBool(truth)
	}
	return ""
}

func number(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case int:
		return float64(v), true
	case int64:
		return float64(v), true
	case uint64:
		return float64(v), true
	}
	return 0, false
}

// short writes counts in full and other figures with four digits.
func short(x float64) string {
	if x == math.Trunc(x) && math.Abs(x) < 1e15 {
		return strconv.FormatFloat(x, 'f', -1, 64)
	}
	return strconv.FormatFloat(x, 'g', 4, 64)
}
