package proxy

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
)

// loaded answers with codes in turn, the last of them for ever, and reports its
// utilization with each.
func loaded(t *testing.T, report string, codes ...int) *origin {
	var answered atomic.Int64
	return newOrigin(t, func(r *originRequest) bool {
		code := codes[min(int(answered.Add(1)), len(codes))-1]
		return r.write("HTTP/1.1 %d X\r\nEndpoint-Load-Metrics: %s\r\nContent-Length: 2\r\n\r\nok", code, report)
	})
}

func TestUtilizationIsReadOfFirstAttempts(t *testing.T) {
	const wanted = `{"Guard":{"Trip":{"Off":true},"Breach":{"cpu_utilization":[{"Op":">","Value":0.9}]}},
		"Retries":{"Attempts":2,"On":["503"],"Budget":1}}`
	for _, c := range []struct {
		name, more string
		codes      []int
		reports    uint64
	}{
		{"a criterion asks for it", wanted, []int{200}, 1},
		{"nothing asks for it", "", []int{200}, 0},
		{"a retry is another's answer", wanted, []int{503, 200}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := loaded(t, "TEXT cpu_utilization=0.5,mem_utilization=0.25", c.codes...)
			w := start(t, service{urls: map[string]string{"v1": o.URL()}, more: c.more}, Settings{})
			r := w.dial().send("GET / HTTP/1.1\r\nHost: shop\r\n\r\n").receive(http.MethodGet)
			if r.status != 200 || r.header.Get("endpoint-load-metrics") == "" {
				t.Errorf("got %d with %v, want 200 with the header forwarded", r.status, r.header)
			}
			got := w.version("v1").Load.Snapshot()
			if got.CPU.Reports != c.reports || got.Memory.Reports != c.reports {
				t.Errorf("got %+v, want %d reports", got, c.reports)
			}
			if c.reports > 0 && fmt.Sprint(got.CPU.Mean(), got.Memory.Mean()) != "0.5 0.25" {
				t.Errorf("got means %v and %v, want 0.5 and 0.25", got.CPU.Mean(), got.Memory.Mean())
			}
		})
	}
}
