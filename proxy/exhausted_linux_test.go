package proxy

import (
	"net"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// Of three requests, one waits without a descriptor for a connection of the others. The first
// that is given back has been closed by the origin, so it waits on for the second.
func TestNoDescriptorAndDeadConnection(t *testing.T) {
	dying, held := make(chan struct{}), make(chan struct{})
	release := sync.OnceFunc(func() { close(held) })
	o := newOrigin(t, func(r *originRequest) bool {
		switch r.URL.Path {
		case "/dying":
			<-dying
			cork(t, r.conn) // answer and end come in one
			return r.ok("well") && false
		case "/held":
			<-held
		}
		return r.ok("well")
	})
	sv := single(o)
	sv.more = `{"Timeouts":{"Connect":9000000000,"Response":9000000000}}`
	w := start(t, sv, Settings{})
	t.Cleanup(release)
	dies, holds, waits := w.dial(), w.dial(), w.dial()
	waits.send("GET / HTTP/1.1\r\nHost: other\r\n") // accepted: the rest follows below
	dies.send("GET /dying HTTP/1.1\r\nHost: a\r\n\r\n")
	holds.send("GET /held HTTP/1.1\r\nHost: a\r\n\r\n")
	await(t, "both are there, and the third is accepted", func() bool {
		return o.requests.Load() == 2 && w.server.Stats().Connections["127.0.0.1:0"] == 3
	})
	pool := w.live.Load().Pools()[0]
	restore := withoutDescriptors(t)
	defer restore()
	waits.send("\r\n")
	await(t, "the third has come", func() bool { return pool.Endpoints()[0].InFlight() == 3 })
	close(dying)
	if got := dies.receive("GET"); got.status != 200 {
		t.Errorf("got %d, want 200", got.status)
	}
	await(t, "the dead connection is gone", func() bool { open, _ := pool.Connections(); return open == 2 })
	release()
	for _, c := range []*client{holds, waits} {
		if got := c.receive("GET"); got.status != 200 {
			t.Errorf("got %d, want 200", got.status)
		}
	}
}

// cork holds what is written back until the end.
func cork(t *testing.T, nc net.Conn) {
	raw, err := nc.(syscall.Conn).SyscallConn()
	var set error
	if err == nil {
		err = raw.Control(func(fd uintptr) { set = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_CORK, 1) })
	}
	if err != nil || set != nil {
		t.Error(err, set)
	}
}
