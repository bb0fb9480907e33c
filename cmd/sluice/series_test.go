package main

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"sluice/series"
)

// A running sluice remembers what it served, and shows its page.
func TestServedRequestsAreRemembered(t *testing.T) {
	s, _ := two(t)
	ln, _ := s.adminHost.current()
	flags := adminFlags{admin: ln.Addr().String(), timeout: 5 * time.Second}
	client, err := flags.client()
	if err != nil {
		t.Fatal(err)
	}
	sent := int64(0)
	until(t, "a series with requests in it", func() bool {
		s.answerer(t)
		sent++
		var view series.View
		if err := client.get(t.Context(), "/api/v1/services/shop/series", &view); err != nil {
			t.Fatal(err)
		}
		seen := int64(0)
		for _, v := range view.Versions {
			for _, n := range v.Requests {
				seen += max(n, 0)
			}
		}
		if seen > sent {
			t.Fatalf("%d requests remembered, %d sent", seen, sent)
		}
		return seen > 0
	})
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	resp, err := client.open(ctx, http.MethodGet, "/", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	if err != nil || !strings.Contains(string(page), `<div id="app">`) {
		t.Errorf("%v, %.300s", err, page)
	}
}
