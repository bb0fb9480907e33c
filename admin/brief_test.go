package admin

import (
	"slices"
	"strings"
	"testing"

	"sluice/rollout"
)

// What a service is offered is what it then does, and nothing that it refuses.
func TestServicesSayWhatARolloutCanDo(t *testing.T) {
	p := startWith(t, gated, rollout.Options{}, nil)
	brief := func() *briefView {
		var v serviceView
		p.do("GET", "/api/v1/services/shop", "").into(t, &v)
		return v.Rollout
	}
	if b := brief(); b == nil || b.Phase != phaseNone || b.Canary != "v2" || b.Strategy != "canary" || b.Stage != -1 || !slices.Equal(b.Can, []string{"start"}) {
		t.Fatalf("before the first: %+v", b)
	}
	const path = "/api/v1/services/shop/rollout"
	p.do("POST", path, `{"action":"start"}`)
	p.waitingAt("stage:initial")
	if b := brief(); b.Gate != "stage:initial" || b.Waiting != "approval" || b.Name != "initial" || b.Stage != 0 || b.Stages != 2 {
		t.Errorf("at the gate: %+v", b)
	}
	for _, want := range []string{"pause", "promote", "promote_full", "abort", "undo"} {
		if b := brief(); !slices.Contains(b.Can, want) {
			t.Errorf("at the gate: can %v, want %s among them", b.Can, want)
		}
	}
	for _, action := range []string{"start", "pause", "resume", "promote", "abort", "retry", "undo"} {
		body := `{"action":"` + action + `"}`
		refused := p.do("POST", path+"?dry_run=true", body).status != 200
		if offered := slices.Contains(brief().Can, action); offered && refused {
			t.Errorf("%s is offered at the gate, and refused", action)
		}
	}
	p.do("POST", path, `{"action":"abort"}`)
	if b := brief(); b.Phase != rollout.PhaseAborted || strings.Join(b.Can, " ") != "start retry" {
		t.Errorf("after abort: %+v", b)
	}
}

func TestServiceWithoutRolloutHasNoBrief(t *testing.T) {
	p := start(t, nil)
	if r := p.do("GET", "/api/v1/services/shop", ""); r.status != 200 || strings.Contains(r.body, `"rollout"`) {
		t.Errorf("got %d %s, want no rollout", r.status, r.body)
	}
}
