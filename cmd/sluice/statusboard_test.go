package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"sluice/rollout"
	"sluice/series"
)

// fleetOf is an API with services of two versions and thirty steps of history.
func fleetOf(t *testing.T, n int, edit func([]serviceView)) *adminClient {
	t.Helper()
	services := make([]serviceView, n)
	fleet := series.Fleet{Step: 10}
	for i := range services {
		name := fmt.Sprintf("service-%03d", i)
		services[i] = serviceView{Name: name, Stable: "v1"}
		lines := []series.BriefLine{}
		for _, v := range []string{"v1", "v2"} {
			services[i].Versions = append(services[i].Versions, versionView{
				Name: v, State: "active", Share: 50, Weight: 50, RPS: 20, P99ms: 12.5, Endpoints: []endpointView{{Healthy: true}},
			})
			l := series.BriefLine{Version: v}
			for step := range 30 {
				l.Requests, l.Failed = append(l.Requests, int64(step*10)-10), append(l.Failed, int64(step/25*100))
			}
			lines = append(lines, l)
		}
		fleet.Services = append(fleet.Services, series.Brief{Service: name, Versions: lines})
	}
	if edit != nil {
		edit(services)
	}
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/api/v1/services":
			_ = json.NewEncoder(w).Encode(map[string]any{"services": services})
		case "/api/v1/series":
			_ = json.NewEncoder(w).Encode(fleet)
		case "/api/v1/events":
			for i := 1; i <= 9 && r.URL.Query().Get("since") == "0"; i++ {
				e, _ := json.Marshal(rollout.Event{ID: uint64(i), Type: "trip", Service: "service-000", Message: fmt.Sprintf("news %d", i)})
				fmt.Fprintf(w, "id: %d\nevent: trip\ndata: %s\n\n", i, e)
			}
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(api.Close)
	flags := adminFlags{admin: api.URL, timeout: 5 * time.Second}
	client, err := flags.client()
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func (s *statusView) look(t *testing.T) []string {
	t.Helper()
	frame, err := s.frame(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(frame, "\n"), "\n")
	for _, line := range lines {
		if n := utf8.RuneCountInString(line); n > 80 && !strings.Contains(line, "rollout of") { // that is cut off
			t.Errorf("%d characters wide: %q", n, line)
		}
	}
	return lines
}

func TestStatusBoard(t *testing.T) {
	view := &statusView{client: fleetOf(t, 1, nil), screen: screen{w: &bytes.Buffer{}, terminal: true}, board: &statusBoard{}}
	lines := view.look(t)
	text := strings.Join(lines, "\n")
	for _, want := range []string{"service-000  stable v1", "5 MIN", "▄▅▅▆▆▇▇█", "trip       service-000: news 9"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.Contains(text, "news 3") || strings.Count(text, "news") != statusEvents {
		t.Errorf("old news:\n%s", text)
	}
	if again := view.look(t); strings.Count(strings.Join(again, "\n"), "news") != statusEvents {
		t.Errorf("at the second look:\n%s", strings.Join(again, "\n"))
	}
}

// A large fleet fits the terminal as far as it can, and what needs attention is on top.
func TestStatusBoardOfManyServices(t *testing.T) {
	view := &statusView{screen: screen{w: &bytes.Buffer{}, terminal: true}, board: &statusBoard{}}
	view.client = fleetOf(t, 12, func(s []serviceView) {
		s[7].Versions[1].State = "quarantined"
		s[3].Rollout = &briefRollout{Phase: rollout.PhaseWaiting, Canary: "v2", Gate: "promotion"}
		s[5].Versions[0].Endpoints = []endpointView{{Healthy: true}, {}}
	})
	lines := view.look(t)
	var order []string
	for _, line := range lines {
		if name, _, _ := strings.Cut(line, " "); strings.HasPrefix(name, "service-") {
			order = append(order, strings.TrimPrefix(name, "service-"))
		}
	}
	if want := "007 003 005 000 001 002 004 006 008 009 010 011"; strings.Join(order, " ") != want {
		t.Errorf("got %v, want %s", order, want)
	}
	if len(lines) > 23 {
		t.Errorf("%d lines:\n%s", len(lines), strings.Join(lines, "\n"))
	}
	if !strings.Contains(lines[0], "stable v1") || !strings.Contains(lines[3], "quarantined") {
		t.Errorf("the quarantined one is not shown in full:\n%s", strings.Join(lines, "\n"))
	}
	quiet := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, "service-000") })
	if !strings.Contains(lines[quiet], "40.0/s") || !strings.Contains(lines[quiet], "█") {
		t.Errorf("a quiet one: %q", lines[quiet])
	}
}

// A sluice without history has no trends, and is shown all the same.
func TestStatusBoardWithoutHistory(t *testing.T) {
	b, s := &statusBoard{}, screen{w: &bytes.Buffer{}, terminal: true}
	text := b.render(s, []serviceView{{Name: "shop", Versions: []versionView{{Name: "v1", State: "active"}}}})
	if !strings.Contains(text, "v1") || !strings.Contains(text, "WEIGHT") || strings.Contains(text, "5 MIN") {
		t.Error(text)
	}
}

func TestTrends(t *testing.T) {
	v := trendOf(series.BriefLine{Requests: []int64{-1, 0, 100, 200}, Failed: []int64{0, 0, 50, 0}}, 10)
	if fmt.Sprint(v.rps, v.failed) != "[0 0 10 20] [0 0 0.5 0]" {
		t.Error(v)
	}
	all := trends{of: map[string]map[string]trend{"shop": {"v1": v, "v2": trendOf(series.BriefLine{Requests: []int64{0, 0, 300, 0}, Failed: []int64{0, 0, 30, 0}}, 10)}}}
	if sum := all.sum("shop"); fmt.Sprint(sum.rps, sum.failed) != "[0 0 40 20] [0 0 0.2 0]" {
		t.Error(sum)
	}
	if got := v.rates(2) + "|" + v.failures(2); got != " █| █" {
		t.Errorf("got %q", got)
	}
	if got := (trend{}).rates(4); got != "    " {
		t.Errorf("of nothing: %q", got)
	}
	if got := paired([]float64{9, 1, 2, 3, 4}, func(a, b float64) float64 { return a + b }); fmt.Sprint(got) != "[3 7]" {
		t.Errorf("got %v", got)
	}
}
