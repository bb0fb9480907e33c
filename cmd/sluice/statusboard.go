package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"sluice/rollout"
)

// statusEvents is how many lines of events stand below the services.
const statusEvents = 6

// statusBoard draws services at a terminal: what needs attention first, the last minutes as
// sparklines, the newest events below. The zero value has seen nothing.
type statusBoard struct {
	trends trends
	events []rollout.Event // newest last
	seen   uint64
}

// take reads what the services themselves do not tell.
func (b *statusBoard) take(ctx context.Context, client *adminClient, service string, now time.Time) {
	b.trends.refresh(ctx, client, service, now)
	events, _ := client.fresh(ctx, service, b.seen) // the next look asks again for what was missed
	for _, e := range events {
		b.seen = max(b.seen, e.ID)
	}
	b.events = append(b.events, events...)
	b.events = b.events[max(0, len(b.events)-statusEvents):]
}

// render is one frame. Where it would be too high, services that are well get one line each.
func (b *statusBoard) render(s screen, services []serviceView) string {
	_, height := s.size()
	services = slices.Clone(services)
	slices.SortStableFunc(services, func(x, y serviceView) int { return cmp.Compare(attention(y), attention(x)) })
	events := b.eventLines(s)
	room := height - 1 - len(events)
	var full []string
	for _, svc := range services {
		full = append(full, b.service(s, svc)...)
	}
	if len(full) > room {
		full = b.brief(s, services, room)
	}
	return strings.Join(append(full, events...), "\n") + "\n"
}

// attention orders services: the more, the sooner somebody should look.
func attention(svc serviceView) int {
	most := 0
	for _, v := range svc.Versions {
		switch {
		case v.State == "quarantined" || v.State == "tripped":
			most = max(most, 4)
		case len(v.Endpoints) > 0 && v.Share > 0 && healthy(v) == 0:
			most = max(most, 4)
		case healthy(v) < len(v.Endpoints):
			most = max(most, 1)
		}
	}
	r := svc.Rollout
	switch {
	case r == nil || r.Phase.Ended() || r.line() == "":
		return most
	case r.Gate != "" || r.Phase == rollout.PhasePaused:
		return max(most, 3)
	}
	return max(most, 2)
}

// service is the whole of one.
func (b *statusBoard) service(s screen, svc serviceView) []string {
	return strings.Split(strings.TrimSuffix(renderService(s, svc, b.columns(s, svc.Name)), "\n"), "\n")
}

// columns are those of the table, with trends where any are known.
func (b *statusBoard) columns(s screen, service string) []column {
	columns, versions := statusColumns(), b.trends.of[service]
	if len(b.trends.of) > 0 { // also where this one had no traffic, so that all tables are alike
		for i := range columns {
			if columns[i].head == "WEIGHT" {
				columns[i].drop = 5 // what it gets says more than what it should get
			}
		}
		cells := narrowTrend
		if widthOf(columns)+2*(wideTrend+2) <= s.width() {
			cells = wideTrend
		}
		columns = append(columns,
			column{"5 MIN", -cells, 0, func(v versionView) string { return versions[v.Name].rates(cells) }},
			column{"FAILED", -cells, 4, func(v versionView) string { return versions[v.Name].failures(cells) }})
	}
	return fitting(columns, s.width())
}

// brief shows services that need attention in full, as far as there is room, and all others in
// a line each.
func (b *statusBoard) brief(s screen, services []serviceView, room int) (out []string) {
	left := len(services)
	for _, svc := range services {
		full := b.service(s, svc)
		if left--; attention(svc) > 0 && len(out)+len(full)+left <= room {
			out = append(out, full...)
			continue
		}
		out = append(out, b.line(s, svc))
	}
	return out
}

// line is a service in a line: its worst state, and its versions together.
func (b *statusBoard) line(s screen, svc serviceView) string {
	rps, failed, p99, state := 0.0, 0.0, 0.0, "active"
	for _, v := range svc.Versions {
		rps, failed, p99 = rps+v.RPS, failed+v.RPS*v.ErrorRate, max(p99, v.P99ms)
		if severity(v.State) > severity(state) {
			state = v.State
		}
	}
	if rps > 0 {
		failed /= rps
	}
	text := fmt.Sprintf("%s  %s  %9.1f/s  %6.2f%%  %9s  %s", s.paint(bold, pad(shortened(svc.Name, 20), -20)), s.paint(stateColour(state), pad(state, -11)),
		rps, failed*100, millis(p99), s.paint(cyan, b.trends.sum(svc.Name).rates(narrowTrend)))
	if line := svc.Rollout.line(); line != "" {
		text += "  " + s.paint(phaseColour(svc.Rollout.Phase), line)
	}
	return strings.TrimRight(text, " ")
}

func severity(state string) int {
	return slices.Index([]string{"active", "off", "drain", "tripped", "quarantined"}, state)
}

func shortened(text string, width int) string {
	if runes := []rune(text); len(runes) > width {
		return string(runes[:width-1]) + "…"
	}
	return text
}

func (b *statusBoard) eventLines(s screen) []string {
	if len(b.events) == 0 {
		return nil
	}
	out := []string{""}
	for _, e := range b.events {
		where := ""
		if e.Service != "" {
			where = e.Service + ": "
		}
		out = append(out, fmt.Sprintf("%s  %s %s%s", e.Time.Local().Format(time.TimeOnly), s.paint(eventColour(e.Type), pad(e.Type, -10)), where, e.Message))
	}
	return out
}
