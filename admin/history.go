package admin

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"sluice/history"
)

// A page of the history, in rollouts.
const (
	defaultPage = 50
	maxPage     = 500
)

// historyView is one page of a service's rollouts that ended, newest first.
type historyView struct {
	Service  string           `json:"service"`
	Rollouts []history.Record `json:"rollouts"`
	Next     string           `json:"next,omitempty"` // ?before= of the next page; "" on the last
}

// getHistory shows what became of a service's rollouts. ?limit= bounds the page, ?before=
// an ID, begins after that rollout.
func (s *Server) getHistory(c *call) error {
	svc, err := s.service(c)
	if err != nil {
		return err
	}
	query := c.r.URL.Query()
	limit, err := number(query, "limit", defaultPage, maxPage)
	if err != nil {
		return err
	}
	records := s.o.Controller.History().Records(svc.Name, 0)
	if before := query.Get("before"); before != "" {
		i := slices.IndexFunc(records, func(r history.Record) bool { return r.ID == before })
		if i < 0 {
			return kindNotFound.problem("before: no rollout %s of %s is kept", printable(before), svc.Name)
		}
		records = records[i+1:]
	}
	view := historyView{Service: svc.Name, Rollouts: append([]history.Record{}, records[:min(limit, len(records))]...)}
	if len(records) > limit {
		view.Next = records[limit-1].ID
	}
	return c.json(view)
}

// number reads a positive query parameter.
func number(query url.Values, name string, otherwise, most int) (int, error) {
	if !query.Has(name) {
		return otherwise, nil
	}
	n, err := strconv.Atoi(query.Get(name))
	if err != nil || n < 1 || n > most {
		return 0, kindBadRequest.problem("%s: got %s, want a number from 1 to %d", name, printable(query.Get(name)), most)
	}
	return n, nil
}

const (
	defaultWindow = 30 * 24 * time.Hour
	maxWindow     = 10 * 365 * 24 * time.Hour
)

// kpisView are the measures of delivery performance.
type kpisView struct {
	Service string  `json:"service,omitempty"` // "": all services
	Window  float64 `json:"window_s"`          // as asked for; since and until tell what is covered
	history.Figures
}

// getKPIs works out the measures over ?window=, of all services or of ?service=.
func (s *Server) getKPIs(c *call) error {
	query := c.r.URL.Query()
	window, err := windowOf(query)
	if err != nil {
		return err
	}
	service := query.Get("service")
	if query.Has("service") && s.o.Live.Load().Service(service) == nil {
		return unknown(kindNotFound, "service", service, s.o.Live.Services())
	}
	return c.json(kpisView{Service: service, Window: window.Seconds(), Figures: s.o.Controller.History().Figures(service, window, time.Now())})
}

// windowOf reads ?window= such as 30d, 2w or 12h.
func windowOf(query url.Values) (time.Duration, error) {
	if !query.Has("window") {
		return defaultWindow, nil
	}
	text := query.Get("window")
	window, ok := days(text)
	if !ok || window < time.Minute || window > maxWindow {
		return 0, kindBadRequest.problem("window: got %s, want a duration such as 30d, 2w or 12h, from 1m to 3650d", printable(text))
	}
	return window, nil
}

// days reads a duration that may count days (d) or weeks (w), which time.ParseDuration does not.
func days(text string) (time.Duration, bool) {
	for unit, length := range map[string]time.Duration{"d": 24 * time.Hour, "w": 7 * 24 * time.Hour} {
		digits, found := strings.CutSuffix(text, unit)
		if !found {
			continue
		}
		n, err := strconv.ParseUint(digits, 10, 16)
		return time.Duration(n) * length, err == nil
	}
	d, err := time.ParseDuration(text)
	return d, err == nil
}
