package admin

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"sluice/config"
	"sluice/rollout"
)

// feed reads an event stream.
type feed struct {
	t      *testing.T
	resp   *http.Response
	events chan received // closed when the stream ends
}

type received struct {
	id, kind string
	event    rollout.Event
}

func (p *plant) listen(query string, headers ...string) *feed {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), "GET", p.base+"/api/v1/events"+query, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	resp, err := p.client.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	f := &feed{t: p.t, resp: resp, events: make(chan received, 5000)}
	ended := make(chan struct{})
	go func() { defer close(ended); f.read() }()
	p.t.Cleanup(func() { resp.Body.Close(); <-ended })
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" {
		p.t.Fatalf("got %d %s", resp.StatusCode, resp.Header.Get("Content-Type"))
	}
	return f
}

func (f *feed) read() {
	defer close(f.events)
	var r received
	for lines := bufio.NewScanner(f.resp.Body); lines.Scan(); {
		field, value, _ := strings.Cut(lines.Text(), ": ")
		switch field {
		case "id":
			r.id = value
		case "event":
			r.kind = value
		case "data":
			if json.Unmarshal([]byte(value), &r.event) != nil {
				r.kind = "not JSON: " + value
			}
		case "":
			if r.kind != "" { // an empty line ends an event
				f.events <- r
			}
			r = received{}
		}
	}
}

// next is the next event; ok is false if the stream ended.
func (f *feed) next() (r received, ok bool) {
	f.t.Helper()
	select {
	case r, ok = <-f.events:
		return r, ok
	case <-deadline():
		f.t.Fatal("no event within 10 s")
	}
	return r, false
}

func (f *feed) want(message string) received {
	f.t.Helper()
	r, ok := f.next()
	if !ok || r.event.Message != message {
		f.t.Fatalf("got %+v (%v), want %s", r, ok, message)
	}
	return r
}

func (p *plant) happen(service, message string) {
	p.controller.Journal().Add(rollout.Event{Type: "alert", Service: service, Message: message})
}

func TestEventsFromNowOn(t *testing.T) {
	p := start(t, nil)
	p.happen("shop", "before")
	f := p.listen("")
	p.happen("shop", "first")
	r := f.want("first")
	if r.kind != "alert" || r.id != fmt.Sprint(r.event.ID) {
		t.Errorf("got %+v", r)
	}
	p.happen("shop", "second")
	f.want("second")
}

func TestEventsResume(t *testing.T) {
	p := start(t, nil)
	p.happen("", "start")
	kept, _ := p.controller.Journal().Since(0)
	begin := kept[len(kept)-1].ID
	for _, m := range []string{"a", "b", "c"} {
		p.happen("shop", m)
	}
	f := p.listen("?since=" + strconv.FormatUint(begin, 10))
	first := f.want("a")
	f.want("b")
	f.want("c")
	f = p.listen("?since="+strconv.FormatUint(begin, 10), "Last-Event-ID: "+first.id)
	f.want("b")
	if r := p.do("GET", "/api/v1/events?since=x", ""); r.status != 400 {
		t.Errorf("since=x: got %d", r.status)
	}
	if r := p.do("HEAD", "/api/v1/events", ""); r.status != 200 {
		t.Errorf("HEAD: got %d", r.status)
	}
}

// What fell out of the journal is said, then the rest follows.
func TestEventsGap(t *testing.T) {
	p := start(t, nil)
	p.happen("", "lost")
	kept, _ := p.controller.Journal().Since(0)
	first := kept[0].ID
	for i := range 1500 {
		p.happen("shop", strconv.Itoa(i))
	}
	f := p.listen("?since=" + strconv.FormatUint(first, 10))
	gap, _ := f.next()
	if gap.kind != "gap" || gap.id != "" || gap.event.Message == "" {
		t.Fatalf("got %+v, want a gap without an id", gap)
	}
	kept, _ = p.controller.Journal().Since(0)
	if r, _ := f.next(); r.event.ID != kept[0].ID {
		t.Errorf("after the gap comes %+v, want %+v", r.event, kept[0])
	}
}

// An id from the future, as after a clock set back, hides nothing.
func TestEventsUnknownID(t *testing.T) {
	p := start(t, nil)
	p.happen("", "here")
	f := p.listen("?follow=false", "Last-Event-ID: 18446744073709551615")
	if r, _ := f.next(); r.kind != "gap" {
		t.Fatalf("got %+v, want a gap", r)
	}
	var last received
	for {
		r, ok := f.next()
		if !ok {
			break
		}
		last = r
	}
	if last.event.Message != "here" {
		t.Errorf("the last one is %+v", last)
	}
}

func TestEventsOfOneService(t *testing.T) {
	p := start(t, nil)
	p.happen("shop", "start")
	p.happen("cart", "other")
	p.happen("shop", "mine")
	f := p.listen("?since=0&service=cart&follow=false")
	f.want("other")
	if r, ok := f.next(); ok {
		t.Errorf("got %+v, want the end", r)
	}
}

// A change shows in the stream with who made it.
func TestEventsShowChanges(t *testing.T) {
	p := start(t, nil)
	f := p.listen("")
	p.do("PUT", "/api/v1/services/shop/weights", `{"weights":{"v1":50,"v2":50}}`)
	if r, _ := f.next(); r.kind != "weights" || r.event.By != "api:local" || r.event.Service != "shop" {
		t.Errorf("got %+v", r)
	}
}

func TestStreamsAreBounded(t *testing.T) {
	p := start(t, nil)
	p.server.streams.Store(maxStreams)
	if r := p.do("GET", "/api/v1/events", ""); r.status != 503 || r.header.Get("Retry-After") == "" {
		t.Errorf("got %d", r.status)
	}
	p.server.streams.Store(0)
	f := p.listen("")
	f.resp.Body.Close()
	eventually(t, "the place is given back", func() bool { return p.server.streams.Load() == 0 })
}

// A stream whose token was withdrawn has no right to go on.
func TestStreamAsksAgain(t *testing.T) {
	p := build(t, withTokens)
	r, err := http.NewRequest("GET", "/api/v1/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+tokens[0].Secret.Reveal())
	st, err := p.server.newStream(&call{r: r, w: &answer{}})
	if err != nil || !st.permitted() {
		t.Fatalf("a good token: %v", err)
	}
	next := *p.config.Load()
	next.Admin.Tokens = []config.Token{tokens[2]}
	p.config.Store(&next)
	if st.permitted() {
		t.Error("a withdrawn token is still permitted")
	}
}

// The server stops although clients listen.
func TestStopEndsStreams(t *testing.T) {
	p := start(t, nil)
	f := p.listen("")
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	for {
		if _, ok := f.next(); !ok {
			return
		}
	}
}
