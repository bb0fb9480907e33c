package admin

import (
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"sluice/series"
)

// maxFleet is how many services one answer holds, and how many a caller may name.
const maxFleet = 1000

// seriesWindows are the spans that the keeper has a resolution for.
var seriesWindows = map[string]time.Duration{"5m": 5 * time.Minute, "1h": time.Hour, "6h": 6 * time.Hour}

// latencyView is how the latencies of a service's good answers lie, version against version.
type latencyView struct {
	Service  string                `json:"service"`
	Versions []series.Distribution `json:"versions"`
}

// getFleetSeries shows the last ?window= of all services that had traffic, in thirty steps
// each. ?services= names some, ?limit= and ?after= page through them by name.
func (s *Server) getFleetSeries(c *call) error {
	query := c.r.URL.Query()
	q := series.Query{After: query.Get("after")}
	var err error
	if q.Span, err = seriesWindow(query); err != nil {
		return err
	}
	if q.Limit, err = number(query, "limit", maxFleet, maxFleet); err != nil {
		return err
	}
	if q.Services, err = s.servicesOf(query); err != nil {
		return err
	}
	return c.json(s.o.Series.Fleet(q, time.Now()))
}

// servicesOf reads ?services=a,b; nil without it.
func (s *Server) servicesOf(query url.Values) ([]string, error) {
	if !query.Has("services") {
		return nil, nil
	}
	names := strings.Split(query.Get("services"), ",")
	if len(names) > maxFleet {
		return nil, kindBadRequest.problem("services: got %d names, want at most %d", len(names), maxFleet)
	}
	table := s.o.Live.Load()
	for _, name := range names {
		if table.Service(name) == nil {
			return nil, unknown(kindNotFound, "service", name, s.o.Live.Services())
		}
	}
	return names, nil
}

// getSeries shows what the versions of a service did over ?window=.
func (s *Server) getSeries(c *call) error {
	svc, err := s.service(c)
	if err != nil {
		return err
	}
	window, err := seriesWindow(c.r.URL.Query())
	if err != nil {
		return err
	}
	view, known := s.o.Series.View(svc.Name, window, time.Now())
	if !known { // the keeper has not looked yet
		view = series.View{Service: svc.Name, Start: time.Now().Add(-window).Truncate(time.Second).UTC(), Step: 1, Versions: []series.Line{}}
	}
	return c.json(view)
}

func (s *Server) getLatency(c *call) error {
	svc, err := s.service(c)
	if err != nil {
		return err
	}
	return c.json(latencyView{Service: svc.Name, Versions: s.o.Series.Distributions(svc.Name)})
}

func seriesWindow(query url.Values) (time.Duration, error) {
	if !query.Has("window") {
		return seriesWindows["5m"], nil
	}
	window, known := seriesWindows[query.Get("window")]
	if !known {
		names := slices.SortedFunc(maps.Keys(seriesWindows), func(a, b string) int {
			return int(seriesWindows[a] - seriesWindows[b])
		})
		return 0, kindBadRequest.problem("window: got %s, want %s", printable(query.Get("window")), strings.Join(names, ", "))
	}
	return window, nil
}
