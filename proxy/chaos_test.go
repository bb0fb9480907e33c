package proxy

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/analysis"
)

// whims answers each request in one of many ways, some of them wrong.
func whims(t *testing.T) *origin {
	return newOrigin(t, func(r *originRequest) bool {
		switch rand.IntN(12) {
		case 0:
			return r.write("HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy") // early: the body may be unread
		case 1:
			return false
		case 2:
			r.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
			return false
		case 3:
			r.write("nonsense\r\n\r\n")
			return false
		case 4:
			_, _ = io.CopyN(io.Discard, r.br, 1<<20) // hangs until the proxy gives up
			return false
		case 5:
			_, _ = io.Copy(io.Discard, r.Body)
			r.ok("last")
			return false
		}
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return false
		}
		return r.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n%.5s\r\n0\r\n\r\n", r.RequestURI+"     ")
	})
}

// Whatever upstreams and clients do, while tables are swapped: each request sent is
// recorded once, nothing stays counted as in flight, and no client ever reads
// an answer to somebody else's request.
func TestEverythingSentIsRecorded(t *testing.T) {
	sv := service{
		urls:    map[string]string{"v1": whims(t).URL(), "v2": whims(t).URL() + " " + whims(t).URL()},
		weights: map[string]int{"v1": 5000, "v2": 5000}, shield: true,
		more: `{"Timeouts":{"Connect":1000000000,"Response":30000000,"Idle":30000000},"Limits":{"ConnectionsPerVersion":6,"PendingPerVersion":2},
			"Retries":{"Attempts":3,"On":["connect_error","reset","timeout","503"],"Budget":0.5}}`,
	}
	w := start(t, sv, Settings{BodyTimeout: 50 * time.Millisecond})
	var clients sync.WaitGroup
	for id := range 12 {
		clients.Go(func() {
			for n := range 60 {
				chaoticClient(t, w.addr, fmt.Sprintf("/%02d%02d", id, n))
			}
		})
	}
	stop, swapped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(swapped)
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
				w.live.Store(table(t, sv, w.live.Load()))
			}
		}
	}()
	clients.Wait()
	close(stop)
	<-swapped
	w.allIdle()
	await(t, "the connections are gone", func() bool {
		var open int64
		for _, n := range w.server.Stats().Connections {
			open += n
		}
		return open == 0
	})
	for _, name := range []string{"v1", "v2"} {
		v := w.version(name)
		totals := v.Split.Totals()
		var sum uint64
		for _, n := range totals.ByOutcome {
			sum += n
		}
		if totals.Started != sum || sum == 0 {
			t.Errorf("%s: started %d, finished %d", name, totals.Started, sum)
		}
		if totals.ByOutcome[analysis.Success] == 0 || totals.Failed() == 0 {
			t.Errorf("%s: recorded %v: the test does not test", name, totals.ByOutcome)
		}
		if a, r := v.Active.Load(), v.Retrying.Load(); a != 0 || r != 0 {
			t.Errorf("%s: %d active, %d retrying", name, a, r)
		}
	}
	if n := w.server.Stats().Panics; n != 0 {
		t.Errorf("%d panics", n)
	}
	for _, p := range w.live.Load().Pools() {
		for _, e := range p.Endpoints() {
			if n := e.InFlight(); n != 0 {
				t.Errorf("%s: %d in flight", e.URL(), n)
			}
		}
	}
}

// chaoticClient makes a few requests over one connection and may leave at any point.
func chaoticClient(t *testing.T, addr, path string) {
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Error(err)
		return
	}
	defer nc.Close()
	_ = nc.SetDeadline(time.Now().Add(patience))
	br := bufio.NewReader(nc)
	for range 3 {
		request := "GET " + path + " HTTP/1.1\r\nHost: a\r\n\r\n"
		switch rand.IntN(5) {
		case 0:
			request = "POST " + path + " HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
		case 1:
			request = "PUT " + path + " HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n14000\r\n" + strings.Repeat("x", 0x14000) + "\r\n0\r\n\r\n"
		case 2:
			if rand.IntN(4) == 0 {
				request = request[:rand.IntN(len(request))] + "\x00" // and waits: refused, or too slow
				nc.Close()
			}
		}
		if _, err := io.WriteString(nc, request); err != nil || rand.IntN(15) == 0 {
			return
		}
		a, err := http.ReadResponse(br, nil)
		if err != nil {
			return
		}
		b, err := io.ReadAll(a.Body)
		if err != nil {
			return
		}
		if len(b) == 5 && b[0] == '/' && string(b) != path {
			t.Errorf("asked for %s, got the answer to %s", path, b)
		}
		if a.Close {
			return
		}
	}
}

// A client that does not read holds its answer up, and only for so long.
func TestClientThatDoesNotRead(t *testing.T) {
	ended := make(chan struct{})
	o := newOrigin(t, func(r *originRequest) bool {
		r.write("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
		block := make([]byte, 1<<16)
		for {
			if _, err := r.conn.Write(block); err != nil {
				close(ended)
				return false
			}
		}
	})
	w := start(t, single(o), Settings{WriteTimeout: 50 * time.Millisecond})
	w.dial().send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	select {
	case <-ended:
	case <-time.After(patience):
		t.Fatal("the upstream still waits for a client that does not read")
	}
	w.allIdle()
	w.wantRecorded("v1", map[analysis.Outcome]uint64{analysis.ClientGone: 1})
}
