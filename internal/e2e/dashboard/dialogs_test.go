package dashboard

import (
	"strings"
	"testing"
)

// label is a button of the actions by what it says.
func label(text string) string {
	return `[...document.querySelectorAll(".actions button")].find(b => b.textContent === ` + quoted(text) + `)`
}

// openDialog presses a button of the actions and waits until the dialog has its title.
func (p *tab) openDialog(button, title string) {
	p.t.Helper()
	p.until("the button "+button, label(button))
	p.ask(label(button)+".click()", nil)
	p.until("the dialog "+title, `document.querySelector("dialog[open] h2")?.textContent === `+quoted(title))
}

// Approving shows what waits and what comes of it, changes nothing before its button, and keeps the reason.
func TestApproveDialog(t *testing.T) {
	b := startChromium(t)
	v1, v2 := startShopper(t, 0), startShopper(t, 0)
	p := boot(t, "", "services:\n"+shopService("shop", v1, v2, 0, gatedRollout))
	p.drive("shop.test", 50)
	p.rollout("shop", "start")
	p.gate("shop", "stage:expansion")
	page := newTab(t, b)
	page.open(p.page("#/services/shop"))
	page.openDialog("Approve", "Approve stage expansion")
	page.until("what comes of it", `(t => t.includes("now") && t.includes("then") && t.includes("v2 at 10"))(document.querySelector("dialog .outlook")?.innerText ?? "")`)
	page.press("Escape")
	page.until("the dialog to close", `!document.querySelector("dialog")`)
	if got := p.rolloutOf("shop").Gate; got != "stage:expansion" {
		t.Fatalf("after Escape it stands at %q", got)
	}
	page.openDialog("Approve", "Approve stage expansion")
	page.fill("dialog .reason input", "the numbers are fine")
	page.click(applyWeights)
	p.until("to go on", func() bool { return p.rolloutOf("shop").Weight == 50 })
	page.until("the stage to run", `document.querySelector("[data-stage=expansion]")?.dataset.state === "running" && !document.querySelector("dialog")`)
	if log := p.logs(); !strings.Contains(log, "the numbers are fine") {
		t.Error("the reason is not in the audit")
	}
}

// Who passes a stage passes no gate that arose while the dialog was open: the server refuses, and the page shows how it is.
func TestPassStageMeansThatStage(t *testing.T) {
	b := startChromium(t)
	v1, v2 := startShopper(t, 0), startShopper(t, 0)
	p := boot(t, "", "services:\n"+shopService("shop", v1, v2, 0, strings.Replace(gatedRollout, "duration: 1s", "duration: 10m", 1)))
	p.rollout("shop", "start")
	p.until("the first stage", func() bool { st := p.rolloutOf("shop"); return st.Phase == "running" && st.Weight == 10 })
	page := newTab(t, b)
	page.forgive("409") // the answer that is meant
	page.open(p.page("#/services/shop"))
	page.openDialog("Pass stage", "Pass stage initial")
	page.until("the preview", `document.querySelector("`+applyWeights+`")`)
	page.ask(`window.hide = yes => { Object.defineProperty(document, "hidden", {get: () => yes, configurable: true}); document.dispatchEvent(new Event("visibilitychange")) }; hide(true)`, nil) // it asks for nothing more
	p.rollout("shop", "promote")
	p.gate("shop", "stage:expansion")
	page.click(applyWeights)
	page.until("the refusal", `document.querySelector("dialog .fault[role=alert]")`)
	if got := p.rolloutOf("shop").Gate; got != "stage:expansion" {
		t.Fatalf("the gate that nobody saw was passed: the rollout stands at %q", got)
	}
	page.ask("hide(false)", nil)
	page.until("the conflict", `document.querySelector("dialog .conflict")?.innerText.includes("waiting for approval of stage expansion") && document.querySelector("dialog button[type=submit]").disabled`)
	page.click("dialog .conflict button")
	page.until("the gate as it is", `document.querySelector("dialog h2").textContent === "Approve stage expansion" && !document.querySelector("dialog .conflict")`)
	page.click(applyWeights)
	p.until("to go on", func() bool { return p.rolloutOf("shop").Weight == 50 })
}

