package admin

import (
	"context"
	"strings"
	"testing"

	"sluice/analysis"
	"sluice/config"
	"sluice/series"
)

// remembering is a plant whose keeper runs and has seen traffic of shop's v1.
func remembering(t *testing.T) *plant {
	t.Helper()
	var keeper *series.Keeper
	p := start(t, func(_ *config.Admin, o *Options) {
		keeper = series.New(series.Options{Source: o.Live})
		o.Series = keeper
	})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- keeper.Run(ctx) }()
	t.Cleanup(func() { stop(); <-done })
	eventually(t, "a second with traffic", func() bool {
		p.send("shop", "v1", 3, analysis.Success)
		p.send("shop", "v1", 1, analysis.ServerError)
		return strings.Contains(p.do("GET", "/api/v1/services/shop/latency", "").body, `"le_ms"`)
	})
	return p
}

func TestSeriesShowWhatWasSent(t *testing.T) {
	p := remembering(t)
	var view series.View
	p.do("GET", "/api/v1/services/shop/series", "").into(t, &view)
	if view.Service != "shop" || view.Step != 1 || len(view.Versions) != 2 || len(view.Versions[0].Requests) != 300 {
		t.Fatalf("%+v", view)
	}
	requests, failed := int64(0), int64(0)
	for i, n := range view.Versions[0].Requests {
		requests += max(n, 0)
		failed += view.Versions[0].Failed[i]
	}
	if requests == 0 || requests != 4*failed {
		t.Errorf("%d requests, %d failed, want four to one", requests, failed)
	}
	for window, step := range map[string]int{"5m": 1, "1h": 10, "6h": 60} {
		p.do("GET", "/api/v1/services/shop/series?window="+window, "").into(t, &view)
		if view.Step != step {
			t.Errorf("%s: step %d s, want %d", window, view.Step, step)
		}
	}
	var l latencyView
	p.do("GET", "/api/v1/services/shop/latency", "").into(t, &l)
	if b := l.Versions[0].Bounds; l.Service != "shop" || len(b) != 1 || b[0].UpTo < 19 || b[0].UpTo > 25 {
		t.Errorf("%+v, want one bucket about 20 ms", l)
	}
	var fleet series.Fleet
	p.do("GET", "/api/v1/series?window=5m", "").into(t, &fleet)
	if fleet.Step != 10 || len(fleet.Services) != 1 || fleet.Services[0].Service != "shop" || len(fleet.Services[0].Versions[1].Requests) != 30 {
		t.Errorf("%+v", fleet)
	}
	p.do("GET", "/api/v1/series?services=cart", "").into(t, &fleet)
	if len(fleet.Services) != 0 {
		t.Errorf("without traffic: %+v", fleet)
	}
}

func TestSeriesQueries(t *testing.T) {
	p := start(t, nil) // nobody runs its keeper
	for _, tt := range []struct {
		path, want string
		status     int
	}{
		{"/api/v1/series", `"services":[]`, 200},
		{"/api/v1/series?services=shop,cart&limit=1&after=a&window=6h", `"services":[]`, 200},
		{"/api/v1/series?services=shop,nix", "unknown service nix", 404},
		{"/api/v1/series?services=", "unknown service", 404},
		{"/api/v1/series?services=" + strings.Repeat("shop,", maxFleet), "at most 1000", 400},
		{"/api/v1/series?window=2m", "want 5m, 1h, 6h", 400},
		{"/api/v1/series?limit=0", "from 1 to 1000", 400},
		{"/api/v1/series?limit=1001", "from 1 to 1000", 400},
		{"/api/v1/services/shop/series", `"versions":[]`, 200},
		{"/api/v1/services/shop/series?window=", "want 5m, 1h, 6h", 400},
		{"/api/v1/services/nix/series", "unknown service nix", 404},
		{"/api/v1/services/shop/latency", `"versions":[]`, 200},
		{"/api/v1/services/nix/latency", "unknown service nix", 404},
	} {
		if r := p.do("GET", tt.path, ""); r.status != tt.status || !strings.Contains(r.body, tt.want) {
			t.Errorf("%.60s: got %d %.200s, want %d %s", tt.path, r.status, r.body, tt.status, tt.want)
		}
	}
}
