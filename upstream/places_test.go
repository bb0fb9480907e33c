package upstream

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestLimitsRefuseAtOnce(t *testing.T) {
	s := newLineServer(t, "127.0.0.1:0")
	for _, test := range []struct {
		name          string
		pending, fits int
	}{{"one may wait", 1, 1}, {"three may wait", 3, 3}, {"none may wait", -1, 0}} {
		t.Run(test.name, func(t *testing.T) {
			p := retired(t, Options{Endpoints: []Address{s.address()}, MaxConnections: 2, MaxPending: test.pending})
			e := p.Endpoints()[0]
			a, b := conn(t, p, e, false), conn(t, p, e, false)
			var wg sync.WaitGroup
			var served atomic.Int64
			for range test.fits {
				wg.Go(func() {
					c, err := p.Conn(context.Background(), e, false)
					if err != nil {
						t.Error(err)
						return
					}
					served.Add(1)
					c.Release()
				})
			}
			eventually(t, "all wait", func() bool { _, w := p.Connections(); return w == test.fits })
			if _, err := p.Conn(context.Background(), e, false); !errors.Is(err, ErrOverLimit) {
				t.Errorf("got %v, want ErrOverLimit", err)
			}
			a.Release()
			b.Discard()
			wg.Wait()
			if open, waiting := p.Connections(); open > 2 || waiting != 0 || served.Load() != int64(test.fits) {
				t.Errorf("open %d, waiting %d, served %d", open, waiting, served.Load())
			}
		})
	}
}

func TestWaitersAreServedInOrder(t *testing.T) {
	s := newLineServer(t, "127.0.0.1:0")
	p := retired(t, Options{Endpoints: []Address{s.address()}, MaxConnections: 1})
	e := p.Endpoints()[0]
	c := conn(t, p, e, false)
	order := make(chan int)
	var wg sync.WaitGroup
	for i := range 5 {
		wg.Go(func() {
			c, err := p.Conn(context.Background(), e, i == 3) // one of them wants a fresh one
			if err != nil {
				t.Error(err)
				return
			}
			order <- i
			if i%2 == 0 {
				c.Release()
			} else {
				c.Discard()
			}
		})
		eventually(t, "it waits", func() bool { _, w := p.Connections(); return w == i+1 })
	}
	c.Release()
	for want := range 5 {
		if got := <-order; got != want {
			t.Errorf("served %d, want %d", got, want)
		}
	}
	wg.Wait()
}

func TestWaitingEnds(t *testing.T) {
	s := newLineServer(t, "127.0.0.1:0")
	p := retired(t, Options{Endpoints: []Address{s.address()}, MaxConnections: 1, ConnectTimeout: 50 * time.Millisecond})
	e := p.Endpoints()[0]
	c := conn(t, p, e, false)
	_, err := p.Conn(context.Background(), e, false)
	if !errors.Is(err, ErrOverLimit) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want ErrOverLimit after the connect timeout", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := p.Conn(ctx, e, false); !errors.Is(err, ErrOverLimit) || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want ErrOverLimit and canceled", err)
	}
	if _, waiting := p.Connections(); waiting != 0 {
		t.Errorf("%d still wait", waiting)
	}
	c.Release()
	if c = conn(t, p, e, false); !c.Reused {
		t.Error("the released connection is lost")
	}
	c.Release()
}

func TestWhatAGoneWaiterWasGivenIsNotLost(t *testing.T) {
	s := newLineServer(t, "127.0.0.1:0")
	p := retired(t, Options{Endpoints: []Address{s.address()}, MaxConnections: 1})
	e := p.Endpoints()[0]
	places := &p.version.places
	for _, discard := range []bool{false, true} {
		c := conn(t, p, e, false)
		w := &waiter{pool: p, e: e, got: make(chan *link, 1)}
		if !places.enter(w) {
			t.Fatal("refused")
		}
		if discard {
			c.Discard()
		} else {
			c.Release()
		}
		if places.leave(w) {
			t.Fatal("the waiter was not served")
		}
		places.handOn(<-w.got)
		conn(t, p, e, false).Release() // would wait for ever if the place were lost
	}
}

func TestIdleConnectionsElsewhereMakeRoom(t *testing.T) {
	a, b := newLineServer(t, "127.0.0.1:0"), newLineServer(t, "127.0.0.1:0")
	p := retired(t, Options{Endpoints: []Address{a.address(), b.address()}, MaxConnections: 2})
	one, two := conn(t, p, p.Endpoints()[0], false), conn(t, p, p.Endpoints()[0], false)
	one.Release()
	two.Release()
	c := conn(t, p, p.Endpoints()[1], false)
	say(t, c, "x")
	if open, _ := p.Connections(); open != 2 {
		t.Errorf("%d open, want 2", open)
	}
	eventually(t, "one idle connection of the other endpoint is closed", func() bool { return a.open.Load() == 1 })
	c.Release()
}

// Requests come, wait, give up and break off at random; in the end every
// place and connection must be accounted for.
func TestCancelStormLeavesNothingBehind(t *testing.T) {
	a, b := newLineServer(t, "127.0.0.1:0"), newLineServer(t, "127.0.0.1:0")
	p := newPool(t, Options{Endpoints: []Address{a.address(), b.address()}, MaxConnections: 4, MaxPending: 16}, nil)
	var wg sync.WaitGroup
	var exchanges, over atomic.Int64
	for range 32 {
		wg.Go(func() {
			for range 60 {
				if open, _ := p.Connections(); open > 4 {
					over.Add(1)
				}
				if storm(p) {
					exchanges.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if over.Load() > 0 {
		t.Errorf("more than 4 connections were open %d times", over.Load())
	}
	if exchanges.Load() == 0 {
		t.Error("no exchange got through")
	}
	open, waiting := p.Connections()
	idle := 0
	for _, e := range p.Endpoints() {
		idle += e.idle.len()
		if e.InFlight() != 0 {
			t.Errorf("%s: %d in flight", e.URL(), e.InFlight())
		}
	}
	if open != idle || waiting != 0 {
		t.Errorf("open %d, idle %d, waiting %d", open, idle, waiting)
	}
	p.Retire(nil)
	if open, _ := p.Connections(); open != 0 {
		t.Errorf("%d open after retirement", open)
	}
	eventually(t, "servers see all closed", func() bool { return a.open.Load()+b.open.Load() == 0 })
}

// storm makes one request that may be cancelled at any moment.
func storm(p *Pool) (passed bool) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(rand.IntN(3000))*time.Microsecond)
	defer cancel()
	e, err := p.Pick(nil)
	if err != nil {
		return false
	}
	defer e.Abandon()
	c, err := p.Conn(ctx, e, rand.IntN(4) == 0)
	if err != nil {
		return false
	}
	defer c.Discard()
	if _, err := c.Write([]byte("hello\n")); err != nil {
		return false
	}
	if rand.IntN(4) == 0 {
		return false
	}
	if _, err := c.Reader.ReadString('\n'); err != nil {
		return false
	}
	c.Release()
	return true
}
