package main

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// column is one of the table of `sluice status`.
type column struct {
	head  string
	width int // negative: aligned to the left
	drop  int // narrow terminals do without: 1 goes first; 0 never
	cell  func(versionView) string
}

func statusColumns() []column {
	return []column{
		{"VERSION", -12, 0, func(v versionView) string { return v.Name }},
		{"DECLARED", 8, 1, func(v versionView) string { return share(v.DeclaredWeight) }},
		{"WEIGHT", 8, 0, func(v versionView) string { return share(v.Weight) }},
		{"SHARE", 8, 0, func(v versionView) string { return share(v.Share) }},
		{"STATE", -12, 0, func(v versionView) string { return v.State }},
		{"REQ/S", 9, 0, func(v versionView) string { return fmt.Sprintf("%.1f", v.RPS) }},
		{"REQUESTS", 10, 2, func(v versionView) string { return fmt.Sprint(v.Requests) }},
		{"ERRORS", 8, 0, func(v versionView) string { return fmt.Sprintf("%.2f%%", v.ErrorRate*100) }},
		{"P50", 9, 3, func(v versionView) string { return millis(v.P50ms) }},
		{"P99", 9, 0, func(v versionView) string { return millis(v.P99ms) }},
		{"ENDPOINTS", -11, 4, healthyOf},
	}
}

// fitting are the columns for a terminal of so many characters; 0: all.
func fitting(columns []column, width int) []column {
	for drop := 1; width > 0 && drop <= 5 && widthOf(columns) > width; drop++ {
		var kept []column
		for _, c := range columns {
			if c.drop != drop {
				kept = append(kept, c)
			}
		}
		columns = kept
	}
	return columns
}

func widthOf(columns []column) (n int) {
	for _, c := range columns {
		n += 2 + max(c.width, -c.width)
	}
	return n
}

// row puts texts into the columns. paint, if given, colours a cell by its column.
func row(columns []column, text func(column) string, paint func(column, string) string) string {
	var b strings.Builder
	for _, c := range columns {
		cell := pad(text(c), c.width)
		if paint != nil {
			cell = paint(c, cell)
		}
		b.WriteString("  " + cell)
	}
	return strings.TrimRight(b.String(), " ") + "\n"
}

// pad fills text up to width characters, at its end if width is negative.
func pad(text string, width int) string {
	room := strings.Repeat(" ", max(0, max(width, -width)-utf8.RuneCountInString(text)))
	if width < 0 {
		return text + room
	}
	return room + text
}

func share(percent float64) string { return fmt.Sprintf("%.4g%%", percent) }

func millis(ms float64) string {
	if ms == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1fms", ms)
}

func healthyOf(v versionView) string {
	return fmt.Sprintf("%d/%d healthy", healthy(v), len(v.Endpoints))
}

// healthy counts the endpoints that may be used.
func healthy(v versionView) (n int) {
	for _, e := range v.Endpoints {
		if e.Healthy && !e.Ejected {
			n++
		}
	}
	return n
}

func stateColour(state string) string {
	switch state {
	case "active":
		return green
	case "tripped", "quarantined":
		return red
	}
	return yellow
}
