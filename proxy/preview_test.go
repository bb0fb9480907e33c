package proxy

import (
	"fmt"
	"strings"
	"testing"

	"sluice/router"
)

// tellers are versions that answer with their name.
func tellers(t *testing.T, more string) service {
	urls := map[string]string{}
	for _, name := range []string{"v1", "v2"} {
		urls[name] = newOrigin(t, func(r *originRequest) bool { return r.ok(name) }).URL()
	}
	return service{urls: urls, shield: true, more: more}
}

// candidate is a rollout of v2 with a preview by header, beside what wins
// over weights otherwise.
const candidate = `{"Sticky":{"Cookie":"id"},"Rules":[{"Name":"all","To":"v1","Percent":100}],
	"Mirror":{"To":"v2","Percent":100},
	"Rollout":{"Canary":"v2","Preview":{"Headers":{"X-Preview":{"Exact":"yes"}}}}}`

// setOff takes v2 out of service.
func (w *world) setOff() {
	w.t.Helper()
	if err := w.live.SetState("shop", "v2", 2); err != nil {
		w.t.Fatal(err)
	}
	if s := w.version("v2").State().String(); s != "off" {
		w.t.Fatalf("the state is %s", s)
	}
}

func TestPreviewByHeader(t *testing.T) {
	w := start(t, tellers(t, candidate), Settings{})
	c := w.dial()
	got := c.get("/", "X-Preview: yes")
	if got.body != "v2" || got.header.Get("Set-Cookie") != "" {
		t.Errorf("a preview got %q, %v", got.body, got.header)
	}
	if split, ruled := w.version("v2").Split.Totals().Requests(), w.version("v2").Ruled.Totals().Requests(); split != 0 || ruled != 1 {
		t.Errorf("counted %d times in the split, %d apart", split, ruled)
	}
	if n := w.version("v2").Previewed().Requests; n != 1 {
		t.Errorf("%d previews counted", n)
	}
	if n := w.server.Stats().Mirrors; n != nil {
		t.Errorf("mirrored: %v", n)
	}
	if got := c.get("/", "X-Preview: no"); got.body != "v1" {
		t.Errorf("a user got %q", got.body)
	}
	await(t, "a user's request is mirrored", func() bool { return w.server.Stats().Mirrors != nil })
}

// A preview never shows stable: no version, no answer.
func TestPreviewWithoutItsCandidate(t *testing.T) {
	sv := tellers(t, candidate)
	w := start(t, sv, Settings{})
	w.setOff()
	c := w.dial()
	got := c.get("/", "X-Preview: yes")
	if got.status != 503 || !strings.Contains(got.body, "This is a preview") || got.header.Get("Proxy-Status") != "sluice; error=destination_unavailable" {
		t.Errorf("got %d %q, %v", got.status, got.body, got.header)
	}
	got = c.get("/", "X-Preview: yes", "Accept: application/json")
	if want := fmt.Sprintf(`{"title":"Service Unavailable","status":503,"detail":%q}`, answerNoPreview.detail); strings.TrimSpace(got.body) != want {
		t.Errorf("got %s, want %s", got.body, want)
	}
	if got := c.get("/"); got.body != "v1" {
		t.Errorf("a user got %q", got.body)
	}
}

func TestPreviewIsNotShielded(t *testing.T) {
	sv := tellers(t, candidate)
	sv.urls["v2"] = newOrigin(t, func(r *originRequest) bool {
		return r.write("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 3\r\n\r\nbad")
	}).URL()
	w := start(t, sv, Settings{})
	if got := w.dial().get("/", "X-Preview: yes"); got.status != 500 || got.body != "bad" {
		t.Errorf("got %d %q", got.status, got.body)
	}
}

// All that comes in by a preview listener goes to the candidate, whatever its
// host; and the setting follows a reload, while the socket stays.
func TestPreviewListener(t *testing.T) {
	sv := tellers(t, `{"Routes":[{"Hosts":["shop.test"],"Path":{"Prefix":"/shop"}}],"Rollout":{"Canary":"v2"}}`)
	live := router.NewLive()
	live.Store(table(t, sv, nil))
	w := serve(t, live, Options{Live: live}, Settings{}, []Listener{{Address: "127.0.0.1:0", Preview: "shop"}})
	c := w.dial()
	for _, path := range []string{"/", "/shop/x"} {
		for _, host := range []string{"shop.test", "other.test", "127.0.0.1:99"} {
			got := c.send("GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, host).receive("GET")
			if got.status != 200 || got.body != "v2" {
				t.Errorf("%s%s: got %d %q", host, path, got.status, got.body)
			}
		}
	}
	w.setOff()
	if got := c.get("/"); got.status != 503 || !strings.Contains(got.body, "preview") {
		t.Errorf("off: got %d %q", got.status, got.body)
	}
	if err := w.server.Listen([]Listener{{Address: "127.0.0.1:0", Preview: "blog"}}); err != nil {
		t.Fatal(err)
	}
	if got := c.get("/shop"); got.status != 404 {
		t.Errorf("a preview of an unknown service: got %d", got.status)
	}
	if err := w.server.Listen([]Listener{{Address: "127.0.0.1:0"}}); err != nil {
		t.Fatal(err)
	}
	if got := c.get("/shop"); got.body != "v1" {
		t.Errorf("an ordinary listener: got %d %q", got.status, got.body)
	}
}
