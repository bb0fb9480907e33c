package notify

import (
	"encoding/json"
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

// evidence are the figures that the note stands on, as lines for people: what belongs together
// first, as a sentence, then whatever is left, by name.
func (n *Note) evidence() []string {
	rest := maps.Clone(n.Fields)
	var lines []string
	for _, line := range []string{
		criterion(rest),
		failures(rest, or(n.Version, "version"), "requests", "failed", "rate", "requests"),
		failures(rest, "stable", "stable_requests", "stable_failed", "stable_rate", "requests"),
		failures(rest, or(n.Version, "version"), "attempts", "failures", "", "attempts"),
		weighed(rest, "evidence", "bound"),
		weighed(rest, "score", "threshold"),
	} {
		if line != "" {
			lines = append(lines, line)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(rest)) {
		if line := figure(name, rest[name]); line != "" {
			lines = append(lines, line)
		}
	}
	if more := len(lines) - maxLines; more > 0 {
		lines = append(lines[:maxLines], fmt.Sprintf("and %d more figures", more))
	}
	for i := range lines {
		lines[i] = webhook.Printable(lines[i], maxLine)
	}
	return lines
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
	case nil:
		return ""
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
	raw, err := json.Marshal(v)
	if err != nil {
		return "" // an infinity within
	}
	return name + string(raw)
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
