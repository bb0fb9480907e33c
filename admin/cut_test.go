package admin

import (
	"strings"
	"testing"
	"time"

	"sluice/analysis"
	"sluice/router"
)

// attempt sends one request through the real split: v1 answers well, v2 fails.
func (p *plant) attempt(rand uint64) {
	svc := p.live.Load().Service("shop")
	var c router.Choice
	svc.Pick(&router.Request{Method: []byte("GET"), Path: []byte("/"), Rand: rand}, &c)
	outcome := analysis.Success
	if c.Version.Name == "v2" {
		outcome = analysis.ServerError
	}
	begin := analysis.Now()
	svc.Start(&c, 0, begin)
	svc.Finish(&c, 0, begin, begin+int64(time.Millisecond), outcome)
}

// A version that is cut by itself shows everywhere: state, share, decision with
// its evidence, event and metrics.
func TestCutShowsEverywhere(t *testing.T) {
	p := start(t, nil)
	f := p.listen("")
	p.do("PUT", "/api/v1/services/shop/weights", `{"weights":{"v1":50,"v2":50}}`)
	for n := range uint64(200) {
		p.attempt(n * 0x9e3779b97f4a7c15)
	}
	var got seen
	p.do("GET", "/api/v1/services/shop", "").into(t, &got)
	if v2 := got.Versions[1]; v2.State != "tripped" || v2.Share != 0 || v2.Weight != 50 || v2.Errors == 0 {
		t.Fatalf("got %+v", v2)
	}
	for {
		if r, ok := f.next(); !ok {
			t.Fatal("the stream ended without the trip")
		} else if r.kind == "trip" {
			break
		}
	}
	r := p.do("GET", "/api/v1/services/shop/decisions", "")
	var answer struct {
		Decisions []struct {
			Kind, Action, Version, Summary string
			Evidence                       map[string]any
		}
	}
	r.into(t, &answer)
	if len(answer.Decisions) != 1 || answer.Decisions[0].Kind != "trip" || answer.Decisions[0].Version != "v2" || len(answer.Decisions[0].Evidence) == 0 {
		t.Errorf("decisions: %s", r.body)
	}
	metrics := p.do("GET", "/metrics", "").body
	for _, want := range []string{
		`sluice_rollbacks_total{reason="trip",service="shop",version="v2"} 1`,
		`sluice_version_state{service="shop",state="tripped",version="v2"} 1`,
		`sluice_version_weight_ratio{service="shop",version="v2"} 0.5`,
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("metrics: no %s", want)
		}
	}
	// The foretold share of a version that is cut is nothing, too.
	var would seen
	p.do("PUT", "/api/v1/services/shop/weights?dry_run=true", `{"weights":{"v1":20,"v2":80}}`).into(t, &would)
	if would.Versions[1].Share != 0 || would.Versions[1].Weight != 80 {
		t.Errorf("dry run: %+v", would.Versions[1])
	}
}
