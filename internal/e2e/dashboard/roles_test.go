package dashboard

import (
	"net/http"
	"strings"
	"testing"
)

const (
	viewerSecret   = "viewer-6f0d3d1c9a5e4b7f"
	operatorSecret = "operator-1b9c8d7e6f5a4b3c"
)

const roles = `, tokens: [{name: grafana, role: viewer, secret: "` + viewerSecret + `"}, {name: ci, role: operator, secret: "` + operatorSecret + `"}]`

// A viewer sees, and can't: neither by the page nor by requests of their own.
func TestViewerHasNoAction(t *testing.T) {
	b := startChromium(t)
	v1, v2 := startShopper(t, 0), startShopper(t, 0)
	p := bootWith(t, operatorSecret, roles, "services:\n"+shopService("shop", v1, v2, 0, gatedRollout)+shopService("cart", v1, v2, 20, ""))
	p.rollout("shop", "start")
	p.drive("shop.test", 50)
	p.gate("shop", "stage:expansion")
	page := newTab(t, b)
	page.forgive("401", "403")
	page.open(p.page(""))
	page.until("the sign-in", `document.querySelector("#token")`)
	page.fill("#token", "a token that nobody has")
	page.click("button[type=submit]")
	page.until("the refusal", `document.querySelector("#fault")`)
	page.fill("#token", viewerSecret)
	page.click("button[type=submit]")
	page.until("the services", `document.querySelector("[data-service=shop]")`)
	for _, where := range []string{"", "#/services/shop", "#/services/cart"} {
		page.ask("location.hash = "+quoted(where), nil)
		page.until("the page", `document.querySelector("[data-version=v2]")`)
		for _, key := range []string{"a", "w"} {
			page.press(key)
		}
		var labels []string
		page.ask(`[...document.querySelectorAll("main button")].map(b => b.textContent)`, &labels)
		for _, label := range labels {
			for _, word := range []string{"Abort", "All to", "Weights", "Approve", "Pause", "Start", "State", "Release", "Promote", "Undo", "Retry"} {
				if strings.Contains(label, word) {
					t.Errorf("page %q offers a viewer %q", where, label)
				}
			}
		}
	}
	for _, by := range []struct{ method, path, body string }{
		{"PUT", "api/v1/services/cart/weights", `{"weights":{"v1":50,"v2":50}}`},
		{"PUT", "api/v1/services/cart/versions/v2/state", `{"state":"off"}`},
		{"POST", "api/v1/services/shop/rollout", `{"action":"abort"}`},
		{"POST", "api/v1/services/shop/rollout", `{"action":"promote","full":true}`},
		{"POST", "api/v1/services/shop/faults", `{"name":"slow","version":"v2","percent":10,"duration":"1m","delay":"1ms"}`},
	} {
		var status int
		page.ask(`fetch(`+quoted(by.path)+`, {method: `+quoted(by.method)+`, headers: {"Content-Type": "application/json"}, body: `+quoted(by.body)+`}).then(r => r.status)`, &status)
		if status != http.StatusForbidden {
			t.Errorf("%s %s by a viewer's session: status %d, want 403", by.method, by.path, status)
		}
	}
	if got := p.rolloutOf("shop").Gate; got != "stage:expansion" {
		t.Errorf("the rollout left its gate: %q", got)
	}
	if got := p.service("cart").version("v2"); got.Weight != 20 || got.State != "active" {
		t.Errorf("cart's v2 is %+v", got)
	}
	var cookies string
	if page.ask("document.cookie", &cookies); cookies != "" {
		t.Errorf("scripts can read the cookie: %q", cookies)
	}
}

// An operator's session ends when it is signed out, and the page says so.
func TestSignOut(t *testing.T) {
	b := startChromium(t)
	v1, v2 := startShopper(t, 0), startShopper(t, 0)
	p := bootWith(t, operatorSecret, roles, "services:\n"+shopService("shop", v1, v2, 20, ""))
	page := newTab(t, b)
	page.forgive("401")
	page.open(p.page("#/services/shop"))
	page.fill("#token", operatorSecret)
	page.press("Enter")
	page.until("the service", `document.querySelector("button.abort")`)
	page.open(p.page("#/services/shop"))
	page.until("the session to last over a reload", `document.querySelector("button.abort")`)
	page.ask(`[...document.querySelectorAll("button")].find(b => b.textContent === "Sign out").click()`, nil)
	page.until("the sign-in", `document.querySelector("#token")`)
	var status int
	if page.ask(`fetch("api/v1/services").then(r => r.status)`, &status); status != http.StatusUnauthorized {
		t.Errorf("after signing out: status %d, want 401", status)
	}
}
