package dashboard

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// tab is one page of a browser, with cookies of its own.
type tab struct {
	t       testing.TB
	b       *chromium
	session string

	mu     sync.Mutex
	faults []string // exceptions, refused resources, violations of the policy
	pardon []string // parts of faults that a test brings about itself
}

// newTab opens an empty page. What goes wrong in it fails the test at its end.
func newTab(t testing.TB, b *chromium) *tab {
	t.Helper()
	p := &tab{t: t, b: b}
	var context struct{ BrowserContextID string }
	p.browser("Target.createBrowserContext", nil, &context)
	var target struct{ TargetID string }
	p.browser("Target.createTarget", map[string]any{"url": "about:blank", "browserContextId": context.BrowserContextID, "width": 1440, "height": 900}, &target)
	var attached struct{ SessionID string }
	p.browser("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	p.session = attached.SessionID
	b.mu.Lock()
	b.listener[p.session] = p.hear
	b.mu.Unlock()
	for _, domain := range []string{"Page", "Runtime", "Log", "Network"} {
		p.do(domain+".enable", nil, nil)
	}
	t.Cleanup(func() {
		for _, fault := range p.complaints() {
			t.Errorf("the page: %s", fault)
		}
		ctx, cancel := waitAtMost(5 * time.Second)
		defer cancel()
		_ = b.send(ctx, "", "Target.disposeBrowserContext", map[string]any{"browserContextId": context.BrowserContextID}, nil)
	})
	return p
}

func waitAtMost(d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), d)
}

func (p *tab) browser(method string, params, out any) {
	p.t.Helper()
	ctx, cancel := waitAtMost(patience)
	defer cancel()
	if err := p.b.send(ctx, "", method, params, out); err != nil {
		p.t.Fatal(err)
	}
}

// do gives the page a command.
func (p *tab) do(method string, params, out any) {
	p.t.Helper()
	ctx, cancel := waitAtMost(60 * time.Second)
	defer cancel()
	if err := p.b.send(ctx, p.session, method, params, out); err != nil {
		p.t.Fatal(err)
	}
}

// hear notes what the page complains about.
func (p *tab) hear(method string, params json.RawMessage) {
	var fault string
	switch method {
	case "Runtime.exceptionThrown":
		var e struct {
			ExceptionDetails struct {
				Text      string
				Exception struct{ Description string }
			}
		}
		_ = json.Unmarshal(params, &e)
		fault = e.ExceptionDetails.Text + " " + e.ExceptionDetails.Exception.Description
	case "Log.entryAdded":
		var e struct {
			Entry struct{ Level, Source, Text, URL string }
		}
		_ = json.Unmarshal(params, &e)
		if e.Entry.Level == "error" {
			fault = e.Entry.Source + ": " + e.Entry.Text + " " + e.Entry.URL
		}
	}
	if fault != "" {
		p.mu.Lock()
		p.faults = append(p.faults, fault)
		p.mu.Unlock()
	}
}

// forgive lets faults pass that contain text: the test brings them about.
func (p *tab) forgive(text ...string) {
	p.mu.Lock()
	p.pardon = append(p.pardon, text...)
	p.mu.Unlock()
}

func (p *tab) complaints() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var left []string
	for _, fault := range p.faults {
		forgiven := false
		for _, text := range p.pardon {
			forgiven = forgiven || strings.Contains(fault, text)
		}
		if !forgiven {
			left = append(left, fault)
		}
	}
	return left
}

func (p *tab) open(url string) {
	p.t.Helper()
	p.do("Page.navigate", map[string]any{"url": url}, nil)
	p.until("the page to be there", `document.readyState === "complete" && document.querySelector("main") !== null`)
}

// ask evaluates an expression in the page, waits for a promise, and decodes what it gives into out.
func (p *tab) ask(expression string, out any) {
	p.t.Helper()
	if err := p.evaluate(expression, out); err != nil {
		p.t.Fatal(err)
	}
}

