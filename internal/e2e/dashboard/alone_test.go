package dashboard

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// front is a proxy before the admin listener that refuses what a test names.
type front struct {
	*httptest.Server

	mu     sync.Mutex
	broken map[string]int // "GET /series", by the end of the path: the status
}

func startFront(t testing.TB, p *process) *front {
	t.Helper()
	target, err := url.Parse("http://" + p.admin)
	if err != nil {
		t.Fatal(err)
	}
	f := &front{}
	through := &httputil.ReverseProxy{FlushInterval: -1, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host
	}}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if status := f.refuses(r); status != 0 {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(status)
			_, _ = w.Write([]byte(`{"title":"broken","detail":"the test refuses this"}`))
			return
		}
		through.ServeHTTP(w, r)
	}))
	t.Cleanup(f.Close)
	return f
}

func (f *front) refuses(r *http.Request) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	for what, status := range f.broken {
		if method, path, _ := strings.Cut(what, " "); method == r.Method && strings.HasSuffix(r.URL.Path, path) {
			return status
		}
	}
	return 0
}

// refuse sets what is refused from now on; nothing else is.
func (f *front) refuse(what map[string]int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.broken = what
}

// leave ends the page's stream, so that the proxy can end.
func (p *tab) leave() {
	p.do("Page.navigate", map[string]any{"url": "about:blank"}, nil)
}

const failedPart = `document.querySelector("[data-failed='%s']")`

func failed(what string) string { return strings.Replace(failedPart, "%s", what, 1) }

// What can't be loaded says so in its place, and can be asked for again; the rest of the page goes on, and nobody says
// that the server is gone.
func TestPartsFailAlone(t *testing.T) {
	b := startChromium(t)
	v1, v2 := startShopper(t, 0), startShopper(t, 0)
	p := boot(t, "", "services:\n"+shopService("shop", v1, v2, 10, gatedRollout))
	p.drive("shop.test", 50)
	p.rollout("shop", "start")
	p.gate("shop", "stage:expansion")
	f := startFront(t, p)
	broken := map[string]int{"GET /series": 500, "GET /rollout": 504, "GET /latency": 502, "GET /decisions": 500}
	f.refuse(broken)
	page := newTab(t, b)
	page.forgive("500", "502", "504")
	page.open(f.URL + "/#/services/shop")
	defer page.leave()
	for _, what := range []string{"plots", "rollout", "latencies", "decisions"} {
		page.until("the fault of the "+what, failed(what)+`?.getAttribute("role") === "alert" && `+failed(what)+`.innerText.includes("the test refuses this")`)
	}
	page.until("the rest", `document.querySelector("[data-event=stage]") && document.querySelector("[data-version=v2][data-weight='10']")`)
	page.ask(`window.gone = 0; new MutationObserver(() => { if (document.querySelector(".banner")) window.gone++ }).observe(document.body, {subtree: true, childList: true})`, nil)
	requests := `Number(document.querySelector("[data-version=v1]").dataset.requests)`
	page.ask(`window.first = `+requests, nil)
	page.until("figures that go on", requests+` > window.first + 100`)
	var gone int
	if page.ask("window.gone", &gone); gone > 0 {
		t.Errorf("the page said %d times that the server is gone", gone)
	}
	var text string
	if page.ask("document.body.innerText", &text); strings.Contains(text, "Loading…") {
		t.Errorf("something loads for ever:\n%s", tail(text, 2000))
	}
	page.click(".actions button.primary") // approval can't be given blind
	page.until("the dialog to say why", `document.querySelector("dialog [data-failed=rollout]") && document.querySelector("dialog button[type=submit]").disabled`)
	f.refuse(nil)
	page.until("the dialog to go on", `document.querySelector("`+applyWeights+`")`)
	page.press("Escape")
	page.click("[data-failed=decisions] button")
	page.until("all of it", `!document.querySelector(".absent") && document.querySelectorAll(".plot canvas").length === 4 && document.querySelector(".path")`)

	f.refuse(broken)
	page.until("plots that are old", failed("plots")+`?.innerText.includes("may be old") && document.querySelectorAll(".plot canvas").length === 4`)
	page.until("a rollout that is old", failed("rollout")+` && document.querySelector(".path")`)
	f.refuse(nil)
	page.until("all of it again", `!document.querySelector(".absent")`)
}

