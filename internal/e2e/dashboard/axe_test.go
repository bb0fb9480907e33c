package dashboard

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// axeSource is axe-core as npm put it beside the page's sources; without it the test is skipped, but never in CI.
func axeSource(t testing.TB) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "..", "admin", "ui", "node_modules", "axe-core", "axe.min.js"))
	if err == nil {
		return string(data)
	}
	const missing = "no axe-core here: accessibility is not tried; run npm ci in admin/ui"
	if os.Getenv("CI") == "true" {
		t.Fatal(missing)
	}
	t.Skip(missing)
	return ""
}

// axe-core finds nothing that is serious, on no page, in no theme, at no width.
func TestAccessible(t *testing.T) {
	axe := axeSource(t)
	b := startChromium(t)
	v1, v2 := startShopper(t, 0), startShopper(t, 0)
	p := bootWith(t, operatorSecret, roles, "services:\n"+shopService("shop", v1, v2, 0, gatedRollout)+shopService("cart", v1, v2, 20, ""))
	p.drive("shop.test", 50)
	p.drive("cart.test", 50)
	p.rollout("shop", "start")
	p.gate("shop", "stage:expansion")
	page := newTab(t, b)
	page.forgive("401")
	look := func(what string) { t.Helper(); page.accessible(axe, what) }
	page.open(p.page(""))
	page.until("the sign-in", `document.querySelector("#token")`)
	look("sign-in")
	page.fill("#token", operatorSecret)
	page.press("Enter")
	v2.fails.Store(10_000)
	page.until("a cut", `document.querySelector("[data-state=tripped]")`)
	for _, theme := range []string{"light", "dark"} {
		page.theme(theme)
		for _, width := range []int{1440, 3840, 320} {
			page.viewport(width, 900, 1, width < 500)
			for _, where := range []string{"#/", "#/services/shop", "#/services/cart", "#/delivery", "#/api"} {
				page.ask("location.hash = "+quoted(where), nil)
				page.until("the page", shownAt(where))
				page.until("the plots", `!location.hash.includes("services/") || document.querySelector(".plot canvas")`)
				look(theme + " " + where)
				page.fits(width, where)
			}
		}
		page.viewport(1440, 900, 1, false)
		page.ask(`location.hash = "#/services/cart"`, nil)
		page.until("the page", `document.querySelector("[data-decision] .entry")`)
		page.click("[data-decision] .entry")
		look(theme + " decision")
		page.press("w")
		page.until("the dialog", `document.querySelector("dialog[open]")`)
		look(theme + " weights")
		page.press("Escape")
		page.until("the dialog to close", `!document.querySelector("dialog")`)
		page.press("?")
		page.until("the dialog", `document.querySelector("dialog[open]")`)
		look(theme + " help")
		page.press("Escape")
		page.until("the dialog to close", `!document.querySelector("dialog")`)
	}
}

// shownAt is true once the page has what stands at an address.
func shownAt(where string) string {
	switch {
	case strings.HasSuffix(where, "api"):
		return `document.querySelector(".operation")`
	case strings.HasSuffix(where, "delivery"):
		return `document.querySelector(".delivery .empty, .delivery .figures")`
	}
	return `document.querySelector("[data-version=v2]")`
}

// accessible fails the test for what axe-core finds serious in the page as it is.
func (p *tab) accessible(axe, what string) {
	p.t.Helper()
	var found []struct {
		ID, Impact, Help string
		Nodes            []struct{ HTML, FailureSummary string }
	}
	p.ask(axe+`; axe.run(document, {resultTypes: ["violations"]}).then(r => r.violations.filter(v => v.impact === "serious" || v.impact === "critical"))`, &found)
	for _, v := range found {
		for _, n := range v.Nodes {
			p.t.Errorf("%s: %s (%s): %s\n%s\n%s", what, v.ID, v.Impact, v.Help, tail(n.HTML, 300), n.FailureSummary)
		}
	}
}

// fits fails the test for what lies beyond the edge of a page of this width.
func (p *tab) fits(width int, where string) {
	p.t.Helper()
	var over float64 // of all that there is
	if p.ask("document.documentElement.scrollWidth", &over); over > float64(width) {
		p.t.Errorf("%s at %d pixels: it takes %v", where, width, over)
	}
	var cut []string
	p.ask(`[...document.querySelectorAll("main *, header *")].filter(e => e.getClientRects().length && e.getBoundingClientRect().right > innerWidth + 1 && !e.closest(".scroll, .stages, .hidden, .actions, .u-over, svg")).map(e => e.className + ": " + e.textContent.slice(0, 40))`, &cut)
	if len(cut) > 0 {
		p.t.Errorf("%s at %d pixels: beyond the edge: %q", where, width, cut)
	}
}
