package upstream

import (
	"context"
	"errors"
	"net"
	"runtime"
	"syscall"
	"testing"
	"time"
)

func TestConnReusesTheNewestFirst(t *testing.T) {
	s := newLineServer(t, "127.0.0.1:0")
	p := retired(t, Options{Endpoints: []Address{s.address()}})
	e := p.Endpoints()[0]
	a, b := conn(t, p, e, false), conn(t, p, e, false)
	say(t, a, "a")
	say(t, b, "b")
	if a.Reused || b.Reused {
		t.Error("new connections claim to be reused")
	}
	la, lb := a.link, b.link
	// Both on one shard, whatever the machine: the order is that of a shard.
	la.shard, lb.shard = 0, 0
	a.Release()
	b.Release()
	c := conn(t, p, e, false)
	if c.link != lb || !c.Reused {
		t.Error("want the connection that was released last")
	}
	say(t, c, "c")
	d := conn(t, p, e, false)
	if d.link != la {
		t.Error("want the other idle connection")
	}
	if f := conn(t, p, e, true); f.Reused || f.link == la || f.link == lb {
		t.Error("fresh must dial")
	} else {
		f.Discard()
	}
	c.Release()
	d.Release()
	eventually(t, "three connections are accepted", func() bool { return s.accepted.Load() == 3 })
	if open, waiting := p.Connections(); open != 2 || waiting != 0 {
		t.Errorf("open %d, waiting %d, want 2 and 0", open, waiting)
	}
}

func TestIdleShardsStealFromEachOther(t *testing.T) {
	s := newLineServer(t, "127.0.0.1:0")
	p := retired(t, Options{Endpoints: []Address{s.address()}})
	e := p.Endpoints()[0]
	shards := make([]shard, 4)
	e.idle.shards.Store(&shards)
	var held []*Conn
	for i := range 6 {
		c := conn(t, p, e, true)
		c.link.shard = uint32(i)
		held = append(held, c)
	}
	for _, c := range held {
		c.Release()
	}
	if n := e.idle.len(); n != 6 {
		t.Fatalf("%d idle, want 6", n)
	}
	for range 6 {
		if c := conn(t, p, e, false); !c.Reused {
			t.Fatal("dialled although another shard had an idle connection")
		} else {
			defer c.Release()
		}
	}
}

func TestConnNoticesThatTheServerClosed(t *testing.T) {
	s := newLineServer(t, "127.0.0.1:0")
	p := retired(t, Options{Endpoints: []Address{s.address()}})
	e := p.Endpoints()[0]
	for _, test := range []struct {
		name string
		do   func(server net.Conn)
	}{
		{"closed", func(c net.Conn) { c.Close() }},
		{"reset", func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0); c.Close() }},
		{"spoke unasked", func(c net.Conn) { _, _ = c.Write([]byte("408\n")) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := conn(t, p, e, true)
			say(t, c, "x")
			l := c.link
			c.Release()
			var server net.Conn
			for server == nil || server.RemoteAddr().String() != l.tcp.LocalAddr().String() {
				server = <-s.conns
				defer server.Close()
			}
			test.do(server)
			eventually(t, "the socket shows it", func() bool { return !l.peek.silent() })
			c = conn(t, p, e, false)
			defer c.Discard()
			if c.Reused {
				t.Error("a dead connection was handed out")
			}
			say(t, c, "y")
			if open, _ := p.Connections(); open != 1 {
				t.Errorf("%d open, want 1: the dead one's place is to be freed", open)
			}
		})
	}
}

func TestConnThatIdledQuietlyIsKept(t *testing.T) {
	s := newLineServer(t, "127.0.0.1:0")
	p := retired(t, Options{Endpoints: []Address{s.address()}})
	c := conn(t, p, p.Endpoints()[0], false)
	say(t, c, "x")
	// A deadline that passes while idle says nothing about the connection.
	if err := c.SetDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	c.Release()
	if c = conn(t, p, p.Endpoints()[0], false); !c.Reused {
		t.Error("a live connection was thrown away")
	}
	c.Discard()
}

func TestConnIdleTooLongIsNotUsed(t *testing.T) {
	s := newLineServer(t, "127.0.0.1:0")
	p := retired(t, Options{Endpoints: []Address{s.address()}, IdleTimeout: time.Minute})
	c := conn(t, p, p.Endpoints()[0], false)
	l := c.link
	c.Release()
	l.since -= int64(time.Minute) + 1
	c = conn(t, p, p.Endpoints()[0], false)
	defer c.Discard()
	if c.Reused {
		t.Error("a connection over its idle timeout was handed out")
	}
}

func TestReleaseClosesWhatHasUnreadBytes(t *testing.T) {
	s := newLineServer(t, "127.0.0.1:0")
	p := retired(t, Options{Endpoints: []Address{s.address()}})
	c := conn(t, p, p.Endpoints()[0], false)
	if _, err := c.Write([]byte("two\nlines\n")); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Reader.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Reader.Peek(len("lines\n")); err != nil {
		t.Fatal(err)
	}
	c.Release()
	if open, _ := p.Connections(); open != 0 || p.Endpoints()[0].idle.len() != 0 {
		t.Error("a connection with a buffered answer went back into the pool")
	}
	eventually(t, "the server sees it closed", func() bool { return s.open.Load() == 0 })
}

func TestReleaseClosesTheLast(t *testing.T) {
	s := newLineServer(t, "127.0.0.1:0")
	p := retired(t, Options{Endpoints: []Address{s.address()}})
	c := conn(t, p, p.Endpoints()[0], false)
	say(t, c, "x")
	c.Last = true
	c.Release()
	if open, _ := p.Connections(); open != 0 {
		t.Errorf("%d open, want 0", open)
	}
	if c = conn(t, p, p.Endpoints()[0], false); c.Reused || c.Last {
		t.Error("want a new connection")
	}
	c.Release()
}

