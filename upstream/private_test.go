package upstream

import (
	"errors"
	"io"
	"net/netip"
	"testing"
	"time"
)

var (
	anna = Client{netip.MustParseAddrPort("203.0.113.7:1"), netip.MustParseAddrPort("192.0.2.1:80")}
	bert = Client{netip.MustParseAddrPort("203.0.113.8:1"), netip.MustParseAddrPort("192.0.2.1:80")}
)

// asks sends a line over the client's connection and expects it back, after the header if the
// connection is new. Nothing else may come.
func asks(t *testing.T, p *Pool, e *Endpoint, own *Private, c Client, fresh bool) (reused bool) {
	t.Helper()
	conn, err := p.Private(t.Context(), e, fresh, own, c)
	if err != nil {
		t.Fatal(err)
	}
	reused = conn.Reused
	line := "hello\n"
	if _, err := io.WriteString(conn, line); err != nil {
		t.Fatal(err)
	}
	want := line
	if !reused {
		want = string(AppendPreamble(nil, 1, c)) + line
	}
	got := make([]byte, len(want))
	if _, err := io.ReadFull(conn.Reader, got); err != nil || string(got) != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	conn.Release()
	return reused
}

// A client keeps its connection and gets nobody else's; at another endpoint, when it asks for a fresh one,
// after a reload without that endpoint, and when it leaves, the old one ends.
func TestPrivateConnections(t *testing.T) {
	s, other := newLineServer(t, "127.0.0.1:0"), newLineServer(t, "127.0.0.1:0")
	p := newPool(t, Options{ProxyProtocol: 1, Endpoints: []Address{s.address(), other.address()}}, nil)
	if p.Shared() {
		t.Fatal("the pool shares its connections")
	}
	at, there := p.Endpoints()[0], p.Endpoints()[1]
	var a, b Private
	open := func(want int) {
		t.Helper()
		if n, _ := p.Connections(); n != want {
			t.Errorf("%d connections are open, want %d", n, want)
		}
	}
	for _, step := range []struct {
		own           *Private
		c             Client
		e             *Endpoint
		fresh, reused bool
		open          int
	}{
		{&a, anna, at, false, false, 1},
		{&a, anna, at, false, true, 1},
		{&b, bert, at, false, false, 2},
		{&a, anna, at, false, true, 2},
		{&a, anna, at, true, false, 2},
		{&a, anna, there, false, false, 2},
		{&a, anna, there, false, true, 2},
	} {
		if got := asks(t, p, step.e, step.own, step.c, step.fresh); got != step.reused {
			t.Errorf("%+v: reused is %v", step, got)
		}
		open(step.open)
	}
	next := newPool(t, Options{ProxyProtocol: 1, Endpoints: []Address{s.address()}}, p)
	p.Retire([]*Pool{next})
	if asks(t, p, there, &a, anna, false) {
		t.Error("a connection to an endpoint that left was used again")
	}
	a.Close()
	b.Close()
	a.Close()
	open(0)
}

// A connection that the endpoint has closed is found out before a request is sent.
func TestPrivateConnectionThatDied(t *testing.T) {
	s := newLineServer(t, "127.0.0.1:0")
	p := newPool(t, Options{ProxyProtocol: 1, Endpoints: []Address{s.address()}}, nil)
	e := p.Endpoints()[0]
	var own Private
	defer own.Close()
	asks(t, p, e, &own, anna, false)
	(<-s.conns).Close()
	eventually(t, "the end has arrived", func() bool { return !own.link.fresh(clock(), time.Hour) })
	if asks(t, p, e, &own, anna, false) {
		t.Error("the dead connection was used")
	}
}

// A connection whose endpoint is retired in the middle of an exchange is not kept for the client, which may stay for hours.
func TestPrivateConnectionOfARetiredEndpoint(t *testing.T) {
	s := newLineServer(t, "127.0.0.1:0")
	p := newPool(t, Options{ProxyProtocol: 1, Endpoints: []Address{s.address()}}, nil)
	var own Private
	defer own.Close()
	conn, err := p.Private(t.Context(), p.Endpoints()[0], false, &own, anna)
	if err != nil {
		t.Fatal(err)
	}
	p.Retire(nil)
	conn.Release()
	if n, _ := p.Connections(); n != 0 || own.link != nil {
		t.Errorf("%d connections are open, held: %v", n, own.link != nil)
	}
}

// Connections that clients hold count against the limit, and their end lets others in.
func TestPrivateConnectionsAtTheLimit(t *testing.T) {
	s := newLineServer(t, "127.0.0.1:0")
	p := newPool(t, Options{ProxyProtocol: 1, Endpoints: []Address{s.address()}, MaxConnections: 1, ConnectTimeout: 50 * time.Millisecond}, nil)
	e := p.Endpoints()[0]
	var a, b Private
	asks(t, p, e, &a, anna, false)
	if _, err := p.Private(t.Context(), e, false, &b, bert); !errors.Is(err, ErrOverLimit) {
		t.Errorf("got %v, want %v", err, ErrOverLimit)
	}
	if !asks(t, p, e, &a, anna, false) {
		t.Error("the client lost its connection")
	}
	a.Close()
	asks(t, p, e, &b, bert, false)
	b.Close()
}

// Another protocol at the same address is another endpoint: none of its old connections fits.
func TestProxyProtocolIsPartOfAnEndpointsIdentity(t *testing.T) {
	s := newLineServer(t, "127.0.0.1:0")
	o := Options{Endpoints: []Address{s.address()}}
	p := newPool(t, o, nil)
	o.ProxyProtocol = 2
	q := newPool(t, o, p)
	same := newPool(t, o, q)
	if q.Endpoints()[0] == p.Endpoints()[0] || same.Endpoints()[0] != q.Endpoints()[0] {
		t.Error("the endpoint is carried over by its address alone")
	}
	if _, err := New(Options{ProxyProtocol: 3}, nil); err == nil {
		t.Error("version 3 is accepted")
	}
}

// Checks come from us, and say so.
func TestChecksBeginWithAHeader(t *testing.T) {
	s := newLineServer(t, "127.0.0.1:0")
	p := newPool(t, Options{ProxyProtocol: 1, Endpoints: []Address{s.address()}}, nil)
	l, err := p.Endpoints()[0].dial(t.Context(), patience, Client{})
	if err != nil {
		t.Fatal(err)
	}
	defer l.shut()
	want := "PROXY UNKNOWN\r\n"
	got := make([]byte, len(want))
	if _, err := io.ReadFull(l.nc, got); err != nil || string(got) != want || string(p.Endpoints()[0].Preamble()) != want {
		t.Errorf("got %q, %v", got, err)
	}
}
