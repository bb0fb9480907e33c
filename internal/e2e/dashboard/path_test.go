package dashboard

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Under a path that a proxy gives it the page works as at the root, and asks no other host for anything.
func TestSubPath(t *testing.T) {
	b := startChromium(t)
	v1, v2 := startShopper(t, 0), startShopper(t, 0)
	p := bootWith(t, operatorSecret, roles, "services:\n"+shopService("shop", v1, v2, 20, ""))
	p.drive("shop.test", 50)
	target, err := url.Parse("http://" + p.admin)
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(http.StripPrefix("/tools/sluice", &httputil.ReverseProxy{FlushInterval: -1, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host
	}}))
	t.Cleanup(front.Close)
	page := newTab(t, b)
	page.forgive("401")
	asked := page.requests()
	base := front.URL + "/tools/sluice/"
	page.open(base)
	page.fill("#token", operatorSecret)
	page.press("Enter")
	page.until("the services", `document.querySelector("[data-service=shop]")`)
	page.ask(`location.hash = "#/services/shop"`, nil)
	page.until("the plots", `document.querySelectorAll(".plot canvas").length === 4`)
	page.ask(`location.hash = "#/api"`, nil)
	page.until("the description", `document.querySelector(".operation")`)
	page.ask(`location.hash = "#/services/shop"`, nil)
	page.until("the abort button", `document.querySelector("button.abort")`)
	page.press("a")
	p.until("all to v1", func() bool { return p.service("shop").version("v1").Weight == 100 })
	page.until("the event", `document.querySelector("[data-event=weights]")`)
	urls := asked()
	if len(urls) < 10 {
		t.Errorf("only %d requests were seen: %q", len(urls), urls)
	}
	for _, u := range urls {
		if !strings.HasPrefix(u, base) {
			t.Errorf("the page asked %s, which is not below %s", u, base)
		}
	}
	page.do("Page.navigate", map[string]any{"url": "about:blank"}, nil) // the stream ends before the proxy does
}

// requests notes what the page asks for; the function returned lists it.
func (p *tab) requests() func() []string {
	var mu sync.Mutex
	var urls []string
	p.b.mu.Lock()
	p.b.listener[p.session] = func(method string, params json.RawMessage) {
		p.hear(method, params)
		if method != "Network.requestWillBeSent" {
			return
		}
		var e struct{ Request struct{ URL string } }
		_ = json.Unmarshal(params, &e)
		mu.Lock()
		urls = append(urls, e.Request.URL)
		mu.Unlock()
	}
	p.b.mu.Unlock()
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(urls)
	}
}

// Differences of mirrored answers are shown by field, with an example for operators alone.
func TestMirrorDifferences(t *testing.T) {
	b := startChromium(t)
	v1, v2 := startShopper(t, 0), startShopper(t, 0)
	v1.body.Store(`{"name":"tea","price":3}`)
	v2.body.Store(`{"name":"tea","price":4}`)
	p := bootWith(t, operatorSecret, roles, "services:\n"+shopService("shop", v1, v2, 0, "    mirror: {to: v2, percent: 100, compare: true}\n"))
	p.drive("shop.test", 100)
	for _, who := range []struct {
		secret  string
		example bool
	}{{operatorSecret, true}, {viewerSecret, false}} {
		page := newTab(t, b)
		page.forgive("401")
		page.open(p.page("#/services/shop"))
		page.fill("#token", who.secret)
		page.press("Enter")
		page.until("the field that differs", `[...document.querySelectorAll(".mirror summary")].find(s => s.textContent.includes("price"))`)
		page.ask(`[...document.querySelectorAll(".mirror summary")].find(s => s.textContent.includes("price")).click()`, nil)
		var text string
		page.ask(`document.querySelector(".mirror").innerText`, &text)
		if strings.Contains(text, "they are for operators") == who.example {
			t.Errorf("example %v: the page says %s", who.example, text)
		}
		if shown := `document.querySelector(".mirror .example dd")`; who.example {
			page.until("an example", shown)
		}
	}
}