func TestDiscardAfterReleaseHitsNobody(t *testing.T) {
	s := newLineServer(t, "127.0.0.1:0")
	p := retired(t, Options{Endpoints: []Address{s.address()}})
	e := p.Endpoints()[0]
	a := conn(t, p, e, false)
	say(t, a, "a")
	a.Release()
	a.Release()
	b := conn(t, p, e, false)
	if b.link != a.link {
		t.Fatal("want the same connection")
	}
	a.Discard()
	_ = a.Close()
	a.Release()
	say(t, b, "b")
	b.Discard()
	b.Discard()
	b.Release()
	if open, _ := p.Connections(); open != 0 {
		t.Errorf("%d open, want 0", open)
	}
}

func TestDiscardInterruptsARead(t *testing.T) {
	s := newLineServer(t, "127.0.0.1:0")
	p := retired(t, Options{Endpoints: []Address{s.address()}})
	c := conn(t, p, p.Endpoints()[0], false)
	ended := make(chan error)
	go func() {
		_, err := c.Reader.ReadByte()
		ended <- err
	}()
	c.Discard()
	if err := <-ended; err == nil {
		t.Error("read went on after Discard")
	}
}

func TestIdleConnectionsHoldNoBuffer(t *testing.T) {
	s := newLineServer(t, "127.0.0.1:0")
	p := retired(t, Options{Endpoints: []Address{s.address()}})
	c := conn(t, p, p.Endpoints()[0], false)
	say(t, c, "x")
	l := c.link
	c.Release()
	for i := range l.handle {
		if l.handle[i].Reader != nil {
			t.Error("an idle connection keeps its reader")
		}
	}
}

func TestConnHasNoDelayAndShowsItsSocket(t *testing.T) {
	s := newLineServer(t, "127.0.0.1:0")
	p := retired(t, Options{Endpoints: []Address{s.address()}})
	c := conn(t, p, p.Endpoints()[0], false)
	defer c.Discard()
	raw, err := c.Raw().SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var value int
	var optErr error
	if err := raw.Control(func(fd uintptr) {
		value, optErr = syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_NODELAY)
	}); err != nil || optErr != nil || value == 0 {
		t.Errorf("TCP_NODELAY %d, %v, %v", value, err, optErr)
	}
}

func TestDialErrors(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead := addressOf(ln.Addr().String(), "http")
	ln.Close()
	p := retired(t, Options{Endpoints: []Address{dead}, MaxConnections: 1})
	for range 3 { // a failed dial keeps no place
		_, err := p.Conn(context.Background(), p.Endpoints()[0], false)
		if !errors.Is(err, syscall.ECONNREFUSED) {
			t.Fatalf("got %v, want connection refused", err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := p.Conn(ctx, p.Endpoints()[0], false); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context canceled", err)
	}
	if open, _ := p.Connections(); open != 0 {
		t.Errorf("%d places are kept", open)
	}
}

func TestRetireLetsRequestsFinish(t *testing.T) {
	s := newLineServer(t, "127.0.0.1:0")
	p := newPool(t, Options{Endpoints: []Address{s.address()}}, nil)
	e := p.Endpoints()[0]
	used, idle := conn(t, p, e, false), conn(t, p, e, false)
	say(t, idle, "x")
	idle.Release()
	p.Retire(nil)
	eventually(t, "the idle connection is closed", func() bool { return s.accepted.Load() == 2 && s.open.Load() == 1 })
	say(t, used, "still here")
	used.Release()
	eventually(t, "the used connection is closed after its request", func() bool { return s.open.Load() == 0 })
	if open, _ := p.Connections(); open != 0 {
		t.Errorf("%d places are kept", open)
	}
	// A request that picked before the retirement still gets through.
	late := conn(t, p, e, false)
	say(t, late, "late")
	late.Release()
	eventually(t, "a late connection is closed too", func() bool { return s.open.Load() == 0 })
}

func TestReuseDoesNotAllocate(t *testing.T) {
	s := newLineServer(t, "127.0.0.1:0")
	p := retired(t, Options{Endpoints: []Address{s.address()}, MaxConnections: 10})
	e := p.Endpoints()[0]
	conn(t, p, e, false).Release()
	ctx := context.Background()
	for _, test := range []struct {
		name string
		idle int64 // ns
	}{{"at once", 0}, {"after a while", int64(2 * time.Second)}} {
		runtime.GC()
		if n := testing.AllocsPerRun(1000, func() {
			c, err := p.Conn(ctx, e, false)
			if err != nil || !c.Reused {
				t.Fatal("not reused", err)
			}
			l := c.link
			c.Release()
			l.since -= test.idle
		}); n != 0 {
			t.Errorf("Conn and Release %s: %v allocations", test.name, n)
		}
	}
	if n := testing.AllocsPerRun(1000, func() {
		e, err := p.Pick(nil)
		if err != nil {
			t.Fatal(err)
		}
		e.Done(false)
	}); n != 0 {
		t.Errorf("Pick and Done: %v allocations", n)
	}
}

func TestPickAmongTroubledEndpointsDoesNotAllocate(t *testing.T) {
	p := newPool(t, Options{Endpoints: literals(6)}, nil)
	fail(p.Endpoints()[0], 5)
	p.Endpoints()[1].down.Store(true)
	if n := testing.AllocsPerRun(1000, func() {
		e, err := p.Pick(p.Endpoints()[2])
		if err != nil {
			t.Fatal(err)
		}
		e.Done(e == p.Endpoints()[3])
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
