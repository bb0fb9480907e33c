package dashboard

import (
	"io"
	"net"
	"sync"
	"testing"
)

// wire is a TCP relay that a test can cut and mend.
type wire struct {
	ln net.Listener
	to string

	mu   sync.Mutex
	cut  bool
	open map[net.Conn]struct{}
}

func startWire(t testing.TB, to string) *wire {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{ln: ln, to: to, open: map[net.Conn]struct{}{}}
	var relays sync.WaitGroup
	relays.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			relays.Go(func() { w.relay(c) })
		}
	})
	t.Cleanup(func() { ln.Close(); w.set(true); relays.Wait() })
	return w
}

func (w *wire) relay(from net.Conn) {
	defer from.Close()
	to, err := net.Dial("tcp", w.to)
	if err != nil {
		return
	}
	defer to.Close()
	w.mu.Lock()
	if w.cut {
		w.mu.Unlock()
		return
	}
	w.open[from], w.open[to] = struct{}{}, struct{}{}
	w.mu.Unlock()
	go func() { _, _ = io.Copy(to, from); to.Close() }()
	_, _ = io.Copy(from, to) // either end may go first
	w.mu.Lock()
	delete(w.open, from)
	delete(w.open, to)
	w.mu.Unlock()
}

// set cuts the wire, and all that goes over it, or mends it.
func (w *wire) set(cut bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = cut
	if cut {
		for c := range w.open {
			c.Close()
		}
	}
}

// A cut stream is told honestly, and what happened meanwhile is there afterwards, once.
func TestStreamIsCutAndResumes(t *testing.T) {
	b := startChromium(t)
	v1, v2 := startShopper(t, 0), startShopper(t, 0)
	p := boot(t, "", "services:\n"+shopService("shop", v1, v2, 10, ""))
	w := startWire(t, p.admin)
	page := newTab(t, b)
	page.forgive("net::ERR")
	page.open("http://" + w.ln.Addr().String() + "/#/services/shop")
	page.until("live", `document.querySelector(".pulse")?.textContent === "Live" && document.querySelector("[data-version=v2][data-weight='10']")`)
	p.weigh("shop", 89, 11)
	page.until("an event", `document.querySelectorAll("[data-event=weights]").length === 1 && document.querySelector("[data-version=v2][data-weight='11']")`)

	w.set(true)
	page.until("the banner", `/Disconnected since \d\d:\d\d:\d\d/.test(document.querySelector(".banner")?.textContent)`)
	p.weigh("shop", 80, 20)
	p.weigh("shop", 70, 30)
	var weight string
	if page.ask(`document.querySelector("[data-version=v2]").dataset.weight`, &weight); weight != "11" {
		t.Errorf("cut off, the page shows weight %s, want what it knew: 11", weight)
	}
	w.set(false)
	page.until("the banner to go", `!document.querySelector(".banner")`)
	page.until("what was missed", `document.querySelector("[data-version=v2]").dataset.weight === "30" && document.querySelectorAll("[data-event=weights]").length === 3`)
	p.weigh("shop", 60, 40)
	page.until("what comes after", `document.querySelectorAll("[data-event=weights]").length === 4`)
}

// A server that begins anew is found again, without a reload.
func TestServerRestarts(t *testing.T) {
	b := startChromium(t)
	v1, v2 := startShopper(t, 0), startShopper(t, 0)
	p := boot(t, "", "services:\n"+shopService("shop", v1, v2, 10, ""))
	page := newTab(t, b)
	page.forgive("net::ERR", "502", "503")
	page.open(p.page("#/services/shop"))
	page.until("live", `document.querySelector(".pulse")?.textContent === "Live" && document.querySelector("[data-version=v2]")`)
	p.kill()
	page.until("the banner", `document.querySelector(".banner")`)
	p.start()
	page.until("the banner to go", `!document.querySelector(".banner")`)
	p.weigh("shop", 60, 40)
	page.until("an event of the new process", `document.querySelector("[data-event=weights]") && document.querySelector("[data-version=v2][data-weight='40']")`)
}

// Nobody looks: the page asks nothing.
func TestHiddenPageAsksNothing(t *testing.T) {
	b := startChromium(t)
	v1, v2 := startShopper(t, 0), startShopper(t, 0)
	p := boot(t, "", "services:\n"+shopService("shop", v1, v2, 10, ""))
	page := newTab(t, b)
	page.open(p.page("#/services/shop"))
	page.until("live", `document.querySelector(".pulse")?.textContent === "Live" && document.querySelector("[data-version=v2]")`)
	page.ask(`window.asked = 0; window.fetch = (f => (...a) => { window.asked++; return f(...a) })(window.fetch);
		window.hide = yes => { Object.defineProperty(document, "hidden", {configurable: true, get: () => yes}); document.dispatchEvent(new Event("visibilitychange")) };
		hide(true)`, nil)
	var asked int
	page.ask(`new Promise(done => setTimeout(() => { const before = window.asked; setTimeout(() => done(window.asked - before), 4000) }, 2000))`, &asked)
	if asked != 0 {
		t.Errorf("a hidden page sent %d requests in 4 s, want none", asked)
	}
	page.ask("hide(false)", nil)
	p.weigh("shop", 60, 40)
	page.until("the page to wake", `document.querySelector("[data-version=v2][data-weight='40']")`)
}
