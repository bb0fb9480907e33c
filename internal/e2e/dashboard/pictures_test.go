package dashboard

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var (
	pictures = flag.String("pictures", "", "folder that keeps the pictures of the docs: ../../../docs/images")
	story    = flag.Duration("story", time.Second, "traffic before the first picture; 2m gives the plots something to show")
)

const mostPicture = 150_000 // bytes

// judgedRollout passes its stages by evidence.
const judgedRollout = `    guard: {trip: off, breach: {error_rate: ["> 1.5x stable"]}}
    rollout:
      strategy: canary
      canary: v2
      stages:
        - {name: first, weight: 20, duration: %s, min_requests: 200}
        - {name: quarter, weight: 25, duration: 30m, min_requests: 5000}
        - {name: half, weight: 50, duration: 1h, approval: manual}
        - {name: everybody, weight: 100, duration: 1h}
      success: {error_rate: "< 2%%"}
`

// condemned makes its v2 quarantined as soon as there is traffic.
const condemned = `    guard: {trip: off, breach: {error_rate: ["> 1.5x stable"]}}
`

// A bad canary from start to rollback, as a person sees it: each picture is taken when the page shows what it is of.
func TestPictures(t *testing.T) {
	dir := *pictures
	if dir == "" {
		dir = t.TempDir()
	}
	p, v2 := town(t)
	page := newTab(t, startChromium(t))
	page.viewport(1440, 900, 1, false)
	page.theme("light")
	save := func(name string) {
		t.Helper()
		page.settle()
		page.picture(t, filepath.Join(dir, name))
	}
	page.open(p.page(""))
	page.until("the condemned", `document.querySelector("[data-service=payments] [data-state=quarantined]")`)
	page.until("who waits", `document.querySelector("[data-service=accounts]").innerText.includes("waits for approval")`)
	p.until("the second stage", func() bool {
		st := p.rolloutOf("checkout")
		return len(st.Stages) > 1 && st.Stages[1].State == "running"
	})
	<-time.After(*story) // for the plots alone: nothing waits for it
	page.until("the stage", `document.querySelector("[data-service=checkout]").innerText.includes("quarter")`)
	save("overview.webp")

	page.ask(`location.hash = "#/services/checkout"`, nil)
	page.until("the plots", `document.querySelectorAll(".plot canvas").length === 4`)
	page.theme("dark")
	save("dark.webp")
	page.theme("light")
	v2.fails.Store(500)
	page.until("a suspicion", `document.querySelector("[data-evidence=v2]").innerText.includes("suspicious")`)
	page.viewport(1440, 1180, 1, false)
	save("bad-canary.webp")
	page.until("the rollback", `document.querySelector(".path").dataset.phase === "rolled_back"`)
	page.until("its mark on the plots", `Date.now() - new Date(document.querySelector("[data-event=rollback] time").dateTime) > 8000`)
	page.click("[data-decision=rollback] .entry")
	page.viewport(1440, 1640, 1, false)
	page.ask("scrollTo(0, 0)", nil)
	save("rollback.webp")
	page.viewport(390, 844, 2, true)
	page.ask("scrollTo(0, 0)", nil)
	save("phone.webp")
}

// town is a process with a service in each of the states that people see, and the v2 of the one that rolls out.
func town(t *testing.T) (*process, *shopper) {
	v1, v2 := startShopper(t, 8*time.Millisecond), startShopper(t, 9*time.Millisecond)
	fast, broken := startShopper(t, 3*time.Millisecond), startShopper(t, 4*time.Millisecond)
	broken.fails.Store(3000)
	var file strings.Builder
	file.WriteString("services:\n")
	file.WriteString(shopService("checkout", v1, v2, 0, fmt.Sprintf(judgedRollout, "5s")))
	file.WriteString(shopService("payments", fast, broken, 10, condemned))
	file.WriteString(shopService("accounts", fast, fast, 0, gatedRollout))
	for _, name := range []string{"catalogue", "media", "search"} {
		fmt.Fprintf(&file, "  - {name: %s, routes: [{hosts: [%s.test]}], stable: v7, versions: [{name: v7, weight: 100, endpoints: [%q]}]}\n", name, name, fast.URL)
	}
	p := boot(t, "", file.String())
	for host, rate := range map[string]float64{"checkout": 160, "payments": 40, "accounts": 25, "catalogue": 60, "media": 18, "search": 35} {
		p.drive(host+".test", rate)
	}
	for _, name := range []string{"checkout", "accounts"} {
		p.until("traffic of "+name, func() bool { return p.service(name).version("v1").Requests > 100 })
		p.rollout(name, "start")
	}
	return p, v2
}

// settle waits until what is drawn stands still: two frames, and no dialog or bar on its way.
func (p *tab) settle() {
	p.t.Helper()
	p.ask(`new Promise(done => setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(done)), 400)).then(() => 0)`, nil)
}

// picture saves what is seen as WebP.
func (p *tab) picture(t *testing.T, path string) {
	t.Helper()
	data := p.screenshot("webp", 82)
	if len(data) > mostPicture {
		t.Errorf("%s takes %d bytes, want at most %d", filepath.Base(path), len(data), mostPicture)
	}
	if kind := http.DetectContentType(data); kind != "image/webp" {
		t.Errorf("%s is %s", filepath.Base(path), kind)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}
