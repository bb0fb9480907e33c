package proxy

import (
	"bytes"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"sluice/analysis"
)

// flood answers with more than sockets' buffers hold, and tells when it is stopped.
func flood(t *testing.T, head string) (*origin, chan struct{}) {
	stopped := make(chan struct{})
	block := bytes.Repeat([]byte("x"), 64<<10)
	return newOrigin(t, func(r *originRequest) bool {
		defer close(stopped)
		r.write("%s", head)
		for {
			if _, err := r.conn.Write(block); err != nil {
				return false
			}
		}
	}), stopped
}

func within(t *testing.T, what string, ended <-chan struct{}) {
	t.Helper()
	select {
	case <-ended:
	case <-time.After(patience):
		t.Fatal("still not so: " + what)
	}
}

// A client that reads a byte now and then holds an upstream no longer than the
// write timeout allows, and that is its own doing.
func TestSlowReaderIsCutOff(t *testing.T) {
	o, stopped := flood(t, "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
	w := start(t, single(o), Settings{WriteTimeout: 100 * time.Millisecond})
	c := w.dial()
	c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	read := make(chan struct{})
	go func() {
		defer close(read)
		one := make([]byte, 1)
		for {
			if _, err := c.Read(one); err != nil {
				return
			}
			select {
			case <-stopped:
				return
			case <-time.After(10 * time.Millisecond): // a client's pace
			}
		}
	}()
	within(t, "the upstream is let go", stopped)
	<-read
	w.allIdle()
	w.wantRecorded("v1", map[analysis.Outcome]uint64{analysis.ClientGone: 1})
}

// Who waits for a connection in vain, many at a time, leaves no place behind.
func TestCancelStormAtTheConnectionLimit(t *testing.T) {
	release := make(chan struct{})
	o := newOrigin(t, func(r *originRequest) bool {
		if strings.HasPrefix(r.RequestURI, "/hold") {
			<-release
		}
		return r.ok(r.RequestURI)
	})
	sv := single(o)
	sv.more = `{"Limits":{"ConnectionsPerVersion":2,"PendingPerVersion":100}}`
	w := start(t, sv, Settings{})
	holders := []*client{w.dial(), w.dial()}
	for _, c := range holders {
		c.send("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n")
	}
	await(t, "both places are taken", func() bool { return o.requests.Load() == 2 })
	for range 10 {
		for range 50 {
			nc, err := net.Dial("tcp", w.addr)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.WriteString(nc, "GET /gone HTTP/1.1\r\nHost: a\r\n\r\n")
			_ = nc.(*net.TCPConn).SetLinger(0)
			nc.Close()
		}
	}
	close(release)
	for _, c := range holders {
		if got := c.receive("GET"); got.status != 200 {
			t.Errorf("got %d", got.status)
		}
	}
	w.allIdle()
	if got := w.dial().get("/after"); got.status != 200 || got.body != "/after" {
		t.Errorf("after the storm: got %d %q", got.status, got.body)
	}
	w.allIdle()
	if n := w.version("v1").Split.Totals(); n.Started != n.Finished() {
		t.Errorf("started %d, finished %d", n.Started, n.Finished())
	}
	if open, waiting := w.live.Load().Pools()[0].Connections(); open > 2 || waiting != 0 {
		t.Errorf("%d open, %d waiting", open, waiting)
	}
}
