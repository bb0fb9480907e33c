package dashboard

import (
	"fmt"
	"net/url"
	"slices"
	"testing"
)

// What the page says is what the API says, of every service and version.
func TestPageAndAPIAgree(t *testing.T) {
	b := startChromium(t)
	v1, v2 := startShopper(t, 0), startShopper(t, 0)
	p := boot(t, "", "services:\n"+shopService("shop", v1, v2, 0, gatedRollout)+shopService("cart", v1, v2, 20, "")+shopService("search", v1, v2, 0.25, ""))
	stop := p.driveUntil("shop.test", 100)
	stopCart := p.driveUntil("cart.test", 100)
	p.rollout("shop", "start")
	p.gate("shop", "stage:expansion")
	v2.fails.Store(10_000)
	p.until("cart is cut", func() bool { return p.service("cart").version("v2").State == "tripped" })
	if code := p.api("PUT", "/api/v1/services/cart/versions/v2/state", map[string]string{"state": "off"}, nil); code != 200 {
		t.Fatalf("state: status %d", code)
	}
	stop()
	stopCart()
	page := newTab(t, b)
	page.open(p.page(""))
	var all struct{ Services []service }
	p.get("/services", &all)
	if len(all.Services) != 3 {
		t.Fatalf("%d services", len(all.Services))
	}
	for _, s := range all.Services {
		for _, v := range s.Versions {
			page.until(fmt.Sprintf("%s %s to agree in the overview with %+v", s.Name, v.Name, v), fmt.Sprintf(
				`(d => d && d.share === "%v" && d.state === "%s")(document.querySelector("[data-service=%s] [data-version=%s]")?.dataset)`, v.Share, v.State, s.Name, v.Name))
		}
	}
	for _, s := range all.Services {
		page.ask(`location.hash = "#/services/`+url.PathEscape(s.Name)+`"`, nil)
		page.until("the page of "+s.Name, `document.querySelector(".service")?.dataset.service === `+quoted(s.Name))
		p.agree(page, s.Name)
	}
}

// agree compares the page of a service, which is open, with the API.
func (p *process) agree(page *tab, name string) {
	p.t.Helper()
	for _, v := range p.service(name).Versions {
		page.until(fmt.Sprintf("%s %s to agree with %+v", name, v.Name, v), fmt.Sprintf(
			`(d => d && d.share === "%v" && d.weight === "%v" && d.state === "%s" && d.requests === "%d" && d.errors === "%d")(document.querySelector(".versions [data-version=%s]")?.dataset)`,
			v.Share, v.Weight, v.State, v.Requests, v.Errors, v.Name))
	}
	var want []string
	for _, d := range p.decisions(name) {
		want = append(want, d.Summary)
	}
	page.until("the decisions", fmt.Sprintf(`document.querySelectorAll("[data-decision]").length === %d`, len(want)))
	var got []string
	page.ask(`[...document.querySelectorAll("[data-decision] .sentence")].map(e => e.textContent)`, &got)
	if !slices.Equal(got, want) {
		p.t.Errorf("%s: the page has decisions %q, the API %q", name, got, want)
	}
	if st := p.rolloutOf(name); st.ID != "" {
		page.until("the rollout", `document.querySelector(".path")?.dataset.phase === `+quoted(st.Phase)+` && document.querySelector("[data-reason]").textContent === `+quoted(st.Reason))
		for _, stage := range st.Stages {
			page.until("stage "+stage.Name, `document.querySelector("[data-stage=`+stage.Name+`]")?.dataset.state === `+quoted(stage.State))
		}
	}
}

// driveUntil is drive that can be ended; it returns when no request is in flight.
func (p *process) driveUntil(host string, perSecond float64) (stop func()) {
	p.t.Helper()
	stop = p.load(host, perSecond)
	p.until("traffic", func() bool {
		var all struct{ Services []service }
		p.get("/services", &all)
		for _, s := range all.Services {
			if s.Name+".test" == host && s.version("v1").Requests > 20 {
				return true
			}
		}
		return false
	})
	return stop
}
