package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"sluice/comparison"
)

const mostDifferences = 5 // fields that are shown; the API has them all

// showDifferences prints where a shadow's answers differ from stable's beyond the noise, below where the rollout
// stands: a share alone does not say what to look at.
func (r *rolloutCall) showDifferences(ctx context.Context, a *rolloutAnswer) error {
	if r.json() || a.Shadow == nil {
		return nil
	}
	var report comparison.Report
	err := r.client.get(ctx, "/api/v1/services/"+url.PathEscape(a.Service)+"/comparison", &report)
	if refused := (*apiError)(nil); errors.As(err, &refused) && refused.Status == http.StatusNotFound {
		return nil // the mirror has left the file since
	}
	if err != nil {
		return err
	}
	_, err = io.WriteString(r.screen.w, renderDifferences(&report))
	return err
}

func renderDifferences(report *comparison.Report) string {
	var b strings.Builder
	shown, more := 0, 0
	for _, f := range report.Fields {
		switch {
		case f.Verdict == comparison.Noise:
			continue
		case shown == mostDifferences:
			more++
			continue
		}
		shown++
		line := fmt.Sprintf("    %-8s  %s (%s): %.3g %% of the answers, noise %.3g %%", f.Verdict, f.Path, f.Kind, f.Rate*100, f.Noise*100)
		if n := len(f.Examples); n > 0 {
			e := f.Examples[n-1]
			line += fmt.Sprintf("; %s %s: %s, in the copy %s", e.Method, e.Path, shownValue(e.Stable), shownValue(e.Shadow))
		}
		b.WriteString(harmless(line) + "\n")
	}
	if more > 0 {
		fmt.Fprintf(&b, "    and %d more fields: GET /api/v1/services/%s/comparison\n", more, report.Service)
	}
	return b.String()
}

// shownValue is what an answer holds at a place, or that there is nothing.
func shownValue(text string) string {
	if text == "" {
		return "nothing"
	}
	return text
}
