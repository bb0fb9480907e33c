package proxy

import (
	"testing"

	"sluice/analysis"
)

// What the client or the proxy broke off neither makes nor mends an endpoint's
// row of failures.
func TestBrokenOffRequestsSayNothingOfTheEndpoint(t *testing.T) {
	a, b := echo(t), echo(t)
	w := start(t, service{urls: map[string]string{"v1": a.URL() + " " + b.URL()}}, Settings{})
	pool := w.live.Load().Pools()[0]
	e := pool.Endpoints()[0]
	leave := func(o analysis.Outcome) {
		picked, err := pool.Pick(pool.Endpoints()[1]) // avoided
		if err != nil || picked != e {
			t.Fatal("not picked", err)
		}
		(&try{endpoint: e}).leave(o)
	}
	for range 4 {
		leave(analysis.ServerError)
		leave(analysis.ClientGone)
		leave(analysis.LocalRefusal)
	}
	if e.Ejected() {
		t.Fatal("ejected after four failures")
	}
	leave(analysis.Timeout)
	if !e.Ejected() {
		t.Error("not ejected by the fifth failure")
	}
	if n := e.InFlight(); n != 0 {
		t.Errorf("%d in flight", n)
	}
}
