package proxy

import (
	"crypto/tls"
	"net"
	"testing"
	"time"

	"sluice/analysis"
	"sluice/router"
)

// A client that stops reading in the middle of an answer must not make the version look as if
// it hung: the answer counts while the write still waits.
func TestAnswerToStalledClientIsCounted(t *testing.T) {
	long, chunked := "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3b9aca00\r\n"
	for _, tt := range []struct {
		name, head string
		tls        bool
	}{
		{"spliced", long, false},
		{"copied", chunked, false},
		{"TLS", long, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o, stopped := flood(t, tt.head)
			live := router.NewLive()
			live.Store(table(t, single(o), nil))
			l := Listener{Address: "127.0.0.1:0"}
			if tt.tls {
				l.TLS = &tls.Config{Certificates: []tls.Certificate{issue(t, nil, time.Now().Add(time.Hour), "shop.test").pair}}
			}
			w := serve(t, live, Options{Live: live}, Settings{WriteTimeout: time.Hour}, []Listener{l})
			nc, err := net.Dial("tcp", w.addr)
			if err != nil {
				t.Fatal(err)
			}
			if tt.tls {
				nc = tls.Client(nc, &tls.Config{InsecureSkipVerify: true})
			}
			c := newClient(t, nc).send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			v := w.version("v1")
			await(t, "the answer is counted", func() bool { return v.Split.Totals().ByOutcome[analysis.Success] == 1 })
			if v.Active.Load() != 1 {
				t.Error("the exchange has ended")
			}
			c.Close()
			within(t, "the upstream is let go", stopped)
			w.allIdle()
		})
	}
}
