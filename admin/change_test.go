package admin

import (
	"slices"
	"strings"
	"testing"

	"sluice/analysis"
	"sluice/config"
)

// seen is what clients decode of a service.
type seen struct {
	Name, Stable, Reason, ETag string
	SetBy                      string `json:"set_by"`
	DryRun                     bool   `json:"dry_run"`
	Declared                   struct {
		Stable  string
		Weights map[string]float64
	}
	Versions []struct {
		Name, State      string
		Weight, Share    float64
		DeclaredWeight   float64 `json:"declared_weight"`
		Requests, Errors uint64
		ErrorRate        float64 `json:"error_rate"`
		P50              float64 `json:"p50_ms"`
		P99              float64 `json:"p99_ms"`
		Evidence         struct{ Standing string }
		Endpoints        []struct {
			URL, Addr        string
			Healthy, Ejected bool
		}
	}
}

func (s seen) shares() (shares []float64) {
	for _, v := range s.Versions {
		shares = append(shares, v.Share)
	}
	return shares
}

func TestGetService(t *testing.T) {
	p := start(t, nil)
	p.send("shop", "v1", 99, analysis.Success)
	p.send("shop", "v1", 1, analysis.ServerError)
	r := p.do("GET", "/api/v1/services/shop", "")
	var got seen
	r.into(t, &got)
	if r.status != 200 || r.header.Get("ETag") == "" || r.header.Get("ETag") != got.ETag {
		t.Fatalf("got %d, ETag %q, body %s", r.status, r.header.Get("ETag"), r.body)
	}
	if got.Name != "shop" || got.Stable != "v1" || got.Declared.Stable != "v1" || got.SetBy == "" || len(got.Versions) != 2 {
		t.Fatalf("got %+v", got)
	}
	v1, v2 := got.Versions[0], got.Versions[1]
	if v1.Weight != 100 || v1.Share != 100 || v1.State != "active" || v1.Requests != 100 || v1.Errors != 1 || v2.Weight != 0 {
		t.Errorf("got %+v", got.Versions)
	}
	if v1.Evidence.Standing != "inconclusive" {
		t.Errorf("got standing %q", v1.Evidence.Standing)
	}
	eventually(t, "p50 of 20 ms", func() bool { // rates and percentiles are of the last seconds, so traffic must go on
		p.send("shop", "v1", 1, analysis.Success)
		p.do("GET", "/api/v1/services/shop", "").into(t, &got)
		return got.Versions[0].P50 > 19 && got.Versions[0].P50 < 21
	})
	if len(v1.Endpoints) != 1 || v1.Endpoints[0].URL != "http://127.0.0.1:9001" || v1.Endpoints[0].Addr != "127.0.0.1:9001" || !v1.Endpoints[0].Healthy {
		t.Errorf("endpoints: %+v", v1.Endpoints)
	}
	var all struct{ Services []seen }
	list := p.do("GET", "/api/v1/services", "")
	list.into(t, &all)
	if len(all.Services) != 2 || all.Services[0].Name != "shop" || all.Services[1].Name != "cart" {
		t.Errorf("services: %s", list.body)
	}
	before := list.header.Get("ETag")
	p.do("PUT", "/api/v1/services/shop/weights", `{"weights":{"v1":99,"v2":1}}`)
	if after := p.do("GET", "/api/v1/services", "").header.Get("ETag"); before == "" || after == before {
		t.Errorf("ETag of the list: %q before a change, %q after", before, after)
	}
}

func TestPutWeights(t *testing.T) {
	p := start(t, nil)
	r := p.do("PUT", "/api/v1/services/shop/weights", `{"weights":{"v1":66.67,"v2":33.33},"reason":"a third"}`)
	var got seen
	r.into(t, &got)
	if r.status != 200 || !slices.Equal(got.shares(), []float64{66.67, 33.33}) || got.SetBy != "api:local" || got.Reason != "a third" {
		t.Fatalf("got %d %s", r.status, r.body)
	}
	if !strings.Contains(r.body, `"weight":66.67`) {
		t.Errorf("not exact: %s", r.body)
	}
	live, _ := p.live.Weights("shop")
	if live.BP["v1"] != 6667 || live.BP["v2"] != 3333 {
		t.Errorf("live: %+v", live)
	}
	if r.header.Get("ETag") != p.controller.ETag("shop") {
		t.Errorf("ETag %q, want %q", r.header.Get("ETag"), p.controller.ETag("shop"))
	}
	// A version left out gets nothing.
	p.do("PUT", "/api/v1/services/shop/weights", `{"weights":{"v2":100}}`).into(t, &got)
	if !slices.Equal(got.shares(), []float64{0, 100}) || got.Declared.Weights["v1"] != 100 || got.Versions[0].DeclaredWeight != 100 {
		t.Errorf("got %+v", got)
	}
}

