package proxy

import "testing"

// Endpoints are compared by first attempts of split traffic: what each got by chance.
func TestEndpointsAreJudgedByFirstAttempts(t *testing.T) {
	bad := newOrigin(t, func(r *originRequest) bool {
		return r.write("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n")
	})
	for _, tt := range []struct {
		name             string
		fields           []string
		inject           bool
		requests, failed uint64
	}{
		{name: "split", requests: 1, failed: 1}, // and not its retry
		{name: "rule", fields: []string{"Beta: 1"}},
		{name: "preview", fields: []string{"X-Preview: 1"}},
		{name: "injected", inject: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := bad.requests.Load()
			w := start(t, service{urls: map[string]string{"v1": echo(t).URL(), "v2": bad.URL()}, weights: map[string]int{"v2": 10000},
				more: `{"Retries":{"Attempts":2,"On":["500"],"Budget":1},
					"Rules":[{"Name":"beta","To":"v2","Percent":100,"When":{"Headers":{"Beta":{"Exact":"1"}}}}],
					"Rollout":{"Canary":"v2","Preview":{"Headers":{"X-Preview":{"Exact":"1"}}}}}`}, Settings{})
			if tt.inject {
				w.inject(all(`"Delay":1000000`))
			}
			if got := w.dial().get("/", tt.fields...); got.status != 500 {
				t.Errorf("got %d", got.status)
			}
			if n := bad.requests.Load() - before; n != 2 {
				t.Errorf("the endpoint was asked %d times, want 2", n)
			}
			got := w.live.Endpoints("shop", "v2", nil)
			if len(got) != 1 || got[0].Requests != tt.requests || got[0].Failed != tt.failed {
				t.Errorf("got %v, want %d of %d", got, tt.failed, tt.requests)
			}
		})
	}
}
