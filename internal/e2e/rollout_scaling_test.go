package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"testing"
)

// keda reads a number as the metrics-api scaler does: valueLocation is a key of the flat answer.
func keda(t testing.TB, address, valueLocation string) float64 {
	t.Helper()
	resp, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: status %d, %v", address, resp.StatusCode, err)
	}
	value, ok := answer[valueLocation].(float64)
	if !ok {
		t.Fatalf("%s: %s is no number in %v", address, valueLocation, answer)
	}
	return value
}

// queried is the one value that Prometheus gives for a query; false: none yet.
func queried(t testing.TB, server, query string) (value float64, ok bool) {
	t.Helper()
	resp, err := http.Get(server + "/api/v1/query?query=" + url.QueryEscape(query))
	if err != nil {
		return 0, false // it is starting
	}
	defer resp.Body.Close()
	var answer struct {
		Data struct{ Result []struct{ Value [2]any } }
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || len(answer.Data.Result) != 1 {
		return 0, false
	}
	_, err = fmt.Sscan(fmt.Sprint(answer.Data.Result[0].Value[1]), &value)
	return value, err == nil
}

// Autoscalers learn what each version is about to get before it gets it: from the API as KEDA
// reads it, and from Prometheus as an adapter of HPA does.
func TestScalingIsToldBeforeTheTraffic(t *testing.T) {
	t.Parallel()
	v1, v2 := startShop(t, "1"), startShop(t, "2")
	text := quick(v1, v2, "      approval: manual\n")
	p := boot(t, text)
	server := prometheus(t, "http://"+p.admin)
	startTraffic(t, p, 200, "/")
	scaling := "http://" + p.admin + "/api/v1/services/shop/scaling?version="
	// all is what users demand of both versions: a slow machine sends fewer than 200/s.
	all := func() float64 { return keda(t, scaling+"v1", "demand_rps") + keda(t, scaling+"v2", "demand_rps") }
	near := func(got, want float64) bool { return got > 10 && got > want*0.8 && got < want*1.2 }
	p.until("stable's demand", func() bool { d := keda(t, scaling+"v1", "demand_rps"); return d > 20 && d < 240 })
	if d := keda(t, scaling+"v2", "next_demand_rps"); d != 0 {
		t.Errorf("v2 is to be ready for %g/s without a rollout", d)
	}
	p.begin()
	p.until("v2 is to be ready for its first stage, before it", func() bool {
		r := p.rollout("shop")
		if r.Weight > 0 {
			t.Fatal("v2 had traffic first")
		}
		return near(keda(t, scaling+"v2", "next_demand_rps"), all()/2)
	})
	p.until("half", func() bool { return p.rollout("shop").Weight >= 50 })
	p.until("v2 is to be ready for all", func() bool { return near(keda(t, scaling+"v2", "next_demand_rps"), all()) })
	p.until("all", func() bool { return p.rollout("shop").Gate == "promotion" })
	p.until("v1, which a rollback needs, is to be ready for all", func() bool { return near(keda(t, scaling+"v1", "next_demand_rps"), all()) })
	for query, holds := range map[string]func(got float64) bool{
		`sluice_version_next_demand_rps{service="shop",version="v1"}`: func(got float64) bool { return near(got, all()) },
		`sluice_version_next_demand_rps{service="shop",version="v2"}`: func(got float64) bool { return near(got, all()) },
		`sluice_version_ready_endpoints{service="shop",version="v2"}`: func(got float64) bool { return got == 1 },
	} {
		p.until(query, func() bool { got, ok := queried(t, server, query); return ok && holds(got) })
	}
	p.until("demand follows the weight", func() bool {
		got, ok := queried(t, server, `sluice_version_demand_rps{version="v2"}`)
		was, known := queried(t, server, `sluice_version_demand_rps{version="v1"}`)
		return ok && known && near(got, all()) && was < got/5
	})
}
