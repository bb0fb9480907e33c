package upstream

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a condition may take on the slowest machine.
const patience = 20 * time.Second

// eventually waits for a condition that other goroutines bring about.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); {
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

// lineServer answers each line with the same line.
type lineServer struct {
	net.Listener
	accepted atomic.Int64
	open     atomic.Int64
	conns    chan net.Conn // every connection accepted, if somebody reads
}

func newLineServer(t testing.TB, at string) *lineServer {
	t.Helper()
	ln, err := net.Listen("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	s := &lineServer{Listener: ln, conns: make(chan net.Conn, 4096)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			s.accepted.Add(1)
			s.open.Add(1)
			s.conns <- c
			go s.echo(c)
		}
	}()
	t.Cleanup(func() {
		_ = ln.Close()
		<-done
		close(s.conns)
		for c := range s.conns {
			_ = c.Close()
		}
		for deadline := time.Now().Add(patience); s.open.Load() > 0 && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
		}
	})
	return s
}

func (s *lineServer) echo(c net.Conn) {
	defer s.open.Add(-1)
	defer c.Close()
	r := bufio.NewReader(c)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		if _, err := c.Write([]byte(line)); err != nil {
			return
		}
	}
}

func (s *lineServer) address() Address { return addressOf(s.Addr().String(), "http") }

func addressOf(hostport, scheme string) Address {
	host, port, err := net.SplitHostPort(hostport)
	if err != nil {
		panic(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		panic(err)
	}
	return Address{URL: scheme + "://" + hostport, Scheme: scheme, Host: host, Port: n}
}

// literals are n addresses that nothing listens on.
func literals(n int) []Address {
	var all []Address
	for i := range n {
		all = append(all, addressOf(fmt.Sprintf("127.9.0.1:%d", 1000+i), "http"))
	}
	return all
}

func newPool(t testing.TB, o Options, prev *Pool) *Pool {
	t.Helper()
	if o.Service == "" {
		o.Service, o.Version = "shop", "v1"
	}
	if o.ConnectTimeout == 0 {
		o.ConnectTimeout = patience
	}
	p, err := New(o, prev)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// retired makes a pool that is retired when the test ends.
func retired(t testing.TB, o Options) *Pool {
	t.Helper()
	p := newPool(t, o, nil)
	t.Cleanup(func() { p.Retire(nil) })
	return p
}

func conn(t testing.TB, p *Pool, e *Endpoint, fresh bool) *Conn {
	t.Helper()
	c, err := p.Conn(context.Background(), e, fresh)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// say carries one exchange.
func say(t testing.TB, c *Conn, text string) {
	t.Helper()
	if _, err := c.Write([]byte(text + "\n")); err != nil {
		t.Fatal(err)
	}
	got, err := c.Reader.ReadString('\n')
	if err != nil || got != text+"\n" {
		t.Fatalf("answer %q, %v, want %q", got, err, text)
	}
}

// watched runs a Prober over pools until the test ends and returns its changes.
func watched(t testing.TB, pools ...*Pool) (*Prober, chan Change) {
	t.Helper()
	changes := make(chan Change, 1000)
	var busy atomic.Bool
	p := NewProber(func(c Change) {
		if !busy.CompareAndSwap(false, true) {
			t.Error("onChange called concurrently")
		}
		changes <- c
		busy.Store(false)
	})
	p.Watch(pools)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- p.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return p, changes
}

func nextChange(t *testing.T, changes chan Change) Change {
	t.Helper()
	select {
	case c := <-changes:
		return c
	case <-time.After(patience):
		t.Fatal("no change in time")
		return Change{}
	}
}

// fakeResolver answers what it was told.
type fakeResolver struct {
	answer atomic.Pointer[fakeAnswer]
	asked  atomic.Int64
}

type fakeAnswer struct {
	addrs []netip.Addr
	err   error
}

func (r *fakeResolver) set(err error, addrs ...string) {
	a := &fakeAnswer{err: err}
	for _, s := range addrs {
		a.addrs = append(a.addrs, netip.MustParseAddr(s))
	}
	r.answer.Store(a)
}

func (r *fakeResolver) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	r.asked.Add(1)
	a := r.answer.Load()
	return a.addrs, a.err
}