func (p *tab) evaluate(expression string, out any) error {
	ctx, cancel := waitAtMost(60 * time.Second)
	defer cancel()
	var r struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails *struct {
			Text      string
			Exception struct{ Description string }
		}
	}
	if err := p.b.send(ctx, p.session, "Runtime.evaluate", map[string]any{"expression": expression, "awaitPromise": true, "returnByValue": true}, &r); err != nil {
		return err
	}
	if e := r.ExceptionDetails; e != nil {
		return fmt.Errorf("%s: %s %s", expression, e.Text, e.Exception.Description)
	}
	if out == nil || len(r.Result.Value) == 0 {
		return nil
	}
	return json.Unmarshal(r.Result.Value, out)
}

// until waits until an expression is true in the page, and says how long that took; it fails the test after 20 s.
func (p *tab) until(what, expression string) time.Duration {
	p.t.Helper()
	began := time.Now()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for ; ; <-tick.C {
		var ok bool
		err := p.evaluate("!!("+expression+")", &ok)
		if ok && err == nil {
			return time.Since(began)
		}
		if time.Since(began) > patience {
			var text string
			_ = p.evaluate("document.body.innerText", &text)
			p.t.Fatalf("waiting for %s: not within %v (%v); the page says:\n%s", what, patience, err, tail(text, 3000))
		}
	}
}

func quoted(s string) string {
	b, _ := json.Marshal(s) // a string always can
	return string(b)
}

// click clicks the middle of the first element that selector names, as a mouse does.
func (p *tab) click(selector string) {
	p.t.Helper()
	p.until(selector+" to be there", "(e => e && !e.disabled)(document.querySelector("+quoted(selector)+"))")
	var at struct{ X, Y float64 }
	p.ask(`(e => { e.scrollIntoView({block: "center", behavior: "instant"}); const r = e.getBoundingClientRect(); return {x: r.x + r.width / 2, y: r.y + r.height / 2} })(document.querySelector(`+quoted(selector)+`))`, &at)
	for _, kind := range []string{"mouseMoved", "mousePressed", "mouseReleased"} {
		p.do("Input.dispatchMouseEvent", map[string]any{"type": kind, "x": at.X, "y": at.Y, "button": "left", "buttons": 1, "clickCount": 1}, nil)
	}
}

// press types one key.
func (p *tab) press(key string) {
	p.t.Helper()
	down := map[string]any{"type": "keyDown", "key": key}
	switch {
	case len(key) == 1:
		down["text"] = key
	case key == "Escape":
		down["windowsVirtualKeyCode"] = 27
	case key == "Enter":
		down["text"], down["windowsVirtualKeyCode"] = "\r", 13
	}
	p.do("Input.dispatchKeyEvent", down, nil)
	p.do("Input.dispatchKeyEvent", map[string]any{"type": "keyUp", "key": key}, nil)
}

// fill replaces what is in a field.
func (p *tab) fill(selector, text string) {
	p.t.Helper()
	p.until(selector+" to be there", "document.querySelector("+quoted(selector)+")")
	p.ask("(e => { e.focus(); e.select() })(document.querySelector("+quoted(selector)+"))", nil)
	p.do("Input.insertText", map[string]any{"text": text}, nil)
}

// viewport makes the page as large as a screen of width × height.
func (p *tab) viewport(width, height int, scale float64, mobile bool) {
	p.t.Helper()
	p.do("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height, "deviceScaleFactor": scale, "mobile": mobile}, nil)
}

// theme is light or dark.
func (p *tab) theme(name string) {
	p.t.Helper()
	p.do("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": name}}}, nil)
}

// screenshot is what is seen, as a picture of the format.
func (p *tab) screenshot(format string, quality int) []byte {
	p.t.Helper()
	var shot struct{ Data string }
	p.do("Page.captureScreenshot", map[string]any{"format": format, "quality": quality}, &shot)
	data, err := base64.StdEncoding.DecodeString(shot.Data)
	if err != nil {
		p.t.Fatal(err)
	}
	return data
}
