package dashboard

import (
	"testing"
	"time"
)

// A cut is on the page within a second, without a reload.
func TestCutAppears(t *testing.T) {
	b := startChromium(t)
	v1, v2 := startShopper(t, time.Millisecond), startShopper(t, time.Millisecond)
	p := boot(t, "", "services:\n"+shopService("shop", v1, v2, 20, ""))
	p.drive("shop.test", 200)
	for _, where := range []string{"", "#/services/shop"} {
		v2.fails.Store(0)
		p.until("v2 is back", func() bool { return p.service("shop").version("v2").State == "active" })
		page := newTab(t, b)
		page.open(p.page(where))
		page.until("v2 to be active", `document.querySelector("[data-version=v2][data-state=active]")`)
		page.ask(`window.kept = "not reloaded"; window.seen = 0;
			new MutationObserver(() => { if (!window.seen && document.querySelector("[data-version=v2][data-state=tripped]")) window.seen = Date.now() })
				.observe(document.body, {subtree: true, childList: true, attributes: true})`, nil)
		before := len(p.decisions("shop"))
		v2.fails.Store(10_000)
		page.until("the cut", "window.seen")
		var seen float64
		page.ask("window.seen", &seen)
		cut := p.decisions("shop")
		if len(cut) <= before {
			t.Fatalf("the page shows a cut that was not decided")
		}
		first := cut[len(cut)-before-1] // newest first
		took := time.UnixMilli(int64(seen)).Sub(first.Time)
		t.Logf("page %q: shown %v after the cut", where, took)
		if took > time.Second {
			t.Errorf("page %q: shown %v after the cut, want at most 1 s", where, took)
		}
		var kept string
		if page.ask("window.kept", &kept); kept != "not reloaded" {
			t.Error("the page was reloaded")
		}
	}
}