func TestPutWeightsRefused(t *testing.T) {
	p := start(t, nil)
	tests := []struct {
		name, path, body string
		headers          []string
		status           int
		want             string
	}{
		{"sum", "shop", `{"weights":{"v1":80,"v2":10}}`, nil, 422, "weights sum to 90, want 100"},
		{"sum by a hundredth", "shop", `{"weights":{"v1":99.99,"v2":0}}`, nil, 422, "weights sum to 99.99, want 100"},
		{"unknown version", "shop", `{"weights":{"v1":90,"v3":10}}`, nil, 422, "unknown version v3, have v1, v2"},
		{"unknown service", "shpo", `{"weights":{"v1":100}}`, nil, 404, "unknown service shpo, have shop, cart"},
		{"text", "shop", `{"weights":{"v1":"100"}}`, nil, 422, "weight of v1: got"},
		{"negative", "shop", `{"weights":{"v1":110,"v2":-10}}`, nil, 422, "from 0 to 100"},
		{"third decimal", "shop", `{"weights":{"v1":99.999,"v2":0.001}}`, nil, 422, "two decimals"},
		{"missing", "shop", `{}`, nil, 422, "weights: missing"},
		{"null", "shop", `{"weights":null}`, nil, 400, "weights: got null, want an object"},
		{"list", "shop", `{"weights":[100]}`, nil, 400, "want a JSON object"},
		{"unknown field", "shop", `{"weights":{"v1":100},"wait":1}`, nil, 400, "unknown field wait, have reason, weights"},
		{"other case", "shop", `{"Weights":{"v1":100}}`, nil, 400, "unknown field Weights"},
		{"field twice", "shop", `{"weights":{"v1":100},"weights":{"v2":100}}`, nil, 400, "weights stands twice"},
		{"version twice", "shop", `{"weights":{"v1":50,"v1":50}}`, nil, 400, "v1 stands twice"},
		{"trailing", "shop", `{"weights":{"v1":100}}{}`, nil, 400, "something follows"},
		{"not JSON", "shop", `weights: {v1: 100}`, nil, 400, "body"},
		{"reason is a number", "shop", `{"weights":{"v1":100},"reason":1}`, nil, 400, "reason: got 1, want a string"},
		{"long reason", "shop", `{"weights":{"v1":100},"reason":"` + strings.Repeat("ä", 501) + `"}`, nil, 422, "want at most 500"},
		{"too large", "shop", `{"weights":{"v1":100},"reason":"` + strings.Repeat("a", maxJSON) + `"}`, nil, 413, "want at most 65536 bytes"},
		{"media type", "shop", `{"weights":{"v1":100}}`, []string{"Content-Type: text/plain"}, 415, "want application/json"},
		{"charset", "shop", `{"weights":{"v1":100}}`, []string{"Content-Type: application/json; charset=latin1"}, 415, "utf-8"},
		{"compressed", "shop", `{"weights":{"v1":100}}`, []string{"Content-Encoding: gzip"}, 415, "compressed"},
		{"not UTF-8", "shop", "{\"weights\":{\"v1\":100},\"reason\":\"\xff\"}", nil, 400, "UTF-8"},
		{"stale", "shop", `{"weights":{"v2":100}}`, []string{`If-Match: "old"`}, 412, "changed"},
		{"weak tag", "shop", `{"weights":{"v2":100}}`, []string{`If-Match: W/` + p.controller.ETag("shop")}, 412, "changed"},
		{"empty tag", "shop", `{"weights":{"v2":100}}`, []string{`If-Match: `}, 400, "If-Match"},
	}
	before := p.controller.ETag("shop")
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := p.do("PUT", "/api/v1/services/"+tt.path+"/weights", tt.body, tt.headers...)
			var got problem
			r.into(t, &got)
			if r.status != tt.status || got.Status != tt.status || !strings.Contains(got.Detail, tt.want) {
				t.Errorf("got %d %s, want %d and %q", r.status, r.body, tt.status, tt.want)
			}
			if ct := r.header.Get("Content-Type"); ct != "application/problem+json" || got.Type == "" || got.Title == "" || got.RequestID != r.header.Get("X-Request-Id") {
				t.Errorf("not a whole problem: %s %s", ct, r.body)
			}
			if tt.status == 412 && r.header.Get("ETag") != before {
				t.Errorf("412 has ETag %q, want %q", r.header.Get("ETag"), before)
			}
		})
	}
	if p.controller.ETag("shop") != before {
		t.Error("a refused change changed something")
	}
}

