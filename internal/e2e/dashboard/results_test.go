package dashboard

import (
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var views = flag.String("views", "", "folder that keeps pictures of the results of rollouts, to look at")

const abRollout = `    sticky: {cookie: side}
    rollout:
      strategy: ab_test
      canary: v2
      preflight: off
      stages: [{name: test, weight: 50}]
`

const shadowRollout = `    mirror: {to: v2, percent: 100, ignore: [$.id]}
    rollout: {strategy: shadow, canary: v2, duration: 1s, min_requests: 200, max_difference: 1%%, hooks: [{name: warm-caches, on: before_rollout, url: %q}]}
`

const checkedRollout = `    rollout:
      strategy: canary
      canary: v2
      analysis: none
      stages: [{name: everybody, weight: 100, duration: 10m}]
      smoke_tests:
        - {name: health of the API, endpoint: /health}
        - {name: login with the token of a test user, endpoint: /api/auth/login, method: POST, payload: {user: test}, expected_response: {token: ".+"}}
      hooks:
        - {name: change-calendar, on: confirm_rollout, url: %q}
        - {name: page-on-call, on: rollback, url: %q, retries: 1}
`

// startReceiver is a system that hooks call: it refuses what comes to /broken.
func startReceiver(t testing.TB) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/broken" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

// What came of rollouts of every kind can be read at every width and in both themes: an A/B test's intervals, a shadow's
// differences, checks and hooks that failed, and the figures of all of them.
func TestResults(t *testing.T) {
	axe := axeSource(t)
	b := startChromium(t)
	v1, v2 := startShopper(t, 2*time.Millisecond), startShopper(t, 3*time.Millisecond)
	v1.body.Store(`{"name":"tea","price":3,"currency":"EUR"}`)
	v2.body.Store(`{"name":"tea","price":4}`)
	hooks := startReceiver(t)
	p := boot(t, "", "services:\n"+shopService("pricing", v1, v2, 0, abRollout)+
		shopService("search", v1, v2, 0, fmt.Sprintf(shadowRollout, hooks.URL))+
		shopService("orders", v1, v2, 0, fmt.Sprintf(checkedRollout, hooks.URL, hooks.URL+"/broken"))+
		shopService("cart", v1, v2, 0, gatedRollout))
	for _, name := range []string{"pricing", "search", "orders"} {
		p.drive(name+".test", 100)
		p.rollout(name, "start")
	}
	p.rollout("cart", "start")
	if code := p.api("POST", "/api/v1/services/cart/rollout", map[string]any{"action": "promote", "full": true}, nil); code != http.StatusOK {
		t.Fatalf("promote: status %d", code)
	}
	p.until("the ends", func() bool {
		return p.rolloutOf("cart").Phase == "promoted" && p.rolloutOf("search").Phase == "rolled_back" && p.rolloutOf("orders").Phase == "rolled_back"
	})
	p.until("the half of the A/B test", func() bool { return p.service("pricing").version("v2").Requests > 200 })
	page := newTab(t, b)
	page.open(p.page(""))
	for where, shown := range map[string]string{
		"#/services/pricing": `document.querySelector(".arms")?.innerText.includes("v2")`,
		"#/services/search":  `document.querySelector("[data-shadow]") && [...document.querySelectorAll(".mirror summary")].find(s => s.textContent.includes("price"))`,
		"#/services/orders":  `document.body.innerText.includes("login with the token") && document.body.innerText.includes("page-on-call")`,
		"#/delivery":         `[...document.querySelectorAll(".figures > div")].length === 6 && document.querySelector("[data-figure='Success rate'] b").innerText.startsWith("50.0")`,
	} {
		for _, theme := range []string{"light", "dark"} {
			page.theme(theme)
			for _, width := range []int{1440, 320} {
				page.viewport(width, 900, 1, width < 500)
				page.ask("location.hash = "+quoted(where), nil)
				page.until(where, shown)
				page.accessible(axe, theme+" "+where)
				page.fits(width, where)
				page.keepView(t, fmt.Sprintf("%s-%d-%s.png", filepath.Base(where), width, theme))
			}
		}
	}
}

// keepView saves a picture of the whole page where -views says.
func (p *tab) keepView(t *testing.T, name string) {
	t.Helper()
	if *views == "" {
		return
	}
	var size struct{ W, H int }
	p.ask(`({w: innerWidth, h: document.documentElement.scrollHeight})`, &size)
	p.viewport(size.W, min(size.H, 4000), 1, size.W < 500)
	p.settle()
	if err := os.WriteFile(filepath.Join(*views, strings.TrimPrefix(name, "#")), p.screenshot("png", 100), 0o644); err != nil {
		t.Fatal(err)
	}
}

// The figures are of the days that were chosen, and without a rollout the page says what would bring them.
func TestDeliveryFigures(t *testing.T) {
	b := startChromium(t)
	v1, v2 := startShopper(t, 0), startShopper(t, 0)
	p := boot(t, "", "services:\n"+shopService("shop", v1, v2, 0, gatedRollout))
	page := newTab(t, b)
	page.open(p.page(""))
	page.until("the services", `document.querySelector("[data-service=shop]")`)
	page.press("d")
	page.until("that there is nothing yet", `document.querySelector(".delivery .empty")?.innerText.includes("No rollout ended in the last 30 days")`)
	page.ask(`[...document.querySelectorAll(".delivery .chips button")].find(b => b.textContent === "7 days").click()`, nil)
	page.until("the same of a week", `document.querySelector(".delivery .empty")?.innerText.includes("7 days")`)
	p.rollout("shop", "start")
	if code := p.api("POST", "/api/v1/services/shop/rollout", map[string]any{"action": "promote", "full": true}, nil); code != http.StatusOK {
		t.Fatalf("promote: status %d", code)
	}
	figure := func(name string) string { return `document.querySelector("[data-figure='` + name + `']")?.innerText` }
	page.until("one promotion in a week", figure("Deployment frequency")+`?.includes("1 a week")`)
	page.until("all that was decided", figure("Success rate")+`?.includes("1 of 1 decided rollout")`)
	page.until("no lead time without a commit", figure("Lead time")+`?.includes("–")`)
	var kpis struct {
		Of struct{ Value float64 } `json:"deployment_frequency"`
	}
	p.get("/kpis?window=7d", &kpis)
	if got := kpis.Of.Value * 7; got < 0.99 || got > 1.01 {
		t.Errorf("the API says %v a week, the page 1", got)
	}
	page.ask(`location.hash = "#/services/shop"`, nil)
	page.until("the figures of the service", `document.querySelector(".figures.brief [data-figure='Success rate']")`)
}

// Where not all of the days that were chosen are kept any more, the page says since when they are.
func TestDeliveryFiguresOfWhatIsKept(t *testing.T) {
	b := startChromium(t)
	v1, v2 := startShopper(t, 0), startShopper(t, 0)
	p := boot(t, "", "services:\n"+shopService("shop", v1, v2, 0, gatedRollout))
	p.kill()
	now := time.Now().UTC()
	history := fmt.Sprintf(`{"schema":1,"forgotten_before":{"shop":%q},"records":[{"id":"r1","service":"shop","strategy":"canary","canary":"v2","from":"v1",
		"started_at":%q,"ended_at":%q,"outcome":"promoted","reason":"all stages passed","stages":[]}]}`,
		now.AddDate(0, 0, -10).Format(time.RFC3339), now.Add(-time.Hour).Format(time.RFC3339), now.Format(time.RFC3339))
	if err := os.WriteFile(filepath.Join(p.dir, "state", "history.json"), []byte(history), 0o600); err != nil {
		t.Fatal(err)
	}
	p.start()
	page := newTab(t, b)
	page.open(p.page("#/delivery"))
	day := quoted(now.AddDate(0, 0, -10).Local().Format(time.DateOnly))
	page.until("since when", `(t => t.includes("older ones are no longer kept") && t.includes(`+day+`))(document.querySelector(".delivery p")?.innerText ?? "")`)
	page.ask(`[...document.querySelectorAll(".delivery .chips button")].find(b => b.textContent === "7 days").click()`, nil)
	page.until("a week, which is kept", `(t => t.includes("1 rollout ended: 1 promoted"))(document.querySelector(".delivery p")?.innerText ?? "")`)
	page.ask(`location.hash = "#/services/shop"`, nil)
	page.until("the same of the service", `(t => t.startsWith("Since") && t.includes(`+day+`))(document.querySelector(".subhead")?.innerText ?? "")`)
}
