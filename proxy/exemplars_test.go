package proxy

import (
	"slices"
	"testing"

	"sluice/analysis"
)

// Requests that failed can be looked up by the id that the upstream got, and by
// no other kind of request.
func TestFailedFirstAttemptsAreRemembered(t *testing.T) {
	sent := make(chan string, 10)
	o := newOrigin(t, func(r *originRequest) bool {
		sent <- r.Header.Get("X-Request-Id")
		if r.URL.Path == "/bad" {
			return r.write("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n")
		}
		return r.ok("fine")
	})
	w := start(t, single(o), Settings{})
	c := w.dial()
	c.get("/good")
	c.get("/bad")
	c.get("/bad", "X-Request-Id: order-7")
	<-sent
	made, named := <-sent, <-sent
	arm := w.live.Arms("shop")[0]
	if got, want := arm.Exemplars.IDs(), []string{named, made}; named != "order-7" || !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := arm.Exemplars.Recent()[0]; got.Outcome != analysis.ServerError || got.Time.IsZero() {
		t.Errorf("got %+v", got)
	}
}