func TestIfMatch(t *testing.T) {
	p := start(t, nil)
	tag := p.do("GET", "/api/v1/services/shop", "").header.Get("ETag")
	change := func(match string) int {
		return p.do("PUT", "/api/v1/services/shop/weights", `{"weights":{"v1":50,"v2":50}}`, "If-Match: "+match).status
	}
	if got := change(`"other", ` + tag); got != 200 {
		t.Errorf("the tag in force in a list: got %d", got)
	}
	if got := change(tag); got != 412 {
		t.Errorf("the tag of before: got %d, want 412", got)
	}
	if got := change("*"); got != 200 {
		t.Errorf("*: got %d", got)
	}
}

// A dry run shows what the change then does, and does nothing.
func TestDryRunTellsTheTruth(t *testing.T) {
	p := start(t, nil)
	steps := []struct{ path, body string }{
		{"weights", `{"weights":{"v1":75,"v2":25}}`},
		{"versions/v2/state", `{"state":"drain"}`},
		{"weights", `{"weights":{"v1":10,"v2":90}}`},
		{"versions/v2/state", `{"state":"off"}`},
		{"versions/v2/state", `{"state":"active"}`},
		{"versions/v1/state", `{"state":"off"}`},
		{"weights", `{"weights":{"v1":99.5,"v2":0.5}}`},
		{"versions/v1/state", `{"state":"active"}`},
	}
	for _, step := range steps {
		before := p.controller.ETag("shop")
		var would, is seen
		r := p.do("PUT", "/api/v1/services/shop/"+step.path+"?dry_run=true", step.body)
		r.into(t, &would)
		if r.status != 200 || !would.DryRun || p.controller.ETag("shop") != before || r.header.Get("ETag") != before {
			t.Fatalf("%s %s: dry run answered %d %s", step.path, step.body, r.status, r.body)
		}
		r = p.do("PUT", "/api/v1/services/shop/"+step.path, step.body)
		r.into(t, &is)
		if r.status != 200 || is.DryRun {
			t.Fatalf("%s %s: %d %s", step.path, step.body, r.status, r.body)
		}
		for i := range is.Versions {
			if would.Versions[i].Share != is.Versions[i].Share || would.Versions[i].State != is.Versions[i].State || would.Versions[i].Weight != is.Versions[i].Weight {
				t.Errorf("%s %s: foretold %+v, got %+v", step.path, step.body, would.Versions[i], is.Versions[i])
			}
		}
	}
	if r := p.do("PUT", "/api/v1/services/shop/weights?dry_run=perhaps", `{"weights":{"v1":100}}`); r.status != 400 {
		t.Errorf("dry_run=perhaps: got %d", r.status)
	}
}

func TestPutState(t *testing.T) {
	p := start(t, nil)
	tests := []struct {
		name, path, body string
		status           int
		want             string
	}{
		{"drain", "shop/versions/v2", `{"state":"drain","reason":"old build"}`, 200, `"state":"drain"`},
		{"active", "shop/versions/v2", `{"state":"active"}`, 200, `"state":"active"`},
		{"unknown version", "shop/versions/v9", `{"state":"off"}`, 404, "unknown version v9, have v1, v2"},
		{"unknown service", "x/versions/v1", `{"state":"off"}`, 404, "unknown service x"},
		{"guard's own", "shop/versions/v2", `{"state":"quarantined"}`, 422, "want active, drain or off"},
		{"missing", "shop/versions/v2", `{}`, 422, "want active, drain or off"},
		{"last one", "cart/versions/old", `{"state":"off"}`, 409, "last"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := p.do("PUT", "/api/v1/services/"+tt.path+"/state", tt.body)
			if r.status != tt.status || !strings.Contains(r.body, tt.want) {
				t.Errorf("got %d %s, want %d and %q", r.status, r.body, tt.status, tt.want)
			}
		})
	}
}

// A quarantined version comes back by the operator's word alone.
func TestActiveReleasesQuarantine(t *testing.T) {
	p := start(t, nil)
	if err := p.live.SetState("shop", "v2", config.Quarantined); err != nil {
		t.Fatal(err)
	}
	var got seen
	p.do("GET", "/api/v1/services/shop", "").into(t, &got)
	if got.Versions[1].State != "quarantined" {
		t.Fatalf("got %+v", got.Versions[1])
	}
	p.do("PUT", "/api/v1/services/shop/versions/v2/state", `{"state":"active"}`).into(t, &got)
	if live, _ := p.live.Weights("shop"); got.Versions[1].State != "active" || live.States["v2"] != config.Active {
		t.Errorf("got %+v, live %v", got.Versions[1], live.States)
	}
}

func TestDecisions(t *testing.T) {
	p := start(t, nil)
	if r := p.do("GET", "/api/v1/services/shop/decisions", ""); r.status != 200 || strings.TrimSpace(r.body) != `{"decisions":[],"service":"shop"}` {
		t.Errorf("got %d %s", r.status, r.body)
	}
}
