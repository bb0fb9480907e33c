// Package toxic is a TCP proxy that does to a connection what networks do: it delays, throttles, cuts
// off in the middle, swallows, and closes late. Programs that try sluice put it before sluice or before
// its backends. A Proxy owns its goroutines from Start to Close. It imports no package of ours.
package toxic

import (
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Toxic is what happens to the bytes of one direction. The zero value passes them on.
type Toxic struct {
	Latency   time.Duration // before each piece
	Jitter    time.Duration // random addition to Latency, up to this
	Bandwidth int64         // bytes per second of each connection; 0: no limit
	CutAfter  int64         // both sides are reset after so many bytes of this direction; 0: never, negative: at the first byte
	Swallow   bool          // pieces vanish, and so does the end: the peer seems to have lost its network
	Linger    time.Duration // the end is passed on so much later
}

// Proxy passes connections on to a target. Its methods are safe for concurrent use.
type Proxy struct {
	target string
	ln     net.Listener
	up     atomic.Pointer[Toxic] // from who connects to the target
	down   atomic.Pointer[Toxic]
	closed chan struct{}

	accepted atomic.Uint64
	bitten   atomic.Uint64
	running  sync.WaitGroup
	mu       sync.Mutex
	open     map[net.Conn]struct{} // nil: closed
}

// Start listens on a free port of 127.0.0.1 and passes on to target, host:port.
func Start(target string) (*Proxy, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{target: target, ln: ln, closed: make(chan struct{}), open: map[net.Conn]struct{}{}}
	p.Set(Toxic{}, Toxic{})
	p.running.Go(p.accept)
	return p, nil
}

// Addr is host:port.
func (p *Proxy) Addr() string { return p.ln.Addr().String() }

// Set changes what happens to pieces to come, of open connections as well: up is from who connects to the target.
func (p *Proxy) Set(up, down Toxic) { p.up.Store(&up); p.down.Store(&down) }

// Accepted counts connections.
func (p *Proxy) Accepted() uint64 { return p.accepted.Load() }

// Bitten counts pieces that met a toxic other than a late end.
func (p *Proxy) Bitten() uint64 { return p.bitten.Load() }

// Close resets every connection and returns when all goroutines have ended.
func (p *Proxy) Close() {
	p.ln.Close()
	p.mu.Lock()
	if p.open != nil {
		close(p.closed)
	}
	for c := range p.open {
		reset(c)
	}
	p.open = nil
	p.mu.Unlock()
	p.running.Wait()
}

func (p *Proxy) accept() {
	for {
		c, err := p.ln.Accept()
		if err != nil {
			return
		}
		p.accepted.Add(1)
		p.running.Go(func() { p.serve(c) })
	}
}

func (p *Proxy) serve(from net.Conn) {
	to, err := net.Dial("tcp", p.target)
	if err != nil {
		reset(from)
		return
	}
	if !p.add(from, to) {
		reset(from)
		reset(to)
		return
	}
	defer p.remove(from, to)
	var both sync.WaitGroup
	both.Go(func() { p.copy(to, from, &p.up) })
	both.Go(func() { p.copy(from, to, &p.down) })
	both.Wait()
}

func (p *Proxy) add(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open == nil {
		return false
	}
	for _, c := range conns {
		p.open[c] = struct{}{}
	}
	return true
}

func (p *Proxy) remove(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		c.Close()
		delete(p.open, c)
	}
}

// errCut ends both directions.
var errCut = errors.New("cut")

func (p *Proxy) copy(to, from net.Conn, toxic *atomic.Pointer[Toxic]) {
	buf := make([]byte, 16<<10)
	for f := (flow{}); ; {
		n, err := from.Read(buf)
		t := toxic.Load()
		if n > 0 && *t != (Toxic{Linger: t.Linger}) {
			p.bitten.Add(1)
		}
		if n > 0 && !t.Swallow {
			if cut := p.pass(to, buf[:n], t, &f); cut != nil {
				reset(to)
				reset(from)
				return
			}
		}
		if err == nil {
			continue
		}
		t = toxic.Load()
		if t.Swallow {
			<-p.closed // nobody learns of the end
			return
		}
		p.wait(t.Linger)
		if errors.Is(err, io.EOF) {
			_ = to.(*net.TCPConn).CloseWrite() // it may be gone
			return
		}
		reset(to)
		return
	}
}

// flow is what one direction of a connection has carried.
type flow struct {
	passed int64     // bytes
	free   time.Time // when the bandwidth lets the next byte out
}

// pass sends one piece as t says.
func (p *Proxy) pass(to net.Conn, piece []byte, t *Toxic, f *flow) error {
	if t.Latency > 0 || t.Jitter > 0 {
		p.wait(t.Latency + time.Duration(rand.Int64N(int64(t.Jitter)+1)))
	}
	cut := t.CutAfter != 0 && f.passed+int64(len(piece)) >= t.CutAfter
	if cut {
		piece = piece[:max(0, t.CutAfter-f.passed)]
	}
	for len(piece) > 0 {
		n, err := to.Write(piece[:p.share(len(piece), t.Bandwidth, f)])
		if err != nil {
			return err
		}
		f.passed += int64(n)
		piece = piece[n:]
	}
	if cut {
		return errCut
	}
	return nil
}

// share waits until some of n bytes may go at so many bytes a second, a fiftieth of a second's at most, and says how many.
// Lateness and rest are made up for, by a share at most.
func (p *Proxy) share(n int, bandwidth int64, f *flow) int {
	if bandwidth <= 0 {
		return n
	}
	n = int(min(int64(n), max(1, bandwidth/50)))
	takes := time.Duration(n) * time.Second / time.Duration(bandwidth)
	now := time.Now()
	f.free = f.free.Add(takes)
	if f.free.Before(now) {
		f.free = now.Add(takes)
	}
	p.wait(f.free.Sub(now))
	return n
}

func (p *Proxy) wait(d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-p.closed:
	}
}

// reset closes with a RST in place of a FIN.
func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // without it the close is an ordinary one
	}
	c.Close()
}
