package upstream

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
)

// Requests go on while generations follow each other, endpoints come and go,
// and names change their addresses: none may fail, and nothing may be left open.
func TestRequestsSurviveReloads(t *testing.T) {
	a, b := newLineServer(t, "127.0.0.1:0"), newLineServer(t, "127.0.0.1:0")
	named := newLineServer(t, fmt.Sprintf("127.0.0.2:%d", a.address().Port))
	generation := func(k int, prev *Pool) *Pool {
		o := namedOptions(&fakeResolver{}, "shop.internal", a.address().Port)
		o.Resolver.(*fakeResolver).set(nil, "127.0.0.1", "127.0.0.2")
		o.MaxConnections = 16
		if k%2 == 0 {
			o.Endpoints = append(o.Endpoints, b.address())
		}
		return newPool(t, o, prev)
	}
	var live atomic.Pointer[Pool]
	live.Store(generation(0, nil))
	prober, _ := watched(t, live.Load())

	stop := make(chan struct{})
	var wg sync.WaitGroup
	var requests atomic.Int64
	for range 8 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if err := ask(live.Load()); err != nil {
					t.Error(err)
					return
				}
				requests.Add(1)
			}
		})
	}
	for k := 1; k <= 150; k++ {
		old := live.Load()
		next := generation(k, old)
		live.Store(next)
		prober.Watch([]*Pool{next})
		old.Retire([]*Pool{next})
		ips := []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.2")}
		next.learn("shop.internal", ips[k%3%2:], nil)
		for before := requests.Load(); requests.Load() < before+5 && !t.Failed(); {
			if err := ask(next); err != nil {
				t.Error(err)
			}
		}
	}
	close(stop)
	wg.Wait()
	p := live.Load()
	p.Retire(nil)
	if open, waiting := p.Connections(); open != 0 || waiting != 0 {
		t.Errorf("open %d, waiting %d after retirement", open, waiting)
	}
	eventually(t, "servers see all closed", func() bool { return a.open.Load()+b.open.Load()+named.open.Load() == 0 })
}

func ask(p *Pool) error {
	e, err := p.Pick(nil)
	if err != nil {
		return err
	}
	c, err := p.Conn(context.Background(), e, false)
	if err != nil {
		e.Done(true)
		return err
	}
	if _, err = c.Write([]byte("hello\n")); err == nil {
		_, err = c.Reader.ReadString('\n')
	}
	e.Done(err != nil)
	if err != nil {
		c.Discard()
	} else {
		c.Release()
	}
	return err
}
