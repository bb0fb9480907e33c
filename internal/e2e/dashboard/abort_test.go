package dashboard

import (
	"net/http"
	"testing"
)

// Abort works by one key and by one click, also while a stage waits for a person.
func TestAbortWhileAStageWaits(t *testing.T) {
	b := startChromium(t)
	v1, v2 := startShopper(t, 0), startShopper(t, 0)
	p := boot(t, "", "services:\n"+shopService("shop", v1, v2, 0, gatedRollout)+shopService("cart", v1, v2, 0, gatedRollout))
	p.drive("shop.test", 50)
	p.drive("cart.test", 50)
	for _, name := range []string{"shop", "cart"} {
		p.rollout(name, "start")
	}
	for _, how := range []struct {
		service, page string
		abort         func(*tab)
	}{
		{"shop", "#/services/shop", func(page *tab) { page.press("a") }},
		{"cart", "", func(page *tab) { page.click("[data-service=cart] button.abort") }},
	} {
		p.gate(how.service, "stage:expansion")
		page := newTab(t, b)
		page.open(p.page(how.page))
		page.until("the gate", `document.querySelector("[data-service=`+how.service+`]")?.innerText.includes("waits for approval")`)
		page.until("the button", `document.querySelector("[data-service=`+how.service+`] button.abort")`)
		how.abort(page)
		p.until("aborted", func() bool { return p.rolloutOf(how.service).Phase == "aborted" })
		if got := p.service(how.service).version("v2").Weight; got != 0 {
			t.Errorf("%s: v2 has weight %v after abort", how.service, got)
		}
		page.until("aborted to be shown", `document.querySelector("[data-service=`+how.service+`]").innerText.includes("aborted") && !document.querySelector("[data-service=`+how.service+`] button.abort")`)
	}
}

// The same key takes the traffic from a version that is tried by hand.
func TestAbortWithoutRollout(t *testing.T) {
	b := startChromium(t)
	v1, v2 := startShopper(t, 0), startShopper(t, 0)
	p := boot(t, "", "services:\n"+shopService("shop", v1, v2, 30, ""))
	page := newTab(t, b)
	page.open(p.page("#/services/shop"))
	page.until("the button", `document.querySelector("button.abort")`)
	page.press("a")
	p.until("all to v1", func() bool { return p.service("shop").version("v1").Weight == 100 })
	page.until("no more to abort", `!document.querySelector("button.abort")`)
}

// A rollout goes from start to promotion and back by the page alone.
func TestRolloutFromThePage(t *testing.T) {
	b := startChromium(t)
	v1, v2 := startShopper(t, 0), startShopper(t, 0)
	p := boot(t, "", "services:\n"+shopService("shop", v1, v2, 0, gatedRollout))
	p.drive("shop.test", 50)
	page := newTab(t, b)
	page.forgive("412") // the rollout moves by itself meanwhile
	page.open(p.page("#/services/shop"))
	button := func(label string) {
		t.Helper()
		named := `[...document.querySelectorAll(".actions button")].find(b => b.textContent === ` + quoted(label) + `)`
		page.until("the button "+label, named)
		page.ask(named+".click()", nil)
		page.click(applyWeights)
	}
	phase := func(want string) {
		t.Helper()
		p.until(want, func() bool { return p.rolloutOf("shop").Phase == want })
		page.until(want+" to be shown", `document.querySelector(".path")?.dataset.phase === `+quoted(want))
	}
	button("Start rollout")
	p.gate("shop", "stage:expansion")
	page.until("the gate to be shown", `document.body.innerText.includes("stage expansion waits for approval")`) // what is approved before passes the stage before
	button("Approve")
	phase("running")
	button("Pause")
	phase("paused")
	button("Resume")
	phase("running")
	button("Promote at once")
	phase("promoted")
	if got := p.service("shop").Stable; got != "v2" {
		t.Errorf("stable is %s after the promotion", got)
	}
	button("Undo")
	p.until("v1 to be stable", func() bool { return p.service("shop").Stable == "v1" })
}

// Who aborts what is no more, because the page showed it a moment too long, harms nobody: the
// version that was stable then gets no traffic back.
func TestAbortOfWhatIsNoMore(t *testing.T) {
	b := startChromium(t)
	v1, v2 := startShopper(t, 0), startShopper(t, 0)
	p := boot(t, "", "services:\n"+shopService("shop", v1, v2, 0, gatedRollout))
	p.weigh("shop", 70, 30)
	page := newTab(t, b)
	page.forgive("412") // the answer that is meant
	page.open(p.page("#/services/shop"))
	page.until("the button", `document.querySelector("button.abort")`)
	page.ask(`(Object.defineProperty(document, "hidden", {get: () => true, configurable: true}), document.dispatchEvent(new Event("visibilitychange")))`, nil) // it asks for nothing more
	for _, order := range []map[string]any{{"action": "start"}, {"action": "promote", "full": true}} {
		if code := p.api("POST", "/api/v1/services/shop/rollout", order, nil); code != http.StatusOK {
			t.Fatalf("%v: status %d", order, code)
		}
	}
	p.until("v2 to be stable", func() bool { return p.service("shop").Stable == "v2" && p.rolloutOf("shop").Phase == "promoted" })
	page.until("the page as it was", `document.querySelector("button.abort")?.innerText.includes("All to v1")`)
	page.press("a")
	page.until("the answer", `document.querySelector(".toast")?.innerText.includes("nothing left to abort, all traffic to v2")`)
	if got := p.service("shop").version("v2").Weight; got != 100 {
		t.Errorf("v2 is stable and has weight %v after an abort of what was before, want 100", got)
	}
}
