package dashboard

import (
	"math"
	"testing"
)

const applyWeights = `dialog[open] button[type=submit]:not(:disabled)`

// A weight that is set in the page is the share that the backends measure.
func TestWeightSetInThePage(t *testing.T) {
	b := startChromium(t)
	v1, v2 := startShopper(t, 0), startShopper(t, 0)
	p := boot(t, "", "services:\n"+shopService("shop", v1, v2, 10, ""))
	p.drive("shop.test", 400)
	page := newTab(t, b)
	page.open(p.page("#/services/shop"))
	page.until("v2 at 10 %", `document.querySelector("[data-version=v2][data-share='10']")`)
	page.press("w")
	page.fill("#w-1", "40")
	page.until("the preview", `document.querySelector("dialog").innerText.includes("→ 40")`)
	if got := p.service("shop").version("v2").Weight; got != 10 {
		t.Fatalf("the preview has set the weight: %v", got)
	}
	page.click(applyWeights)
	page.until("v2 at 40 %", `document.querySelector("[data-version=v2][data-weight='40'][data-share='40']")`)
	from1, from2 := v1.hits.Load(), v2.hits.Load()
	p.until("2,000 requests", func() bool { return v1.hits.Load()+v2.hits.Load()-from1-from2 >= 2000 })
	n1, n2 := float64(v1.hits.Load()-from1), float64(v2.hits.Load()-from2)
	share, sigma := n2/(n1+n2), math.Sqrt(0.4*0.6/(n1+n2))
	t.Logf("v2 got %.3f of %.0f requests", share, n1+n2)
	if math.Abs(share-0.4) > 4*sigma {
		t.Errorf("v2 got %.3f of %.0f requests, want 0.4", share, n1+n2)
	}
}

// Who was slower is told so, changes nothing, and can go on from how it is now.
func TestWeightConflict(t *testing.T) {
	b := startChromium(t)
	v1, v2 := startShopper(t, 0), startShopper(t, 0)
	p := boot(t, "", "services:\n"+shopService("shop", v1, v2, 10, ""))
	page := newTab(t, b)
	page.forgive("412") // the answer that is meant
	page.open(p.page("#/services/shop"))
	page.until("the service", `document.querySelector("[data-version=v2]")`)
	page.press("w")
	page.fill("#w-1", "40")
	page.until("the preview", `document.querySelector("`+applyWeights+`")`)
	p.weigh("shop", 75, 25)
	page.click(applyWeights)
	page.until("the conflict", `document.querySelector("dialog .conflict")`)
	if got := p.service("shop").version("v2").Weight; got != 25 {
		t.Errorf("v2 has weight %v, want 25 as the faster one set it", got)
	}
	page.click("dialog .conflict button")
	page.until("the weights as they are", `document.querySelector("#w-1").value === "25" && !document.querySelector("dialog .conflict")`)
	page.fill("#w-1", "30")
	page.click(applyWeights)
	p.until("30 %", func() bool { return p.service("shop").version("v2").Weight == 30 })
	page.until("the dialog to close", `!document.querySelector("dialog")`)
}

// With three versions the weight comes from stable first, and 100 is kept.
func TestWeightsOfThree(t *testing.T) {
	b := startChromium(t)
	v := startShopper(t, 0)
	p := boot(t, "", `services:
  - name: shop
    routes: [{path: /}]
    stable: v1
    versions:
      - {name: v1, weight: 50, endpoints: ["`+v.URL+`"]}
      - {name: v2, weight: 30, endpoints: ["`+v.URL+`"]}
      - {name: v3, weight: 20, endpoints: ["`+v.URL+`"]}
`)
	page := newTab(t, b)
	page.open(p.page("#/services/shop"))
	page.until("the service", `document.querySelector("[data-version=v2]")`)
	page.press("w")
	page.fill("#w-2", "35.5")
	page.until("the others to give way", `[0,1,2].map(i => document.querySelector("#w-" + i).value).join() === "34.5,30,35.5"`)
	page.fill("#w-2", "100")
	page.until("all for one", `[0,1,2].map(i => document.querySelector("#w-" + i).value).join() === "0,0,100"`)
	page.press("Escape")
	page.until("the dialog to close", `!document.querySelector("dialog")`)
	if got := p.service("shop").version("v3").Weight; got != 20 {
		t.Errorf("v3 has weight %v after Escape, want 20", got)
	}
}