// What was to be promoted at once is the rollout that the dialog was opened on: another that began meanwhile is shown first.
func TestDialogIsForItsRollout(t *testing.T) {
	b := startChromium(t)
	v1, v2 := startShopper(t, 0), startShopper(t, 0)
	p := boot(t, "", "services:\n"+shopService("shop", v1, v2, 0, gatedRollout))
	p.rollout("shop", "start")
	p.gate("shop", "stage:expansion")
	page := newTab(t, b)
	page.open(p.page("#/services/shop"))
	page.openDialog("Promote at once", "Promote v2 at once")
	page.until("the preview", `document.querySelector("`+applyWeights+`")`)
	p.rollout("shop", "abort")
	p.rollout("shop", "start")
	p.gate("shop", "stage:expansion")
	page.until("the conflict", `document.querySelector("dialog .conflict")?.innerText.includes("waiting for approval of stage expansion") && document.querySelector("dialog button[type=submit]").disabled`)
	if got := p.rolloutOf("shop").Phase; got == "promoted" {
		t.Fatal("the other rollout was promoted")
	}
	page.click("dialog .conflict button")
	page.until("the other one", `!document.querySelector("dialog .conflict")`)
	page.click(applyWeights)
	p.until("it to be promoted", func() bool { return p.rolloutOf("shop").Phase == "promoted" })
}

// A version's state is set after a look at its share then; a quarantine is released the same way.
func TestStateDialog(t *testing.T) {
	b := startChromium(t)
	v1, v2 := startShopper(t, 0), startShopper(t, 0)
	p := boot(t, "", "services:\n"+shopService("shop", v1, v2, 20, condemned))
	page := newTab(t, b)
	page.open(p.page("#/services/shop"))
	const button = ".versions [data-version=v2] .do button"
	page.click(button)
	page.until("the dialog", `document.querySelector("dialog h2")?.textContent === "State of v2" && document.querySelector("dialog button[type=submit]").disabled`)
	page.click("dialog input[value=off]")
	page.until("the share then", `/20.% to 0.%/.test(document.querySelector("dialog .outlook")?.textContent)`)
	if got := p.service("shop").version("v2").State; got != "active" {
		t.Fatalf("the preview has set the state: %s", got)
	}
	page.click(applyWeights)
	page.until("v2 off", `document.querySelector("[data-version=v2][data-state=off][data-share='0']") && !document.querySelector("dialog")`)
	page.click(button)
	page.click("dialog input[value=active]")
	page.click(applyWeights)
	page.until("v2 active", `document.querySelector("[data-version=v2][data-state=active][data-share='20']")`)

	v2.fails.Store(10_000)
	p.drive("shop.test", 100)
	page.until("the quarantine", `document.querySelector("[data-version=v2][data-state=quarantined]")`)
	v2.fails.Store(0)
	page.click(button)
	page.until("the dialog", `document.querySelector("dialog h2")?.textContent === "Release v2" && document.querySelector("dialog input[value=active]").checked`)
	page.until("the share then", `/0.% to 20.%/.test(document.querySelector("dialog .outlook")?.textContent)`)
	if got := p.service("shop").version("v2").State; got != "quarantined" {
		t.Fatalf("the preview has released it: %s", got)
	}
	page.fill("dialog .reason input", "fixed by 2.0.1")
	page.click(applyWeights)
	page.until("v2 released", `document.querySelector("[data-version=v2][data-state=active]") && !document.querySelector("dialog")`)
	from := v2.hits.Load()
	p.until("requests for v2", func() bool { return v2.hits.Load() > from+20 })
	if log := p.logs(); !strings.Contains(log, "fixed by 2.0.1") {
		t.Error("the reason is not in the audit")
	}
}

// Weights that the server would refuse are refused by the dry run, before anybody can ask for them.
func TestWeightsDryRunIsRefused(t *testing.T) {
	b := startChromium(t)
	v1, v2 := startShopper(t, 0), startShopper(t, 0)
	p := boot(t, "", "services:\n"+shopService("shop", v1, v2, 0, gatedRollout))
	p.rollout("shop", "start")
	p.gate("shop", "stage:expansion")
	page := newTab(t, b)
	page.forgive("409") // the answer that is meant
	page.open(p.page("#/services/shop"))
	page.until("the service", `document.querySelector("[data-version=v2]")`)
	page.press("w")
	page.fill("#w-1", "60")
	page.until("the refusal", `document.querySelector("dialog .fault[role=alert]")?.innerText.includes("rollout") && document.querySelector("dialog button[type=submit]").disabled`)
	if got := p.service("shop").version("v2").Weight; got != 10 {
		t.Errorf("v2 has weight %v", got)
	}
	p.rollout("shop", "pause")
	page.fill("#w-1", "61")
	page.until("the preview", `/10.% → 61.%/.test(document.querySelector("dialog").innerText)`)
	page.click(applyWeights)
	p.until("61 %", func() bool { return p.service("shop").version("v2").Weight == 61 })
}