// What a person did and the server refused is said at once, and stays until it is dismissed or done after all.
func TestFailedActionsStay(t *testing.T) {
	b := startChromium(t)
	v1, v2 := startShopper(t, 0), startShopper(t, 0)
	p := boot(t, "", "services:\n"+shopService("shop", v1, v2, 20, "")+shopService("cart", v1, v2, 20, ""))
	f := startFront(t, p)
	page := newTab(t, b)
	page.forgive("500", "412") // 412: the abort that is tried again finds the weights of meanwhile
	page.open(f.URL + "/#/services/shop")
	defer page.leave()
	page.until("the button", `document.querySelector("button.abort")`)
	page.ask(`window.setTimeout = (f => (g, d, ...a) => f(g, d >= 5000 ? 0 : d, ...a))(window.setTimeout)`, nil) // long waits are over at once
	f.refuse(map[string]int{"PUT /weights": 500})
	const alert = `document.querySelector(".toast[role=alert]")`
	page.press("a")
	page.until("the fault", alert+`?.innerText.includes("shop: not aborted: the test refuses this")`)
	page.press("w")
	page.fill("#w-1", "40")
	f.refuse(nil)
	page.until("the preview", `document.querySelector("`+applyWeights+`")`)
	f.refuse(map[string]int{"PUT /weights": 500})
	page.click(applyWeights)
	page.until("the fault in the dialog", `document.querySelector("dialog[open] .fault[role=alert]")?.innerText.includes("the test refuses this")`)
	f.refuse(nil)
	page.ask(`window.done = ""; new MutationObserver(() => { const good = document.querySelector(".toasts [role=status]").innerText; if (good) window.done = good }).observe(document.querySelector(".toasts"), {subtree: true, childList: true})`, nil)
	page.click(applyWeights)
	page.until("what was done to be said and gone", `window.done.includes("v2 40") && !document.querySelector(".toasts [role=status]").innerText`)
	var left int
	if page.ask(`document.querySelectorAll(".toast[role=alert]").length`, &left); left != 1 {
		t.Errorf("%d faults are shown after that, want the one of abort", left)
	}
	page.ask(`location.hash = "#/services/cart"`, nil)
	page.until("the other service", `document.querySelector(".service")?.dataset.service === "cart" && `+alert)
	page.ask(`[...document.querySelectorAll(".toast button")].find(b => b.textContent === "Try again").click()`, nil)
	p.until("all to v1", func() bool { return p.service("shop").version("v1").Weight == 100 })
	page.until("the fault to go", `!`+alert)
	if got := p.service("cart").version("v2").Weight; got != 20 {
		t.Errorf("cart, which is shown, has v2 at %v", got)
	}
}

// Two sluices at one host name have a session each, in one browser.
func TestTwoSluicesOneBrowser(t *testing.T) {
	b := startChromium(t)
	v1, v2 := startShopper(t, 0), startShopper(t, 0)
	one := bootWith(t, operatorSecret, roles, "services:\n"+shopService("shop", v1, v2, 20, ""))
	two := bootWith(t, operatorSecret, roles, "services:\n"+shopService("cart", v1, v2, 20, ""))
	if host := func(p *process) string { h, _, _ := strings.Cut(p.admin, ":"); return h }; host(one) != host(two) {
		t.Fatalf("%s and %s are two hosts: they share no cookie", one.admin, two.admin)
	}
	page := newTab(t, b)
	page.forgive("401")
	signIn := func(p *process, secret, service string) {
		t.Helper()
		page.open(p.page(""))
		page.fill("#token", secret)
		page.press("Enter")
		page.until(service, `document.querySelector("[data-service=`+service+`]")`)
	}
	is := func(p *process, name string) {
		t.Helper()
		page.open(p.page(""))
		page.until("to be "+name, `document.querySelector(".who")?.innerText.startsWith("`+name+` ")`)
	}
	signIn(one, operatorSecret, "shop")
	signIn(two, viewerSecret, "cart")
	is(one, "ci")
	is(two, "grafana")
	page.ask(`[...document.querySelectorAll("button")].find(b => b.textContent === "Sign out").click()`, nil)
	page.until("the sign-in", `document.querySelector("#token")`)
	is(one, "ci")
}
