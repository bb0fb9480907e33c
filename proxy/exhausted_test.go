//go:build unix

package proxy

import (
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"sluice/analysis"

	"golang.org/x/sys/unix"
)

// Without file descriptors left nothing can be dialled or accepted. That is no
// version's fault, and passes when there are some again.
func TestNoDescriptorsLeft(t *testing.T) {
	o := echo(t)
	w := start(t, single(o), Settings{})
	c := w.dial()
	c.send("GET /none HTTP/1.1\r\nHost: other\r\n") // accepted: the rest follows below
	await(t, "it is accepted", func() bool { return w.server.Stats().Connections["127.0.0.1:0"] == 1 })
	waiting := socketFor(t)

	restore := withoutDescriptors(t)
	defer restore()
	c.send("\r\n")
	if got := c.receive("GET"); got.status != 503 || got.header.Get("Retry-After") != "1" {
		t.Errorf("got %d, want 503 with Retry-After", got.status)
	}
	late := connect(t, waiting, w.addr)
	await(t, "accepting fails", func() bool { return w.server.Stats().AcceptErrors > 0 })
	restore()

	w.allIdle()
	w.wantRecorded("v1", map[analysis.Outcome]uint64{analysis.LocalRefusal: 1})
	if got := newClient(t, late).get("/"); got.status != 200 {
		t.Errorf("accepted later: got %d", got.status)
	}
	if got := c.get("/"); got.status != 200 {
		t.Errorf("the first connection: got %d", got.status)
	}
}

// socketFor makes a descriptor to connect with when none can be had.
func socketFor(t *testing.T) int {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	return fd
}

// connect connects fd; the net.Conn for it can be made only when descriptors are back.
func connect(t *testing.T, fd int, addr string) net.Conn {
	to, err := net.ResolveTCPAddr("tcp4", addr)
	if err != nil {
		t.Fatal(err)
	}
	sa := &unix.SockaddrInet4{Port: to.Port, Addr: [4]byte(to.IP.To4())}
	if err := unix.Connect(fd, sa); err != nil {
		t.Fatal(err)
	}
	return &lateConn{fd: fd, t: t}
}

// lateConn becomes a net.Conn at its first use.
type lateConn struct {
	net.Conn
	fd int
	t  *testing.T
}

func (l *lateConn) SetDeadline(at time.Time) error {
	f := os.NewFile(uintptr(l.fd), "client")
	defer f.Close()
	nc, err := net.FileConn(f)
	if err != nil {
		l.t.Fatal(err)
	}
	l.Conn = nc
	return nc.SetDeadline(at)
}

func (l *lateConn) Close() error {
	if l.Conn != nil {
		return l.Conn.Close()
	}
	return unix.Close(l.fd)
}

// withoutDescriptors lets no new descriptor be made until the returned function is called.
func withoutDescriptors(t *testing.T) (restore func()) {
	var was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &was); err != nil {
		t.Fatal(err)
	}
	none := was
	none.Cur = 3 // those that are open stay
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &none); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &was); err != nil {
			t.Error(err)
		}
	}
}

// Two requests on open connections, one connection to the origin and no descriptor for a
// second: the later request waits for the earlier one's.
func TestNoDescriptorForTheOrigin(t *testing.T) {
	held := make(chan struct{})
	release := sync.OnceFunc(func() { close(held) })
	o := newOrigin(t, func(r *originRequest) bool {
		if r.URL.Path == "/held" {
			<-held
		}
		return r.ok("well")
	})
	t.Cleanup(release)
	w := start(t, single(o), Settings{})
	first, second := w.dial(), w.dial()
	first.get("/")
	second.send("GET /second HTTP/1.1\r\nHost: other\r\n") // accepted: the rest follows below
	await(t, "both are accepted", func() bool { return w.server.Stats().Connections["127.0.0.1:0"] == 2 })
	endpoint := w.live.Load().Pools()[0].Endpoints()[0]

	restore := withoutDescriptors(t)
	defer restore()
	first.send("GET /held HTTP/1.1\r\nHost: a\r\n\r\n")
	await(t, "the first is held", func() bool { return o.requests.Load() == 2 })
	second.send("\r\n")
	await(t, "the second has come", func() bool { return endpoint.InFlight() == 2 })
	release()
	for _, c := range []*client{first, second} {
		if got := c.receive("GET"); got.status != 200 {
			t.Errorf("got %d, want 200", got.status)
		}
	}
	restore()
	w.allIdle()
	w.wantRecorded("v1", map[analysis.Outcome]uint64{analysis.Success: 3})
}
